"""The host, by the pipelines that are measured, and what stands beside it."""

import copy
import os
import pathlib
import shlex
import subprocess

from build import BUILD, HERE, PRODUCTS, ROOT, TOOLS
from servers import SERVER_CORE, Direct, Failed, Server

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
CHAT = (ROOT / "pipelines/chat.yaml").read_text()
STREAMED = WITHOUT.replace("- complete", "- complete: {stream: true}").replace("- respond", "- respond: {stream: true}")


def host(pipeline, name="stagecoach", cores=SERVER_CORE, **load):
    program = PRODUCTS / "stagecoach"
    server = Server(name, [program, "serve", "pipeline.yaml", "--port", "PORT"], pipeline, cores, ["stagecoach"], **load)
    server.is_ours = True
    return server


class Worked(Server):
    """A host that works on nothing that others can work on, and a worker beside it."""

    def __init__(self, pipeline, name):
        command = [PRODUCTS / "stagecoach", "serve", "--no-work", "pipeline.yaml", "--port", "PORT"]
        super().__init__(name, command, pipeline, needs=["stagecoach"])
        self.is_ours = True

    def start(self, environment={}):
        super().start(environment)
        self.worker = self.run([self.command[0], "work", "pipeline.yaml"], environment, subprocess.PIPE)
        for line in self.worker.stdout:
            if line.startswith("working on"):
                return
        self.stop()
        raise Failed(f"{self.name}: the worker did not start")

    def stop(self):
        self.end(self.worker)
        super().stop()

    @property
    def pids(self):
        return [self.pid, self.worker.pid]


def with_program(server, program, name=None):
    """The same server by another build of the program."""
    server = copy.copy(server)
    server.name, server.needs = name or server.name, ()
    server.command = [pathlib.Path(program).resolve(), *server.command[1:]]
    return server


def smg(body):
    """SMG, a gateway in Rust; a load sends the API's own requests to it."""
    command = [BUILD / "smg/bin/smg", "launch", "--host", "127.0.0.1", "--port", "PORT", "--prometheus-port", "METRICS",
               "--backend", "openai", "--worker-urls", "API", "--history-backend", "none"]
    return Server("smg", command, needs=["smg"], ready="/readiness", path="/v1/chat/completions", body=body)


ASKED = '{"model":"stub","messages":[{"role":"user","content":"What is 2 + 2?"}]}'
ASKED_FOR_STREAM = ASKED.replace('{"model"', '{"stream":true,"model"')
PYTHON = BUILD / "fastapi/bin/python"
GORILLA = Server("gorilla", [TOOLS / "gorilla", "-port", "PORT"], needs=["gorilla"])
NIO = Server("nio", [BUILD / "release/nio-echo", "PORT"], needs=["nio"])
FASTAPI = Server("fastapi", [PYTHON, HERE / "peers/fastapi/echo.py", "PORT"], needs=["fastapi"])
FASTAPI_FLOW = Server("fastapi", [PYTHON, HERE / "peers/fastapi/flow.py", "PORT"], needs=["fastapi"])
RELAY = Server("curl-relay", [TOOLS / "curl-relay", "PORT", "MODEL/chat/completions"], needs=["curl-relay"])
LISTENER = Server("nio", [PRODUCTS / "microbenchmarks", "listen", "PORT"], needs=["microbenchmarks"])
DIRECT = Direct()

# An echo with uWebSockets, where one lies ready: its command, in which PORT is replaced.
UWEBSOCKETS = [Server("uwebsockets", shlex.split(command), ready="")
               for command in [os.environ.get("UWEBSOCKETS", "")] if command]
