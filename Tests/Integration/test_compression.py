"""permessage-deflate, by clients from other hands and byte by byte."""

import json
import os
import shutil
import subprocess
import zlib

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from conftest import memory, receive, receive_json
from test_clients import HERE, needed
from test_protocol import close_code, frame, handshake

RSV1 = 0x40
ECHO = """
pipeline: echo
host: {compression: true%s}
resources: {m: echo}
stages: [receive: {format: %s}, complete, respond]
"""
LONG = "Was lange währt, wird endlich gut. 漢字 😀 " * 40


@pytest.fixture
def echo(serve):
    return serve(ECHO % ("", "text"))


def negotiated(host, offer="permessage-deflate"):
    connection, status, head = handshake(host, Sec_WebSocket_Extensions=offer)
    fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
    return connection, status, fields.get("sec-websocket-extensions")


def compressed(data, opcode=1):
    deflate = zlib.compressobj(wbits=-15)
    return frame(opcode, (deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4], reserved=RSV1)


def test_it_is_off_unless_the_file_turns_it_on(offline, echo):
    connection, status, extensions = negotiated(offline)
    with connection:
        assert (status, extensions) == (101, None)
        connection.sendall(compressed(b"x"))
        assert close_code(connection) == 1002
    connection, status, extensions = negotiated(echo)
    connection.close()
    assert (status, extensions) == (101, "permessage-deflate")


@pytest.mark.parametrize(
    ("offer", "status", "answer"),
    [(None, 101, None), ("x-webkit-deflate-frame", 101, None), ("permessage-deflate; server_max_window_bits=8", 101, None),
     ("permessage-deflate; level=9", 101, None), ("permessage-deflate;", 400, None), ("a b", 400, None),
     ("permessage-deflate; level=9, permessage-deflate; client_max_window_bits", 101,
      "permessage-deflate; client_max_window_bits=12")])
def test_offers_that_cannot_be_taken_are_declined(echo, offer, status, answer):
    connection, *got = negotiated(echo, offer)
    connection.close()
    assert got == [status, answer]


@pytest.mark.parametrize(
    "parameters",
    [{}, {"server_no_context_takeover": True}, {"client_no_context_takeover": True}, {"server_max_window_bits": 9},
     {"client_max_window_bits": 9}, {"client_max_window_bits": True},
     {"server_no_context_takeover": True, "client_no_context_takeover": True, "server_max_window_bits": 12,
      "client_max_window_bits": 15}])
def test_pythons_client_is_understood_with_all_parameters(echo, parameters):
    extension = ClientPerMessageDeflateFactory(**parameters)
    with echo.connect(extensions=[extension], compression=None) as client:
        assert [extension.name for extension in client.protocol.extensions] == ["permessage-deflate"]
        for text in ["short", LONG, LONG, "x" * 8000, "", LONG]:
            client.send(text)
            assert receive(client) == text
        client.send(iter([LONG[:100], LONG[100:200], "", LONG[200:]]))
        assert receive(client) == LONG


def test_streams_and_errors_are_compressed_as_well(serve):
    host = serve("""
pipeline: stream
host: {compression: true}
resources: {m: echo}
stages:
  - receive: {format: json}
  - validate: {max_length: 4000}
  - complete: {stream: true}
  - respond: {stream: true}
""")
    with host.connect(compression="deflate") as client:
        assert receive_json(client)["type"] == "session"
        client.send(json.dumps({"prompt": LONG[:3000]}))
        frames = [receive_json(client)]
        while frames[-1]["type"] == "delta":
            frames.append(receive_json(client))
        assert frames[-1]["response"] == "".join(frame["text"] for frame in frames[:-1]) == LONG[:3000]
        client.send(json.dumps({"prompt": "x" * 5000}))
        assert receive_json(client)["error"]["code"] == "too_long"


def test_node_has_a_compressed_conversation(serve):
    host = serve(ECHO % ("", "json"))
    node = needed(shutil.which("node"), "nodejs")
    needed("/usr/share/nodejs/ws", "node-ws")
    result = subprocess.run(
        [node, HERE / "compressed.cjs", host.url()], capture_output=True, text=True, timeout=20,
        env={**os.environ, "NODE_PATH": "/usr/share/nodejs"})
    assert result.stdout.splitlines() == ["permessage-deflate", "same", "same", "same", "closed 1000"], result.stderr


def test_a_browser_has_a_compressed_conversation(echo):
    from playwright.sync_api import sync_playwright

    chromium = needed(shutil.which("chromium"), "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(echo.http + "/")
        result = page.evaluate("""([url, text]) => new Promise((resolve, reject) => {
            const socket = new WebSocket(url), answers = []
            socket.onopen = () => { for (let count = 0; count < 3; count++) socket.send(text) }
            socket.onmessage = event => {
                answers.push(event.data === text)
                if (answers.length === 3) { socket.close(); resolve([socket.extensions, answers]) }
            }
            socket.onerror = () => reject("the connection failed")
        })""", [echo.url(), LONG])
        browser.close()
    assert result == ["permessage-deflate; client_max_window_bits=12", [True] * 3]


@pytest.mark.parametrize(
    ("what", "data", "code"),
    [("noise", frame(1, b"\xff\xff\xff\xff", reserved=RSV1), 1007), ("nothing", frame(1, reserved=RSV1), 1007),
     ("bad UTF-8", compressed(b"\xff"), 1007), ("a compressed ping", frame(9, b"x", reserved=RSV1), 1002),
     ("a compressed continuation", frame(1, b"\xf2", final=False, reserved=RSV1) + frame(0, reserved=RSV1), 1002),
     ("reserved bit 2", frame(1, b"x", reserved=0x20), 1002), ("binary", compressed(b"x", opcode=2), 1003),
     ("one byte too many", compressed(b"x" * (64 * 1024 + 1)), 1009)])
def test_a_breach_is_closed_with_its_code_and_nothing_after_it_counts(echo, what, data, code):
    connection, *_ = negotiated(echo)
    with connection:
        connection.sendall(data + frame(1, b"later"))
        assert close_code(connection) == code


@pytest.mark.memory
@pytest.mark.parametrize(("limit", "size"), [("64KiB", 64 << 10), ("1MiB", 1 << 20), ("4MiB", 4 << 20)])
def test_a_bomb_takes_no_more_memory_than_a_message(serve, limit, size):
    host = serve(ECHO % (f", limits: {{message: {limit}}}", "text"))
    deflate = zlib.compressobj(9, wbits=-15)
    piece = bytes(1 << 20)
    bomb = b"".join(deflate.compress(piece) for _ in range(1024)) + deflate.flush(zlib.Z_SYNC_FLUSH)
    assert len(bomb) < 1_100_000
    # What the first connections leave in the heap is not the bomb's.
    for _ in range(3):
        with host.connect(compression="deflate") as client:
            client.send(LONG)
            receive(client)
    before = memory(host)
    connection, *_ = negotiated(host)
    with connection:
        try:
            connection.sendall(frame(1, bomb[:-4], reserved=RSV1))
        except ConnectionError:
            pass
        assert close_code(connection) == 1009
    # Half a megabyte for what the socket brings in one read, and the heap's own pages.
    assert memory(host) - before < 2 * size + (512 << 10)
    with host.connect(compression="deflate") as client:
        client.send(LONG)
        assert receive(client) == LONG
