"""What a client may make the host keep: clients that ask and do not read, before they are let in and after, are closed, and
the host's memory stays what it was."""

import json
import os
import re
import socket
import time

import pytest

from conftest import DEADLINE, memory, receive_json, wait_until
from test_metrics import Metrics
from test_protocol import KEY, frame, handshake, read_frame

WRITE = 1
ECHO = """
pipeline: p
host: {limits: {write: 1s, handshake: 3s}HOST}
resources: {model: echo, database: {sqlite: {path: data/stagecoach.db}}}
stages:
  - receive: {format: json}
  - complete
  - persist
  - respond
"""
PATIENCE = float(os.environ.get("PATIENCE", "1"))
MIB = 1 << 20
# What one abusive client may take: what sockets, their reads and the heap hold, and no more.
ROOM = 12 * MIB


def echo(serve, host="", stores=True):
    text = ECHO if stores else ECHO.replace("  - persist\n", "")
    return serve(text.replace("HOST", f", {host}" if host else ""), env={"LOG_LEVEL": "info"})


def deaf(host, size=4096):
    """A connection that takes little into its buffers, and is not read."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    connection.settimeout(DEADLINE)
    connection.connect(("127.0.0.1", host.port))
    return connection


def flood(connection, data, seconds=DEADLINE):
    """Sends the same without end until the connection is closed; for how many seconds, and how many bytes went out."""
    began, sent = time.monotonic(), 0
    connection.settimeout(0.1)
    while time.monotonic() - began < seconds:
        try:
            sent += connection.send(data)
        except TimeoutError:
            continue
        except OSError:
            return time.monotonic() - began, sent
    pytest.fail(f"still open after {seconds} s and {sent} bytes")


def request(path="/", method="GET", more="", body=""):
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}\r\n{body}".encode()


POST = '{"prompt": "' + "word " * 1000 + '"}'
REQUESTS = {
    "page": request(),
    "metrics": request("/metrics"),
    "history": request("/sessions/5f350470-f5d5-4d96-93db-8d732a78cfc9"),
    "head": request(method="HEAD"),
    "nothing": request("/nowhere"),
    "other method": request("/ws", "DELETE"),
    "options": request("/ws", "OPTIONS"),
    "bad session": request("/ws?session=1"),
    "foreign": b"GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n",
    "bad message": request("/ws", "POST", "Content-Length: 1\r\n", "x"),
    "message": request("/ws", "POST", f"Content-Length: {len(POST)}\r\n", POST),
    "events": request("/ws", "POST", f"Accept: text/event-stream\r\nContent-Length: {len(POST)}\r\n", POST),
    "expected": request("/ws", "POST", "Expect: 100-continue\r\nContent-Length: 15\r\n", '{"prompt": "x"}'),
}


@pytest.mark.memory
@pytest.mark.parametrize("what", REQUESTS)
def test_requests_whose_answers_are_not_read_are_not_worked_on_and_their_client_is_closed(serve, what):
    host = echo(serve, "history: true")
    with host.connect("format=json&session=5f350470-f5d5-4d96-93db-8d732a78cfc9") as other:
        receive_json(other)
        other.send(json.dumps({"prompt": "x" * 20_000}))
        receive_json(other)
        before = memory(host)
        with deaf(host) as client:
            seconds, _ = flood(client, REQUESTS[what] * 200)
        assert seconds < WRITE + 4 * PATIENCE
        assert memory(host) - before < ROOM
        other.send(json.dumps({"prompt": "hello"}))
        assert receive_json(other)["response"] == "hello"
    wait_until(lambda: Metrics(host).value("stagecoach_connections_cut_total", reason="write") == 1, "the cut")
    assert sum("takes nothing" in line for line in host.log) == 1
    assert Metrics(host).value("stagecoach_outbound_bytes") == 0


def test_requests_that_are_sent_at_once_are_answered_in_their_order(offline):
    with offline.raw() as client:
        client.sendall(b"".join(request(f"/{number}") for number in range(500)) + request(more="Connection: close\r\n"))
        answers = b""
        while more := client.recv(1 << 16):
            answers += more
    assert re.findall(rb"there is nothing at /(\d+)\n", answers) == [str(number).encode() for number in range(500)]
    assert answers.count(b"HTTP/1.1 200 OK") == 1


def test_a_client_that_takes_its_answers_slowly_gets_them_all(serve):
    host = echo(serve)
    with deaf(host) as client:
        client.sendall(request() * 40 + request(more="Connection: close\r\n"))
        answers, began = b"", time.monotonic()
        # Less than a socket takes at once each tenth of a second, for longer than both limits.
        while more := client.recv(2048 if time.monotonic() - began < 5 else 1 << 16):
            answers += more
            if time.monotonic() - began < 5:
                time.sleep(0.1)
    assert answers.count(b"HTTP/1.1 200 OK") == 41 and answers.endswith(b"</html>\n")


TOKENS = 'auth: {keys: ["a-key-of-sixteen-bytes"]}'


@pytest.mark.memory
@pytest.mark.parametrize("flooded", [
    frame(9, b"p" * 100), frame(9), frame(10, b"p" * 100), frame(1, b"x", final=False),
    frame(1, b"", final=False) + frame(0, b"", final=False) * 100],
    ids=["pings", "empty pings", "pongs", "a message without end", "fragments"])
def test_before_a_token_nothing_piles_up_and_the_client_is_closed_in_time(serve, flooded):
    host = echo(serve, TOKENS)
    before = memory(host)
    with deaf(host) as client:
        shake(client, host)
        seconds, _ = flood(client, flooded * 200, 8)
    assert seconds < 3 + 2 * PATIENCE
    assert memory(host) - before < ROOM


def shake(client, host, more=""):
    client.sendall(
        f"GET /ws?format=json HTTP/1.1\r\nHost: 127.0.0.1:{host.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{more}\r\n".encode())
    return client.recv(1)


def test_before_a_token_pings_are_answered_and_one_byte_at_a_time_is_enough(serve):
    host = echo(serve, TOKENS)
    client, status, _ = handshake(host)
    assert status == 101
    token = json.dumps({"type": "auth", "token": "a-key-of-sixteen-bytes"}).encode()
    with client:
        for number in range(3):
            client.sendall(frame(9, str(number).encode()))
            assert read_frame(client) == (10, str(number).encode())
        for byte in frame(1, token):
            client.sendall(bytes([byte]))
        assert json.loads(read_frame(client)[1])["type"] == "session"


def test_what_follows_a_token_at_once_is_worked_on(serve):
    host = echo(serve, TOKENS)
    client, _, _ = handshake(host)
    token = json.dumps({"type": "auth", "token": "a-key-of-sixteen-bytes"}).encode()
    prompts = b"".join(frame(1, json.dumps({"prompt": "x" * 2000, "id": str(number)}).encode()) for number in range(30))
    with client:
        client.sendall(frame(9, b"p") + frame(1, token) + prompts)
        assert read_frame(client) == (10, b"p")
        assert json.loads(read_frame(client)[1])["type"] == "session"
        assert [json.loads(read_frame(client)[1])["id"] for _ in range(30)] == [str(number) for number in range(30)]


@pytest.mark.memory
@pytest.mark.parametrize("flooded", [frame(9, b"p" * 100), frame(9), frame(1, b'{"prompt": "x"}'), frame(1, b"{")],
                         ids=["pings", "empty pings", "prompts", "errors"])
def test_a_client_that_is_in_and_does_not_read_is_closed(serve, flooded):
    # Short answers fill what waits for the client slowly where each is synced to disk before it leaves.
    host = echo(serve, stores=False)
    before = memory(host)
    with deaf(host) as client:
        shake(client, host)
        seconds, _ = flood(client, flooded * 200)
    assert seconds < WRITE + 4 * PATIENCE
    assert memory(host) - before < ROOM
    wait_until(lambda: any("takes nothing" in line for line in host.log), "the log's entry")


def test_of_the_pings_of_a_client_that_has_much_to_read_the_last_is_answered(serve):
    host = serve(ECHO.replace("HOST", "").replace("write: 1s", "write: 20s"))
    with deaf(host) as client:
        shake(client, host)
        prompts = 0
        while Metrics(host).value("stagecoach_outbound_bytes") == 0:
            client.sendall(frame(1, json.dumps({"prompt": "x" * 10_000}).encode()))
            prompts += 1
            assert prompts < 1000
            wait_until(lambda: len(host.rows("id")) == prompts, "the answer")
        for number in range(5):
            client.sendall(frame(9, str(number).encode()))
        client.sendall(frame(1, b"{"))
        wait_until(lambda: host.entries("invalid_json"), "the pings to be read")
        client.settimeout(DEADLINE)
        data = b""
        while frame(10, b"4", mask=None) not in data:
            data += client.recv(1 << 16)
    assert [data.count(frame(10, str(number).encode(), mask=None)) for number in range(5)] == [0, 0, 0, 0, 1]
