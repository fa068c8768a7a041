#!/usr/bin/env python3
"""Shouts the prompt. Settings: marks, how many exclamation marks to add."""

import json
import sys

for line in sys.stdin:
    request = json.loads(line)
    if request.get("ping"):
        answer = {}
    else:
        prompt = request["fields"]["prompt"]
        marks = request["settings"].get("marks", 1)
        if prompt.isspace():
            answer = {"error": {"code": "invalid_message", "message": "There is nothing to shout"}}
        else:
            answer = {"fields": {"prompt": prompt.upper() + "!" * marks}}
    print(json.dumps({"id": request["id"], **answer}), flush=True)
