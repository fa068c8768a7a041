"""The servers under measurement: how each is started, watched and stopped."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE / ".build"
TOOLS = BUILD / "release"
PRODUCTS = HERE.parent / ".build" / "release"
SERVER_CORE, LOAD_CORE = {0}, {1}


class Server:
    """A server: its command, in which PORT and MODEL (the API's address) are replaced, the pipeline it serves, and the
    cores it may use."""

    def __init__(self, name, command, pipeline=None, cores=SERVER_CORE):
        self.name, self.command, self.pipeline, self.cores = name, command, pipeline, cores

    def start(self, environment={}):
        self.folder = tempfile.TemporaryDirectory(prefix="bench-")
        if self.pipeline:
            (pathlib.Path(self.folder.name) / "pipeline.yaml").write_text(self.pipeline)
        self.port = free_port()
        command = [str(part).replace("PORT", str(self.port)).replace("MODEL", environment.get("OPENAI_BASE_URL", ""))
                   for part in self.command]
        started = time.monotonic()
        self.process = subprocess.Popen(
            command, cwd=self.folder.name, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, **environment}, preexec_fn=lambda: os.sched_setaffinity(0, self.cores))
        if not self.process.stdout.readline().startswith("listening on"):
            sys.exit(f"bench: {self.name} did not start")
        self.seconds_to_ready = time.monotonic() - started
        wait_for_port(self.port)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        return self.memory("VmRSS")

    def most_resident_bytes(self):
        """The most since the start."""
        return self.memory("VmHWM")

    def memory(self, kind):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(kind + r":\s+(\d+)", status)[1]) * 1024


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port):
    for _ in range(1000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    sys.exit(f"bench: nobody listens on {port}")


def host(pipeline, name="stagecoach", cores=SERVER_CORE):
    return Server(name, [PRODUCTS / "stagecoach", "serve", "pipeline.yaml", "--port", "PORT"], pipeline, cores)


ECHO = "pipeline: echo\nresources: {model: echo}\nstages: [receive, validate, complete, respond]\n"
GUARDED = ECHO + ("host:\n  compression: true\n  limits: {connections: 15000, connections_per_address: 12000, "
                  "connects_per_second: 5000, frames_per_second: 200, lifetime: 2h}\n")
STORED = ("pipeline: stored\nresources:\n  model: echo\n  database: {sqlite: {path: rows.db}}\n"
          "stages:\n  - receive\n  - validate\n  - complete\n  - persist: {}\n    async: true\n  - respond\n")
DURABLE = STORED.replace("rows.db}}\n", "rows.db}}\n  outbox: {disk: {path: outbox.db}}\n").replace(
    "async: true", "async: {queue: outbox}")
FLOW = STORED.replace("model: echo", 'model: {openai: {url: "${OPENAI_BASE_URL}", key: "${OPENAI_API_KEY}"}}')
WITHOUT = FLOW.replace("  database: {sqlite: {path: rows.db}}\n", "").replace("  - persist: {}\n    async: true\n", "")
POSTGRES = FLOW.replace("sqlite: {path: rows.db}", 'postgres: {url: "${DATABASE_URL}", create: true}')
SUPABASE = FLOW.replace("sqlite: {path: rows.db}", 'supabase: {url: "${SUPABASE_URL}", key: "${SUPABASE_KEY}"}')
STREAMED = WITHOUT.replace("- complete", "- complete: {stream: true}").replace("- respond", "- respond: {stream: true}")

PYTHON = BUILD / "venv/bin/python"
GORILLA = Server("gorilla", [BUILD / "gorilla", "-port", "PORT"])
NIO = Server("nio", [TOOLS / "nio-echo", "PORT"])
FASTAPI = Server("fastapi", [PYTHON, HERE / "peers/fastapi/echo.py", "PORT"])
FASTAPI_FLOW = Server("fastapi", [PYTHON, HERE / "peers/fastapi/flow.py", "PORT"])
RELAY = Server("curl-relay", [TOOLS / "curl-relay", "PORT", "MODEL/chat/completions"])
LISTENER = Server("nio", [PRODUCTS / "microbenchmarks", "listen", "PORT"])
