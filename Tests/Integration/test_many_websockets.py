"""WebSockets on a host that has so many of them that it reads their sockets past SwiftNIO's channels."""

import contextlib
import re
import shutil
import socket
import struct
import time

import pytest

from conftest import wait_until
from test_disconnects import files
from test_protocol import close_code, frame, opened, read_frame

ECHO = """
pipeline: many
resources: {model: echo}
stages: [receive, complete, respond]
"""
# More than twice the 32 of one event loop, on a machine with two processors.
CROWD = 100


def says(client, text):
    client.sendall(frame(1, text.encode()))
    assert read_frame(client) == (1, text.encode())


@contextlib.contextmanager
def crowd(host, count=CROWD):
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(opened(host)) for _ in range(count)]
        for number, client in enumerate(clients):
            says(client, f"first of {number}")
        yield clients


def test_their_messages_are_read_with_one_call_each(serve, tmp_path):
    if not shutil.which("strace"):
        pytest.fail("strace is missing; scripts/setup --tests installs it")
    log = tmp_path / "calls"
    host = serve(ECHO, prefix=["strace", "-D", "-f", "-e", "trace=read,recvfrom,epoll_ctl", "-o", str(log)])
    with crowd(host) as clients:
        before = log.read_text().count("\n")
        for number, client in enumerate(clients):
            says(client, f"second of {number}")
        calls = log.read_text().splitlines()[before:]
    # A text frame's first byte is 0x81. A call that another thread has interrupted has its outcome in a line of its own.
    assert sum(bool(re.search(r'recvfrom.*"\\201', call)) for call in calls) == CROWD
    assert not any(re.search(r'\bread.*"\\201', call) for call in calls)
    assert not any("epoll_ctl" in call for call in calls)


def test_frames_may_come_byte_by_byte_in_pieces_and_many_at_once(serve):
    host = serve(ECHO)
    with crowd(host) as clients:
        client = clients[-1]
        for byte in frame(1, b"slowly"):
            client.sendall(bytes([byte]))
            time.sleep(0.001)
        assert read_frame(client) == (1, b"slowly")
        client.sendall(frame(1, b"in ", final=False))
        client.sendall(frame(9, b"between") + frame(0, b"pieces"))
        assert read_frame(client) == (10, b"between")
        assert read_frame(client) == (1, b"in pieces")
        client.sendall(b"".join(frame(1, b"%d" % number) for number in range(500)))
        for number in range(500):
            assert read_frame(client) == (1, b"%d" % number)
        # More than one read brings.
        client.sendall(b"".join(frame(1, b"x" * 60_000) for _ in range(8)))
        for _ in range(8):
            assert read_frame(client) == (1, b"x" * 60_000)
        for other in clients:
            says(other, "still here")


def test_each_end_is_seen(serve):
    host = serve(ECHO)
    with crowd(host):
        before = files(host)
        with crowd(host, 4) as (half, closed, reset, breach):
            half.shutdown(socket.SHUT_WR)
            assert half.recv(1) == b""
            closed.sendall(frame(1, b"never read"))
            closed.close()
            reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            reset.close()
            breach.sendall(b"\xff\xff" + bytes(100))
            assert close_code(breach) == 1002
        wait_until(lambda: files(host) <= before, "descriptors to be closed")
    assert host.stop() == 0


def test_a_client_that_does_not_read_is_not_read_either(serve):
    host = serve(ECHO)
    with crowd(host) as clients:
        deaf = clients[0]
        deaf.settimeout(1)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 256 << 20:
                sent += deaf.send(frame(1, b"x" * 60_000))
        for other in clients[1:]:
            says(other, "still here")
