"""Clients that mean harm, each of one kind: what they ask, send and do not read. Run by itself it is all of them, or as many
that send the same number of bytes and do no harm, beside a host: `abusers.py PORT SECONDS [abuse | harmless RATE]`; it prints
how many bytes went out."""

import contextlib
import json
import os
import selectors
import socket
import sys
import threading
import time

from test_protocol import KEY, frame

# What lets them in, where the host asks for it.
TOKEN = "abusers-key-of-32-bytes-or-more!"
BEARER = f"Authorization: Bearer {TOKEN}\r\n"
LONG = "word " * 1000


def request(path, method="GET", more="", body=""):
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{BEARER}{more}{length}\r\n{body}".encode()


def handshake(path, token=BEARER):
    return (f"GET {path}?format=json HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{token}\r\n").encode()


def prompt(text, **more):
    return frame(1, json.dumps({"prompt": text, **more}).encode())


SESSION = "5f350470-f5d5-4d96-93db-8d732a78cfc9"
# What is sent first, and then without end; none of them reads an answer.
KINDS = {
    "pages": (b"", request("/") * 200),
    "metrics": (b"", request("/metrics") * 200),
    "histories": (b"", request(f"/sessions/{SESSION}") * 200),
    "nothing": (b"", request("/nowhere", "DELETE") * 200),
    "messages": (b"", request("/ws", "POST", body=json.dumps({"prompt": LONG})) * 10),
    "events": (b"", request("/ws", "POST", "Accept: text/event-stream\r\n", json.dumps({"prompt": LONG})) * 10),
    "bad messages": (b"", request("/ws", "POST", body="{") * 200),
    "pings before a token": (handshake("/ws", ""), frame(9, b"p" * 100) * 200),
    "empty pings before a token": (handshake("/ws", ""), frame(9) * 1000),
    "pings": (handshake("/ws"), frame(9, b"p" * 100) * 200),
    "prompts": (handshake("/ws"), prompt("x") * 200),
    "long prompts": (handshake("/ws"), prompt("x" * 60_000)),
    "small objects": (handshake("/ws"), prompt("x", metadata={"many": [{}] * 15_000})),
    "ids": (handshake("/ws"), b"".join(prompt("x", id=f"c-{number}" * 10) for number in range(200))),
    "names": (handshake("/ws"), b"".join(prompt("x", username=f"name {number}") for number in range(200))),
    "retained": (handshake("/retained"), prompt("x" * 10_000)),
    "a message without end": (handshake("/ws"), frame(1, b"x", final=False)),
    "a long field": (b"GET / HTTP/1.1\r\nX: ", b"x" * 4096),
    "a long line": (b"GET /", b"x" * 4096),
    "chunks": (request("/ws", "POST", "Transfer-Encoding: chunked\r\n"), b"1\r\nx\r\n" * 500),
    "noise": (b"", bytes(range(256)) * 16),
    "silence": (b"", b""),
}
if os.environ.get("ABUSE_ONLY"):
    KINDS = {os.environ["ABUSE_ONLY"]: KINDS[os.environ["ABUSE_ONLY"]]}


class Abuser:
    """Connects again whenever it is closed."""

    def __init__(self, port, first, data):
        self.port, self.first, self.data = port, first, data
        self.sent = 0

    def run(self, ends):
        while time.monotonic() < ends:
            try:
                self.connection(ends)
            except OSError:
                time.sleep(0.02)

    def connection(self, ends):
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(2)
            connection.connect(("127.0.0.1", self.port))
            if self.first:
                connection.sendall(self.first)
                if self.first.startswith(b"GET /") and b"Upgrade" in self.first:
                    connection.recv(1)
            self.sent += len(self.first)
            connection.settimeout(0.2)
            while time.monotonic() < ends:
                if not self.data:
                    if not connection.recv(1):
                        return
                    continue
                try:
                    self.sent += connection.send(self.data)
                except TimeoutError:
                    pass


def abuse(port, seconds):
    """One of each kind together; how many bytes they sent."""
    ends = time.monotonic() + seconds
    abusers = [Abuser(port, first, data) for first, data in KINDS.values()]
    threads = [threading.Thread(target=abuser.run, args=(ends,), daemon=True) for abuser in abusers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 30)
    return sum(abuser.sent for abuser in abusers)


def harmless(port, seconds, rate):
    """As many clients that send as many bytes a second, if the host takes them, in prompts whose answers they read."""
    text, unsent = prompt("x" * 60_000), {}
    with selectors.DefaultSelector() as selector:
        for _ in KINDS:
            connection = socket.create_connection(("127.0.0.1", port), timeout=10)
            connection.sendall(handshake("/ws"))
            connection.recv(1)
            connection.setblocking(False)
            selector.register(connection, selectors.EVENT_READ)
            unsent[connection] = b""
        began, sent = time.monotonic(), 0
        while (now := time.monotonic() - began) < seconds:
            for key, _ in selector.select(0.001):
                assert key.fileobj.recv(1 << 18), "closed"
            for connection, rest in unsent.items():
                if rest or sent < now * rate:
                    with contextlib.suppress(BlockingIOError):
                        count = connection.send(rest or text)
                        sent += count
                        unsent[connection] = (rest or text)[count:]
        return sent


if __name__ == "__main__":
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    print(harmless(port, seconds, float(sys.argv[4])) if sys.argv[3] == "harmless" else abuse(port, seconds))
