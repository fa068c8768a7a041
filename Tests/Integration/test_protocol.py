"""The WebSocket protocol and the HTTP around it, spoken byte by byte."""

import os
import struct

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from conftest import DEADLINE, memory, receive, wait_until

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
MASK = b"\x01\x02\x03\x04"


def frame(opcode, payload=b"", final=True, mask=MASK, reserved=0, length=None):
    first = (0x80 if final else 0) | reserved | opcode
    size = len(payload) if length is None else length
    if size < 126:
        head = struct.pack("!BB", first, (0x80 if mask else 0) | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, (0x80 if mask else 0) | 126, size)
    else:
        head = struct.pack("!BBQ", first, (0x80 if mask else 0) | 127, size)
    if not mask:
        return head + payload
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def handshake(host, **changes):
    fields = {"Host": f"127.0.0.1:{host.port}", "Upgrade": "websocket", "Connection": "Upgrade",
              "Sec-WebSocket-Key": KEY, "Sec-WebSocket-Version": "13"}
    fields.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    connection = host.raw()
    connection.sendall(("GET /ws HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            break
        head += byte
    return connection, int(head.split(b" ")[1]), head.decode()


def opened(host):
    connection, status, head = handshake(host)
    assert status == 101 and "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head.lower().replace(
        "s3pplmbitxaq9kygzzhzrbk+xoo=", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    return connection


def read_exactly(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        assert more, "the connection ended"
        data += more
    return data


def read_frame(connection):
    first, second = read_exactly(connection, 2)
    assert second & 0x80 == 0, "a server's frame has no mask"
    size = second & 0x7F
    if size == 126:
        size, = struct.unpack("!H", read_exactly(connection, 2))
    elif size == 127:
        size, = struct.unpack("!Q", read_exactly(connection, 8))
    return first & 0x0F, read_exactly(connection, size)


def close_code(connection):
    """The code that the host closes with; then it must end the connection once we close our side."""
    while True:
        opcode, payload = read_frame(connection)
        if opcode == 8:
            connection.shutdown(1)
            while connection.recv(65536):
                pass
            return struct.unpack("!H", payload[:2])[0]


LIMIT = 64 * 1024


@pytest.mark.parametrize(
    ("what", "data", "code"),
    [("without a mask", frame(1, b"x", mask=None), 1002), ("reserved bit 1", frame(1, b"x", reserved=0x40), 1002),
     ("reserved bit 3", frame(1, b"x", reserved=0x10), 1002), ("opcode 3", frame(3), 1002), ("opcode 11", frame(11), 1002),
     ("a continuation of nothing", frame(0, b"x"), 1002),
     ("a message inside another", frame(1, b"x", final=False) + frame(1, b"y"), 1002),
     ("a ping in fragments", frame(9, b"x", final=False), 1002), ("a long ping", frame(9, b"x" * 126), 1002),
     ("bad UTF-8", frame(1, b"\xff"), 1007), ("half a character", frame(1, "é".encode()[:1]), 1007),
     ("bad UTF-8 over fragments", frame(1, b"\xed", final=False) + frame(0, b"\xa0\x80"), 1007),
     ("a bad reason", frame(8, b"\x03\xe8\xff"), 1007), ("half a close code", frame(8, b"\x03"), 1002),
     ("a reserved close code", frame(8, struct.pack("!H", 1005)), 1002),
     ("one byte too many", frame(1, b"x" * (LIMIT + 1)), 1009),
     ("too many bytes in fragments", frame(1, b"x" * LIMIT, final=False) + frame(0, b"x"), 1009),
     ("2^31", frame(1, length=2**31), 1009), ("2^40", frame(1, length=2**40), 1009),
     ("2^62", frame(1, length=2**62), 1009), ("2^63", frame(1, length=2**63), 1002),
     ("129 fragments", frame(1, b"x", final=False) + frame(0, b"x", final=False) * 128, 1008),
     ("two empty fragments", frame(1, b"x", final=False) + frame(0, final=False) * 2, 1008),
     ("binary", frame(2, b"x"), 1003)])
def test_a_breach_is_closed_with_its_code_and_nothing_after_it_counts(chat, ai, what, data, code):
    with opened(chat) as connection:
        connection.sendall(data + frame(1, b"later"))
        assert close_code(connection) == code
    assert ai.calls == []
    with chat.connect() as client:
        client.send("next")
        assert receive(client) == "next"


def test_a_message_of_exactly_the_limit_arrives_whole_and_in_fragments(serve):
    host = serve("pipeline: p\nresources: {m: echo}\nstages: [receive, complete, respond]\n")
    text = b"x" * LIMIT
    with opened(host) as connection:
        connection.sendall(frame(1, text))
        assert read_frame(connection) == (1, text)
        connection.sendall(frame(1, text[:1000], final=False) + frame(9, b"p") + frame(0, text[1000:]))
        assert read_frame(connection) == (10, b"p")
        assert read_frame(connection) == (1, text)


def test_frames_may_come_byte_by_byte_or_many_at_once(offline):
    with opened(offline) as connection:
        for byte in frame(1, "Grüße".encode()):
            connection.sendall(bytes([byte]))
        assert read_frame(connection) == (1, "Grüße".encode())
        connection.sendall(b"".join(frame(1, str(number).encode()) for number in range(200)))
        assert [read_frame(connection) for _ in range(200)] == [(1, str(number).encode()) for number in range(200)]


def test_a_close_is_answered_with_its_code(offline):
    with opened(offline) as connection:
        connection.sendall(frame(8, struct.pack("!H", 4321) + b"bye"))
        assert read_frame(connection)[1][:2] == struct.pack("!H", 4321)
        assert connection.recv(1) == b""


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"Sec_WebSocket_Key": "short"}, 400), ({"Sec_WebSocket_Key": None}, 400), ({"Sec_WebSocket_Version": "8"}, 426),
     ({"Sec_WebSocket_Version": None}, 426), ({"Upgrade": None}, 426), ({"Content_Length": "5"}, 400),
     ({"Host": "evil.example"}, 403), ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
     ({"X_Long": "x" * 9000}, 400)])
