"""An answer that is there at once, in many pieces: what of it is gathered for a client has a bound, and it comes whole."""

import json
import re
import shutil
import socket

import pytest

from conftest import DEADLINE, receive_json
from test_streaming import OFFLINE, ask, frames, start

WORDS = [f"{number}-".ljust(512, "x") for number in range(2_048)]
PROMPT = " ".join(WORDS)
# And the piece with which it is more.
BOUND = (16 << 10) + 1_024


@pytest.fixture
def traced(serve, ai, tmp_path):
    """A host, and the sizes of what it sends past its queues of what has to wait."""
    if not shutil.which("strace"):
        pytest.fail("strace is missing; scripts/setup --tests installs it")
    log = tmp_path / "writes"
    host = start(serve, ai, "host: {limits: {message: 2MiB, outbound: 16MiB}}\n" + OFFLINE.replace("2s", "60s"),
                 prefix=["strace", "-D", "-f", "-s", "0", "-e", "trace=sendto", "-o", str(log)])
    return host, lambda: [int(size) for size in re.findall(r"sendto\(\d+, .*, (\d+), MSG_DONTWAIT", log.read_text())]


def check(sizes):
    assert max(sizes) <= BOUND, "no more is gathered"
    # Until the client's socket is full.
    assert sum(size > BOUND // 2 for size in sizes) > 4, "it is gathered"


@pytest.mark.preload
def test_a_websocket_gets_a_burst_in_bounded_pieces_whole_and_in_order(traced):
    host, sizes = traced
    with host.connect(max_size=None) as connection:
        receive_json(connection)
        ask(connection, PROMPT)
        *words, answer = frames(connection)
        assert "".join(word["text"] for word in words) == PROMPT == answer["response"]
        assert [frame["seq"] for frame in words] == list(range(2, 2 + len(WORDS)))
    check(sizes())


@pytest.mark.preload
def test_an_event_stream_gets_a_burst_in_bounded_pieces_whole_and_in_order(traced):
    host, sizes = traced
    body = json.dumps({"prompt": PROMPT}).encode()
    with socket.create_connection(("127.0.0.1", host.port), timeout=6 * DEADLINE) as connection:
        connection.sendall(b"POST /ws HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
                           b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answer = b""
        while not answer.endswith(b"\r\n0\r\n\r\n") and (more := connection.recv(1 << 16)):
            answer += more
    *words, last = [json.loads(event) for event in re.findall(rb"(?m)^data: (.*)$", answer)]
    assert "".join(word["text"] for word in words) == PROMPT == last["response"]
    check(sizes())
