"""Settings of `host:` that no other test tries: each does what its line in docs/wire.md says."""

import json
import socket
import time
import urllib.error
import urllib.request

import pytest
from websockets.exceptions import ConnectionClosed

from conftest import DEADLINE, receive, receive_json
from test_protocol import close_code, frame, handshake, opened

FLOW = "resources: {m: echo, d: {sqlite: {path: data/stagecoach.db}}}\nstages: [receive, complete, persist, respond]\n"


def start(serve, host):
    return serve(f"pipeline: p\nhost: {{{host}}}\n{FLOW}")


def test_a_connection_is_closed_when_it_has_lived_long_enough_however_busy(serve):
    host = start(serve, "limits: {lifetime: 1s}")
    began = time.monotonic()
    with host.connect() as client, pytest.raises(ConnectionClosed) as closed:
        while time.monotonic() - began < DEADLINE:
            client.send("x")
            assert receive(client) == "x"
    assert closed.value.rcvd.code == 1000 and 0.7 <= time.monotonic() - began <= 1 + 0.2 * DEADLINE


def test_sizes_are_those_of_the_file(serve):
    host = start(serve, "limits: {message: 1KiB, fragments: 3, headers: 1KiB}")
    with opened(host) as connection:
        connection.sendall(frame(1, b"x" * 1025))
        assert close_code(connection) == 1009
    with opened(host) as connection:
        connection.sendall(frame(1, b"x", final=False) + frame(0, b"x", final=False) * 3)
        assert close_code(connection) == 1008
    connection, status, _ = handshake(host, X_Long="x" * 1100)
    connection.close()
    assert status in (400, 431)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{host.http}/ws", data=b'{"prompt": "' + b"x" * 1100 + b'"}', timeout=DEADLINE)
    assert refused.value.code == 413


def test_a_post_whose_body_does_not_end_is_closed_in_the_time_of_a_handshake(serve):
    host = start(serve, "limits: {handshake: 500ms}")
    for byte in (b"", b" "):
        with host.raw() as connection:
            connection.sendall(f"POST /ws HTTP/1.1\r\nHost: 127.0.0.1:{host.port}\r\nContent-Length: 1000\r\n\r\n".encode())
            began = time.monotonic()
            connection.settimeout(0.05)
            while time.monotonic() - began < DEADLINE:
                # A byte now and then buys no more time.
                try:
                    connection.sendall(byte)
                    if connection.recv(4096) == b"":
                        break
                except socket.timeout:
                    continue
                except OSError:
                    break
            assert time.monotonic() - began < 0.5 + 0.2 * DEADLINE


def test_a_sessions_history_is_its_last_100_rows_or_as_many_as_asked_up_to_1000(serve):
    host = start(serve, "history: true")
    with host.connect("format=json") as client:
        session = receive_json(client)["session_id"]
        client.send(json.dumps({"prompt": "x"}))
        receive_json(client)
    with host.database() as database:
        database.executemany(
            "insert into requests (id, session_id, prompt, response, created_at) values (?, ?, ?, 'r', ?)",
            [(f"00000000-0000-7000-8000-{number:012d}", session, str(number), f"2099-01-01T00:00:00.{number:06d}Z")
             for number in range(1_500)])

    def prompts(query=""):
        with urllib.request.urlopen(f"{host.http}/sessions/{session}{query}", timeout=DEADLINE) as answer:
            return [row["prompt"] for row in json.load(answer)]

    assert prompts() == [str(number) for number in range(1_400, 1_500)]
    assert prompts("?limit=1000") == [str(number) for number in range(500, 1_500)]
    for limit in ("0", "1001", "-1", "99999999999999999999", "x"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            prompts(f"?limit={limit}")
        assert refused.value.code == 400
