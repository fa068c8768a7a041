"""Resident memory: of the host that does nothing yet, and what each open connection and call adds to it."""

import concurrent.futures
import contextlib
import os
import pathlib
import resource
import ssl
import subprocess
import sys
import tempfile
import time

from build import HERE, TOOLS
from loads import connect, load
from peers import CHAT, ECHO, GUARDED, NIO, STREAMED, host
from servers import LOAD_CORE, Failed, free_port
from targets import Target


@contextlib.contextmanager
def open_files(number):
    """As many are allowed, and what is added to the list is closed at the end."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < number + 100:
        raise Failed(f"{number + 100} open files are needed, the limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    opened = []
    try:
        yield opened
    finally:
        for each in opened:
            each.close()


class IdleHost:
    """Nothing is asked of it yet. What is read from files is shared with whoever has read them, too; the rest is its own."""

    needs = ()

    def __init__(self, name, servers):
        self.name, self.servers = name, servers

    def measure(self, server, seconds):
        server.start({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "none"})
        time.sleep(1)
        try:
            return {"bytes": server.resident_bytes(), "own": server.memory("RssAnon")}
        finally:
            server.stop()


class Idle:
    """Connections that say nothing: what each adds."""

    needs = ["loads"]

    def __init__(self, name, servers, connections):
        self.name, self.servers, self.connections = name, servers, connections

    def measure(self, server, seconds):
        server.start()
        try:
            with open_files(self.connections) as opened:
                load(server, seconds=0.5)
                before = server.resident_bytes()
                for _ in range(self.connections):
                    opened.append(connect(server.port))
                return {"bytes": (server.resident_bytes() - before) / self.connections}
        finally:
            server.stop()


class Calls:
    """Conversations with a streamed call open, a word a second each, over TLS to the client and to the API: what each
    adds, beside as many that were open and have ended."""

    needs = ["loads", "trust"]
    WARM_UP = 100

    def __init__(self, name, servers, calls):
        self.name, self.servers, self.calls = name, servers, calls

    def measure(self, server, seconds):
        with tempfile.TemporaryDirectory() as folder, open_files(self.calls) as opened:
            pem, key = (str(pathlib.Path(folder) / each) for each in ("host.pem", "host.key"))
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-keyout", key, "-out", pem, "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
                check=True, stderr=subprocess.DEVNULL)
            port = free_port()
            model = subprocess.Popen(
                [sys.executable, HERE / "load/tls_model.py", str(port), pem, key], stdout=subprocess.PIPE,
                preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CORE))
            try:
                model.stdout.readline()
                # libcurl trusts the certificate of this run in place of the system's.
                server.start({"OPENAI_BASE_URL": f"https://127.0.0.1:{port}/v1", "OPENAI_API_KEY": "none", "TRUST": pem,
                              "CERTIFICATE": pem, "KEY": key, "LD_PRELOAD": str(TOOLS / "trust.so")})
                try:
                    return self.added(server, ssl.create_default_context(cafile=pem), opened)
                finally:
                    server.stop()
            finally:
                model.kill()
                model.wait()

    def added(self, server, context, opened):
        def begin_all(number):
            with concurrent.futures.ThreadPoolExecutor(16) as threads:
                return list(threads.map(lambda _: begin(server, context), range(number)))

        for client in begin_all(self.WARM_UP):
            client.close()
        time.sleep(1)
        before = server.resident_bytes()
        opened += begin_all(self.calls)
        time.sleep(3)
        added = server.resident_bytes() - before
        for client in opened:
            read_more(server, client)
        return {"bytes": added / self.calls}


def begin(server, context):
    """A client whose answer has begun."""
    client = connect(server.port, server.path, context if "tls:" in server.pipeline else None)
    text = b'{"prompt":"go on"}'
    client.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
    came = b""
    while b'"delta"' not in came:
        more = client.recv(4096)
        if not more:
            raise Failed(f"{server.name}: no answer: {came[:200]}")
        came += more
    return client


def read_more(server, client):
    """The call was still open when memory was looked at."""
    came = client.recv(1 << 16)
    if b'"delta"' not in came or b'"error"' in came:
        raise Failed(f"{server.name}: a call has ended: {came[-200:]}")


LIMITS = "  limits: {connections: 15000, connections_per_address: 12000, connects_per_second: 5000}\n"
PLAIN = STREAMED.replace("complete: {stream: true}", "complete: {stream: true, timeout: 10m}") + "host:\n" + LIMITS
SECURE = PLAIN + '  tls: {certificate: "${CERTIFICATE}", key: "${KEY}"}\n'
BY_WEBSOCKET = {"path": "/ws?format=json", "websocket": True}

SCENARIOS = [
    IdleHost("the idle host", [host(ECHO), host(CHAT, "documented-flow")]),
    Idle("10,000 idle connections", [host(ECHO), host(GUARDED, "every-limit"), NIO], 10_000),
    Calls("2,000 open streamed calls over TLS",
          [host(SECURE, **BY_WEBSOCKET), host(PLAIN, "plain-clients", **BY_WEBSOCKET)], 2000),
]

TARGETS = [
    Target("the idle host", "bytes", "<=", 30e6),
    Target("the idle host", "bytes", "<=", 30e6, server="documented-flow"),
    Target("10,000 idle connections", "bytes", "<=", 6 * 1024),
    Target("10,000 idle connections", "bytes", "<=", 6 * 1024, server="every-limit"),
    Target("2,000 open streamed calls over TLS", "bytes", "<=", 60 * 1024),
]
