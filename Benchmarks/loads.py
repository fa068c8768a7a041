"""Loads that several parts have in common. A scenario has a name, servers, and measures one of them at a time."""

import json
import os
import socket
import subprocess

from build import TOOLS
from servers import LOAD_CORE, Failed, Model


# The share of the servers' processor that other programs had, in each part that was measured.
others = []


def load(server, tool="wsload", beside=(), **options):
    """Runs a load against a server, whose processor time it takes in the part that is measured; and that of processes beside
    it."""
    arguments = [f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}")
                 for name, value in options.items() if value is not None and value is not False]
    if server.pid:
        arguments += [f"--pid={pid}" for pid in server.pids] + [f"--beside={pid}" for pid in beside]
    result = subprocess.run(
        [TOOLS / tool, f"--port={server.port}", *arguments], capture_output=True, text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CORE))
    if result.returncode:
        raise Failed(f"{server.name}: {result.stderr.strip()}")
    figures = json.loads(result.stdout)
    others.append((figures["busy_seconds"] - figures["cpu_seconds"]) / figures["seconds"])
    return figures


class Load:
    """A closed loop of messages. `delay` is the model API's, in milliseconds; `None` where there is no model API. Where it
    takes long, the connections begin at random instants. Answers that are errors are no messages."""

    needs = ["loads"]

    def __init__(self, name, servers, connections, size=64, ahead=1, delay=None):
        self.name, self.servers, self.connections, self.size, self.ahead = name, servers, connections, size, ahead
        self.delay = delay
        self.environment = {}

    def measure(self, server, seconds):
        model = None if self.delay is None else Model(delay=self.delay, jitter=0.1)
        try:
            server.start({**self.environment, **(model.environment if model else {})})
            try:
                return self.figures(server, seconds)
            finally:
                server.stop()
        finally:
            if model:
                model.stop()

    def figures(self, server, seconds, rate=0):
        spread = (self.delay or 0) / 1e3
        figures = load(server, connections=self.connections, seconds=max(seconds, 2 * spread), bytes=self.size,
                       ahead=self.ahead, rate=rate, spread=spread, warm_up=min(1, seconds) + spread,
                       expect="abcdefgh" if self.delay is None else "2 + 2 = 4")
        return {"rate": figures["messages_per_second"], "p50": figures["p50"], "p99": figures["p99"],
                "cpu": figures["cpu_seconds"] * 1e6 / max(1, figures["messages"]), "errors": figures["errors"]}


def connect(port, path="/ws", context=None):
    """A WebSocket that says nothing, over TLS where there is a context for it."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    if context:
        connection = context.wrap_socket(connection, server_hostname="127.0.0.1")
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer and (more := connection.recv(4096)):
        answer += more
    if not answer.startswith(b"HTTP/1.1 101"):
        raise Failed(f"no WebSocket: {answer[:80]}")
    return connection
