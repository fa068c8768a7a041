"""A server under measurement: how it is started, watched and stopped."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from build import TOOLS

SERVER_CORE, LOAD_CORE = {0}, {1}


class Failed(Exception):
    """A measurement that is none."""


class Server:
    """Its command, in which PORT, METRICS (another port), MODEL (the API's address with `/v1`) and API (without) are
    replaced; the pipeline it serves, what must be built for it, the cores it may use, and what a load sends to it. It is
    ready once the path `ready` answers; where that is `None`, once it has said that it listens; where it is empty, once it
    does."""

    def __init__(self, name, command, pipeline=None, cores=SERVER_CORE, needs=(), ready=None, path="/ws", body=None,
                 websocket=False):
        self.name, self.command, self.pipeline, self.cores = name, command, pipeline, cores
        self.needs, self.ready, self.path, self.body, self.websocket = needs, ready, path, body, websocket
        self.is_ours = False

    def start(self, environment={}):
        self.folder = tempfile.TemporaryDirectory(prefix="bench-")
        if self.pipeline:
            (pathlib.Path(self.folder.name) / "pipeline.yaml").write_text(self.pipeline)
        self.port = free_port()
        model = environment.get("OPENAI_BASE_URL", "")
        values = {"PORT": self.port, "METRICS": free_port(), "MODEL": model, "API": model.removesuffix("/v1")}
        command = [self.command[0], *(re.sub("|".join(values), lambda found: str(values[found[0]]), str(part))
                                      for part in self.command[1:])]
        started = time.monotonic()
        self.process = self.run(command, environment, subprocess.PIPE if self.ready is None else subprocess.DEVNULL)
        try:
            if self.ready is None and not self.process.stdout.readline().startswith("listening on"):
                raise Failed(f"{self.name} did not start")
            self.seconds_to_ready = time.monotonic() - started
            wait_for_port(self.port)
            if self.ready:
                wait_for_answer(f"http://127.0.0.1:{self.port}{self.ready}")
        except Failed:
            self.stop()
            raise

    def run(self, command, environment, output):
        return subprocess.Popen(
            command, cwd=self.folder.name, stdout=output, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, **environment}, preexec_fn=lambda: os.sched_setaffinity(0, self.cores))

    def stop(self):
        self.end(self.process)
        self.folder.cleanup()

    def end(self, process):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def pid(self):
        return self.process.pid

    @property
    def pids(self):
        """Of all processes that serve."""
        return [self.pid]

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        return self.memory("VmRSS")

    def most_resident_bytes(self):
        """The most since the start."""
        return self.memory("VmHWM")

    def memory(self, kind):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(kind + r":\s+(\d+)", status)[1]) * 1024


class Direct:
    """No server at all: the load speaks to the model API itself."""

    name, needs, is_ours, websocket, pid = "direct", (), False, False, None
    path, body = "/v1/chat/completions", '{"model":"stub","stream":true}'

    def start(self, environment={}):
        self.port = int(environment["OPENAI_BASE_URL"].removesuffix("/v1").rsplit(":", 1)[1])

    def stop(self):
        pass


class Model:
    """The model API, on the load's core."""

    def __init__(self, **options):
        self.port = free_port()
        arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        self.process = subprocess.Popen(
            [TOOLS / "model-stub", "--port", str(self.port), *arguments], stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CORE))
        self.process.stdout.readline()
        self.environment = {"OPENAI_BASE_URL": f"http://127.0.0.1:{self.port}/v1", "OPENAI_API_KEY": "none"}

    def stop(self):
        self.process.terminate()
        self.process.communicate()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port):
    for _ in range(3000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise Failed(f"nobody listens on {port}")


def wait_for_answer(address):
    for _ in range(300):
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise Failed(f"{address} does not answer")
