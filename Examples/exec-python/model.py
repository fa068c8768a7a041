#!/usr/bin/env python3
"""A model: it answers piece by piece, remembers what was said, counts tokens, and stops when nobody listens."""

import json
import queue
import re
import sys
import threading
import time

requests, cancelled = queue.Queue(), set()


def read():
    for request in map(json.loads, sys.stdin):
        if request.get("cancel"):
            cancelled.add(request["id"])
        else:
            requests.put(request)
    requests.put(None)


def pieces(prompt, history):
    """The model itself: put your own here. It yields the answer piece by piece."""
    before = [f", and before that you said '{turn['content']}'" for turn in history if turn["role"] == "user"]
    for piece in re.findall(r"\S+ ?", f"You say '{prompt}'{''.join(before[-1:])}."):
        time.sleep(0.02)
        yield piece


threading.Thread(target=read, daemon=True).start()
while request := requests.get():
    number, fields, tokens = request["id"], request.get("fields"), 0
    answer = pieces(fields["prompt"], fields["history"]) if fields else []  # A ping has none: any line answers it.
    for tokens, piece in enumerate(answer, 1):
        if number in cancelled:
            break
        print(json.dumps({"id": number, "delta": piece}), flush=True)
    print(json.dumps({"id": number, "fields": {"tokens_used": tokens}}), flush=True)
    cancelled.discard(number)
