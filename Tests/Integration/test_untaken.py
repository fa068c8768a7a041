"""Clients that ask a model and do not take the answer: the call is given back, the stop does not wait for them, and no
connection lives longer than it may, whatever is asked on it."""

import contextlib
import http.client
import json
import time

import pytest

from conftest import DEADLINE, receive, receive_json, wait_until
from test_bounds import PATIENCE, deaf, shake
from test_post import events
from test_protocol import frame

FLOW = """
pipeline: flow
host: {limits: {LIMITS}, drain: DRAIN}
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: k, calls: 2}}
stages:
  - receive: {format: json}
  - complete: {stream: true, timeout: TIMEOUT}
  - respond: {stream: true}
"""
LONG = "word " * 12_000


def flow(serve, ai, limits="write: 1s", drain="30s", timeout="60s"):
    return serve(FLOW.replace("LIMITS", limits).replace("DRAIN", drain).replace("TIMEOUT", timeout),
                 env={"OPENAI_BASE_URL": ai.url})


def by_post(host, client):
    body = json.dumps({"prompt": LONG})
    client.sendall(f"POST /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
                   f"Content-Length: {len(body)}\r\n\r\n{body}".encode())


def by_websocket(host, client):
    shake(client, host)
    client.sendall(frame(1, json.dumps({"prompt": LONG}).encode()))


@contextlib.contextmanager
def stuck(host, ai, ask=by_post, count=2):
    """So many clients whose answers have begun, and which take nothing of them."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(deaf(host)) for _ in range(count)]
        for client in clients:
            ask(host, client)
            assert ai.arrived.acquire(timeout=DEADLINE)
        yield clients


def answered(host, prompt="hello"):
    """How long it takes until somebody else has an answer."""
    began = time.monotonic()
    with host.connect("format=json") as other:
        receive(other)
        other.send(json.dumps({"prompt": prompt}))
        while (frame := receive_json(other))["type"] == "delta":
            pass
    assert frame["response"] == prompt
    return time.monotonic() - began


@pytest.mark.parametrize("ask", [by_post, by_websocket])
def test_calls_of_clients_that_take_nothing_are_given_back(serve, ai, ask):
    host = flow(serve, ai)
    with stuck(host, ai, ask):
        assert answered(host) < 1 + 5 * PATIENCE
        wait_until(lambda: sum("takes nothing" in line for line in host.log) == 2, "the log's entries")


def test_calls_of_clients_that_take_a_little_now_and_then_end_with_their_time(serve, ai):
    host = flow(serve, ai, "write: 4s", timeout="2s")
    with stuck(host, ai) as clients:
        began = time.monotonic()
        answers = []
        while not answers and time.monotonic() - began < DEADLINE:
            for client in clients:
                client.recv(2048)
            time.sleep(0.2)
            if time.monotonic() - began > 2 + 6:
                answers.append(answered(host))
    assert answers and answers[0] < 5 * PATIENCE
    assert host.entries("model_timeout")


@pytest.mark.parametrize("limits, drain", [("write: 2s", "20s"), ("write: 60s", "8s"), ("write: 0s", "8s")])
def test_a_stop_does_not_wait_for_clients_that_take_nothing(serve, ai, limits, drain):
    host = flow(serve, ai, limits, drain)
    with stuck(host, ai):
        time.sleep(0.5)  # until the buffers are full
        began = time.monotonic()
        assert host.stop() == 0, host.log
        assert time.monotonic() - began < 2 + 3 * PATIENCE


MORTAL = """
pipeline: mortal
host: {limits: {lifetime: 1s}}
resources: {m: {echo: ECHO}}
stages:
  - receive: {format: json}
  - complete: {stream: true, timeout: 60s}
  - respond: {stream: true}
"""


def posted(host, prompt, accept):
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=DEADLINE)
    began = time.monotonic()
    connection.request("POST", "/ws", json.dumps({"prompt": prompt}), {"Accept": accept})
    response = connection.getresponse()
    text = response.read().decode()
    assert time.monotonic() - began < 1 + 4 * PATIENCE
    return response, text


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
def test_an_answer_that_takes_longer_than_a_connection_may_live_is_an_error(serve, accept):
    host = serve(MORTAL.replace("ECHO", "{delay: 30s}"))
    response, text = posted(host, "x", accept)
    assert response.status == 503 and response.headers["Connection"] == "close"
    assert json.loads(text)["error"] == {"code": "cancelled", "message": "The connection has lived long enough",
                                         "retryable": True}


def test_a_stream_that_takes_longer_than_a_connection_may_live_ends_in_an_error(serve):
    host = serve(MORTAL.replace("ECHO", "{tokens_per_second: 10}"))
    response, text = posted(host, "word " * 1000, "text/event-stream")
    *deltas, error = events(text)
    assert response.status == 200 and deltas and error["error"]["code"] == "cancelled"


def test_a_connection_that_lives_long_enough_is_closed_between_two_requests(serve):
    host = serve(MORTAL.replace("ECHO", "{}"))
    with host.raw() as client:
        began, count = time.monotonic(), 0
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while True:
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                if not client.recv(4096):
                    break
                count += 1
                time.sleep(0.1)
        assert count > 2 and time.monotonic() - began < 1 + 4 * PATIENCE
