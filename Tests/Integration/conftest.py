"""What the tests share: a host in a folder of its own, a scripted model API, and ways to wait for events."""

import json
import os
import pathlib
import queue
import re
import select
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.request

import pytest
from websockets.sync.client import connect

from fakeai import FakeAI
from natsserver import NATSServer
from postgres import PostgresServer

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The shipped files, without the tests beside them.
PIPELINES = [file for file in sorted((ROOT / "pipelines").glob("*.yaml")) if not file.name.endswith(".test.yaml")]
# A build with a sanitizer needs more time for everything.
DEADLINE = 10 * float(os.environ.get("PATIENCE", "1"))


def program(variable="STAGECOACH"):
    path = os.environ.get(variable)
    if not path or not os.access(path, os.X_OK):
        pytest.fail(f"{variable} must name the built program; scripts/test builds it and sets it")
    return path


def wait_until(condition, what="the condition", deadline=DEADLINE, pause=0.01):
    """For states that nobody announces, such as rows in a table; looks often and gives up at the deadline."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            pytest.fail(f"waited in vain for {what}")
        time.sleep(pause)


def metrics(host):
    """What `/metrics` says."""
    with urllib.request.urlopen(f"{host.http}/metrics", timeout=DEADLINE) as answer:
        return answer.read().decode()


def waiting(host):
    """How many messages the host's queues hold, by its metrics."""
    lines = [line for line in metrics(host).splitlines() if line.startswith("stagecoach_queue_messages{")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def memory(host, field="VmRSS"):
    """The host's resident memory in bytes; with `VmHWM` the most that it has had."""
    status = pathlib.Path(f"/proc/{host.process.pid}/status").read_text()
    return int(re.search(rf"(?m)^{field}:\s+(\d+) kB", status)[1]) << 10


class Host:
    """A running `stagecoach serve`, or another command that serves."""

    def __init__(self, folder, files, env, arguments, variable="STAGECOACH", command="serve", prefix=()):
        self.folder = folder
        self.log = []
        self.process = subprocess.Popen(
            [*prefix, os.path.abspath(program(variable)), command, *map(str, files), "--port", "0", *arguments],
            cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, args=(self.process.stdout, self.lines.put, lambda: self.lines.put(None)),
                         daemon=True).start()
        self.log_reader = threading.Thread(target=self._read, args=(self.process.stderr, self.log.append), daemon=True)
        self.log_reader.start()
        try:
            self.line = self.lines.get(timeout=DEADLINE)
        except queue.Empty:
            self.line = None
        if self.line is None:
            self.process.kill()
            pytest.fail(f"the host did not start: {self.log}")
        address = re.match(r"(?:# )?listening on http(s?)://127\.(?:0\.0\.)?1:(\d+), pipeline ", self.line)
        self.port = int(address[2])
        self.secure = address[1]
        self.http = f"http{self.secure}://127.0.0.1:{self.port}"

    @staticmethod
    def _read(stream, put, end=None):
        for line in stream:
            put(line.rstrip("\n"))
        if end:
            end()

    def url(self, query="", path="/ws"):
        return f"ws{self.secure}://127.0.0.1:{self.port}{path}" + (f"?{query}" if query else "")

    def connect(self, query="", path="/ws", **options):
        return connect(self.url(query, path), close_timeout=2, open_timeout=DEADLINE, **options)

    def stop(self, signal_number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        return self.wait()

    def wait(self):
        """Waits for the end, and for the last line of the log."""
        if self.process.poll() is None:
            # `wait` with a timeout looks every 50 ms, which is most of the time that a stop takes.
            descriptor = os.pidfd_open(self.process.pid)
            ended = select.poll()
            ended.register(descriptor)
            ended.poll(40_000)
            os.close(descriptor)
        code = self.process.wait(timeout=1)
        self.log_reader.join(timeout=DEADLINE)
        return code

    def printed(self):
        """What came on standard output after the first line; the host must have ended."""
        return "\n".join(iter(lambda: self.lines.get(timeout=DEADLINE), None)) + "\n"

    def entries(self, code):
        """The log's entries with that code."""
        return [entry for entry in map(json.loads, list(self.log)) if entry.get("code") == code]

    def database(self):
        return sqlite3.connect(self.folder / "data" / "stagecoach.db", timeout=DEADLINE)

    def rows(self, columns="*", table="requests"):
        with self.database() as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(f"select {columns} from {table} order by created_at, id")]

    def wait_for_rows(self, count):
        wait_until(lambda: len(self.rows("id")) >= count, f"{count} rows")
        return self.rows()

    def raw(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)
        connection.settimeout(DEADLINE)
        return connection


@pytest.fixture
def ai():
    server = FakeAI()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_server():
    server = PostgresServer()
    yield server
    server.end()


@pytest.fixture
def postgres(postgres_server):
    """An empty database of a server that keeps running."""
    return postgres_server.new_database()


@pytest.fixture
def stoppable_postgres():
    """An empty database of a server that the test may stop."""
    server = PostgresServer()
    yield server.new_database()
    server.end()


@pytest.fixture
def nats():
    """A NATS server with JetStream, which the test may stop and start again."""
    server = NATSServer()
    yield server
    server.end()


@pytest.fixture
def serve(tmp_path):
    """Starts hosts; stops them by process id and expects them to have ended well."""
    hosts = []

    def start(*pipelines, env=None, arguments=(), variable="STAGECOACH", ends_well=True, command="serve",
              prefix=()):
        files = []
        for index, pipeline in enumerate(pipelines):
            if isinstance(pipeline, pathlib.Path):
                files.append(pipeline)
            else:
                file = tmp_path / f"pipeline-{index}.yaml"
                file.write_text(pipeline)
                files.append(file)
        clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **(env or {})}
        host = Host(tmp_path, files, clean, list(arguments), variable, command, prefix)
        hosts.append((host, ends_well))
        return host

    yield start
    for host, ends_well in hosts:
        code = host.stop()
        if ends_well:
            assert code == 0, host.log


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """Builds what is to be preloaded from its source."""
    folder = tmp_path_factory.mktemp("libraries")

    def build(name):
        built = folder / f"{name}.so"
        if not built.exists():
            subprocess.run(
                ["clang", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", built, ROOT / f"Tests/Integration/{name}.c", "-ldl"],
                check=True)
        return str(built)

    return build


@pytest.fixture
def chat(serve, ai):
    """The documented flow as it is shipped, at the scripted API."""
    return serve(ROOT / "pipelines/chat.yaml", env={"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": "sk-canary-1234567890"})


@pytest.fixture
def offline(serve):
    return serve(ROOT / "pipelines/offline.yaml")


@pytest.fixture
def run(tmp_path):
    """Runs a command to its end."""

    def command(*arguments, env=None, variable="STAGECOACH"):
        clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **(env or {})}
        return subprocess.run(
            [program(variable), *map(str, arguments)], cwd=tmp_path, env=clean, capture_output=True, text=True,
            timeout=30)

    return command


def chat_yaml():
    return (ROOT / "pipelines/chat.yaml").read_text()


def receive(connection):
    return connection.recv(timeout=DEADLINE)


def receive_json(connection):
    return json.loads(receive(connection))


def say(connection, prompt="hello", **more):
    """Asks in JSON format, and returns the next frame."""
    connection.send(json.dumps({"prompt": prompt, **more}))
    return receive_json(connection)
