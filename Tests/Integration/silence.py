"""What tests of silent databases share: many who ask at the same time, and how long each waits."""

import json
import threading
import time
import urllib.error
import urllib.request
import uuid

from websockets.exceptions import InvalidStatus

from conftest import DEADLINE, receive_json

# What a loaded machine may take beyond what is promised.
SLACK = 0.1 * DEADLINE


def at_once(asked):
    """Runs them at the same time; how long each took, and what it gave."""
    results = [None] * len(asked)

    def run(index):
        began = time.monotonic()
        try:
            result = asked[index]()
        except Exception as error:  # a connection that is closed without an answer, too
            result = error
        results[index] = (time.monotonic() - began, result)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def http_status(host, path, body=None, token="key-of-ann"):
    request = urllib.request.Request(host.http + path, data=body, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
            return answer.status
    except urllib.error.HTTPError as error:
        error.read()
        return error.code


def by_websocket(host, session=None):
    try:
        with host.connect(f"session={session or uuid.uuid4()}", additional_headers={"Authorization": "Bearer key-of-ann"}):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


def by_post(host, session=None):
    return http_status(host, f"/ws?session={session or uuid.uuid4()}", json.dumps({"prompt": "hello"}).encode())


def by_history(host, session=None):
    return http_status(host, f"/sessions/{session or uuid.uuid4()}")


WAYS = {"websocket": by_websocket, "post": by_post, "history": by_history}


def ask(host, prompt, path="/ws", **fields):
    with host.connect(path=path) as client:
        receive_json(client)
        client.send(json.dumps({"prompt": prompt, **fields}))
        return json.loads(client.recv(timeout=60)).get("error", {}).get("code")


def stop(host):
    """How long a stop takes, and the exit code."""
    began = time.monotonic()
    code = host.stop()
    return time.monotonic() - began, code
