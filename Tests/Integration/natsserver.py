"""A NATS server of the tests' own, and a client that speaks the protocol by itself, to look at what the host sends."""

import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest

PATIENCE = float(os.environ.get("PATIENCE", "1"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class NATSServer:
    """A server with JetStream on loopback, which keeps its port and its messages when it is started again."""

    def __init__(self, configuration="", scheme="nats"):
        self.program = shutil.which("nats-server") or shutil.which("/usr/sbin/nats-server")
        if not self.program:
            pytest.fail("nats-server is missing; scripts/setup --tests installs it")
        self.folder = tempfile.mkdtemp(prefix="nats-")
        self.port = free_port()
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.file = os.path.join(self.folder, "server.conf")
        with open(self.file, "w") as file:
            file.write(f'listen: "127.0.0.1:{self.port}"\njetstream {{store_dir: "{self.folder}/store", '
                       f'max_mem: 64MB, max_file: 1GB}}\n{configuration}\n')
        self.process = None
        self.start()

    def start(self):
        self.log = open(os.path.join(self.folder, "log"), "a")
        self.process = subprocess.Popen([self.program, "-c", self.file], stdout=self.log, stderr=self.log)
        end = time.monotonic() + 10 * PATIENCE
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                    if probe.recv(4).startswith(b"INFO"):
                        return
            except OSError:
                pass
            if time.monotonic() > end or self.process.poll() is not None:
                pytest.fail(f"nats-server did not start: {open(self.log.name).read()}")
            time.sleep(0.02)

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(timeout=20)
        self.log.close()

    def pause(self):
        """It keeps its connections and says nothing: what a cut network looks like."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def client(self, **options):
        return Wire(self.port, **options)


class Wire:
    """A connection that speaks NATS' protocol: what is published, asked and heard, with nothing between."""

    def __init__(self, port, **options):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10 * PATIENCE)
        self.file = self.socket.makefile("rb")
        self.file.readline()
        self.numbers = itertools.count(1)
        self.messages = []
        self.send(f"CONNECT {json.dumps({'verbose': False, 'headers': True, 'no_responders': True, **options})}\r\nPING\r\n")
        self.inbox = f"_INBOX.test{os.getpid()}{next(self.numbers)}{time.monotonic_ns()}"
        self.subscribe(f"{self.inbox}.*")
        self.replies = {}
        self.condition = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, text, payload=b""):
        self.socket.sendall(text.encode() + payload)

    def _read(self):
        try:
            while line := self.file.readline():
                words = line.decode().split()
                if not words:
                    continue
                if words[0] == "PING":
                    self.send("PONG\r\n")
                if words[0] not in ("MSG", "HMSG"):
                    continue
                total = int(words[-1])
                content = self.file.read(total + 2)[:total]
                size = int(words[-2]) if words[0] == "HMSG" else 0
                headers = dict(re.findall(r"(?m)^([^:\r\n]+): *([^\r\n]*)", content[:size].decode()))
                status = re.match(r"NATS/1\.0 (\d+)", content[:size].decode())
                reply = words[3] if len(words) > (5 if size else 4) else None
                message = {"subject": words[1], "reply": reply, "headers": headers, "payload": content[size:],
                           "status": int(status[1]) if status else None}
                with self.condition:
                    if words[1].startswith(self.inbox):
                        self.replies[words[1]] = message
                    else:
                        self.messages.append(message)
                    self.condition.notify_all()
        except (OSError, ValueError):
            pass

    def subscribe(self, subject):
        self.send(f"SUB {subject} {next(self.numbers)}\r\n")

    def publish(self, subject, payload=b"", headers=None, reply=""):
        if headers:
            head = "NATS/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
            self.send(f"HPUB {subject} {reply} {len(head)} {len(head) + len(payload)}\r\n{head}", payload + b"\r\n")
        else:
            self.send(f"PUB {subject} {reply} {len(payload)}\r\n", payload + b"\r\n")

    def request(self, subject, payload=b"", headers=None, timeout=10 * PATIENCE):
        reply = f"{self.inbox}.{next(self.numbers)}"
        self.publish(subject, payload, headers, reply)
        with self.condition:
            assert self.condition.wait_for(lambda: reply in self.replies, timeout), f"no answer to {subject}"
            return self.replies.pop(reply)

    def call(self, function, **body):
        """JetStream's interface."""
        answer = self.request(f"$JS.API.{function}", json.dumps(body).encode() if body else b"")
        return json.loads(answer["payload"]) if answer["payload"] else {"status": answer["status"]}

    def stream(self, name="stagecoach", **body):
        return self.call(f"STREAM.INFO.{name}", **body)

    def count(self, name="stagecoach"):
        """How many messages a stream has."""
        return self.stream(name).get("state", {}).get("messages")

    def consumers(self, name="stagecoach"):
        return self.call(f"CONSUMER.LIST.{name}").get("consumers") or []

    def stored(self, name="stagecoach"):
        """Every message of a stream, the first first."""
        state = self.stream(name, subjects_filter=">")["state"]
        found = []
        for number in range(state["first_seq"], state["last_seq"] + 1):
            message = self.request(f"$JS.API.DIRECT.GET.{name}", json.dumps({"seq": number}).encode())
            if message["status"] is None:
                found.append(message)
        return found