def test_a_bad_handshake_is_refused(offline, changes, status):
    connection, got, _ = handshake(offline, **changes)
    connection.close()
    assert got == status


def test_a_page_of_the_host_itself_may_connect(offline):
    connection, status, _ = handshake(offline, Origin=f"http://127.0.0.1:{offline.port}")
    connection.close()
    assert status == 101


def test_a_client_that_never_finishes_its_handshake_is_closed(serve):
    host = serve("pipeline: p\nhost: {limits: {handshake: 300ms}}\nresources: {m: echo}\n"
                 "stages: [receive, complete, respond]\n")
    for first in (b"", b"GET /ws HTTP/1.1\r\n"):
        with host.raw() as connection:
            connection.sendall(first)
            assert connection.recv(1) == b""


def test_a_silent_client_is_pinged_and_then_closed(serve):
    host = serve("pipeline: p\nhost: {limits: {ping: 200ms}}\nresources: {m: echo}\nstages: [receive, complete, respond]\n")
    with opened(host) as connection:
        assert read_frame(connection)[0] == 9
        while connection.recv(4096):
            pass


def test_an_idle_client_is_closed(serve):
    host = serve("pipeline: p\nhost: {limits: {idle: 200ms}}\nresources: {m: echo}\nstages: [receive, complete, respond]\n")
    with host.connect() as client, pytest.raises(ConnectionClosed) as closed:
        client.recv(timeout=DEADLINE)
    assert closed.value.rcvd.code == 1000


@pytest.mark.memory
@pytest.mark.parametrize("payload", [frame(1, b"x" * 60_000), frame(9, b"p" * 125) * 500], ids=["messages", "pings"])
def test_a_client_that_reads_nothing_is_held_and_closed_while_others_go_on(serve, payload):
    host = serve("pipeline: p\nhost: {limits: {write: 300ms}}\nresources: {m: echo}\nstages: [receive, complete, respond]\n")
    with opened(host) as connection, host.connect() as other:
        connection.settimeout(5)
        with pytest.raises(OSError):
            for _ in range(4000):
                connection.sendall(payload)
        other.send("still here")
        assert receive(other) == "still here"
        assert memory(host) < 200_000_000


def test_past_the_limit_of_connections_the_answer_is_503(serve):
    host = serve("pipeline: p\nhost: {limits: {connections: 2}}\nresources: {m: echo}\nstages: [receive, complete, respond]\n")
    with host.connect() as first, host.connect():
        with pytest.raises(InvalidStatus) as refusal:
            host.connect()
        assert refusal.value.response.status_code == 503
        first.send("hello")
        assert receive(first) == "hello"
        first.close()

        def admitted():
            try:
                with host.connect():
                    return True
            except InvalidStatus:
                return False

        wait_until(admitted, "room for another connection")


def test_several_files_are_served_on_their_own_paths(serve):
    def pipeline(name, path):
        return f"pipeline: {name}\nresources: {{m: echo}}\nstages: [receive: {{path: {path}}}, complete, respond]\n"

    host = serve(pipeline("one", "/one"), pipeline("two", "/two"))
    assert host.line == (f"listening on {host.http}, pipeline one at ws://127.0.0.1:{host.port}/one, "
                         f"pipeline two at ws://127.0.0.1:{host.port}/two")
    for path in ("/one", "/two"):
        with host.connect(path=path) as client:
            client.send(path)
            assert receive(client) == path
    with pytest.raises(InvalidStatus) as refusal:
        host.connect(path="/three")
    assert refusal.value.response.status_code == 404


@pytest.mark.parametrize(
    ("query", "status"), [("format=xml", 400), ("username=" + "x" * 129, 400), ("username=%0a", 400),
                          ("session=3f2b1c9e-5d47-4a86-9c1e-7b0d2f8a6e51&username=J%C3%BCrgen+K&format=text", 101)])
def test_the_query_is_checked(offline, query, status):
    if status == 101:
        with offline.connect(query) as client:
            client.send("hello")
            receive(client)
        assert offline.wait_for_rows(1)[0]["username"] == "Jürgen K"
        return
    with pytest.raises(InvalidStatus) as refusal:
        offline.connect(query)
    assert refusal.value.response.status_code == status


def test_random_bytes_never_harm_the_host(offline):
    for _ in range(50):
        with opened(offline) as connection:
            connection.sendall(os.urandom(512))
            connection.shutdown(1)
            while connection.recv(65536):
                pass
    with offline.connect() as client:
        client.send("alive")
        assert receive(client) == "alive"
