"""Secrets are planted everywhere, everything that can fail is made to fail, and nothing that anybody sees has one."""

import http.server
import json
import threading
import urllib.error
import urllib.request

import pytest
from websockets.exceptions import ConnectionClosed

from collector import Collector
from conftest import DEADLINE, receive, wait_until

# No part of a secret may be seen, so each has this in it.
MARK = "c4n4ry"
SECRETS = {
    "OPENAI_API_KEY": f"sk-{MARK}-model",
    "SECOND_KEY": f"sk-{MARK}-second",
    "HEADER_SECRET": f"{MARK}-header",
    "SUPABASE_KEY": f"{MARK}.service.role",
    "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{MARK}-collector",
    "DATABASE_PASSWORD": f"{MARK}%2Fpassword",
}

MODEL = """
pipeline: model
resources:
  model:
    openai: {url: "${OPENAI_BASE_URL}", key: "${OPENAI_API_KEY}", headers: {X-Api-Secret: "${HEADER_SECRET}"}}
  spare:
    openai: {url: "${OPENAI_BASE_URL}", key: "${SECOND_KEY}"}
stages:
  - receive: {format: json}
  - validate: {resources: [model]}
  - complete: {resource: model, fallback: [spare], timeout: 500ms, stream: true}
  - respond: {stream: true}
"""

STORED = """
pipeline: stored
resources:
  model: echo
  database: DATABASE
stages:
  - receive: {format: json}
  - validate: {resources: [model]}
  - complete
  - respond
  - persist: {table: requests}
    async: true
"""

LETTERS = """
pipeline: letters
resources:
  good: echo
  bad: {openai: {url: "${OPENAI_BASE_URL}", key: "${OPENAI_API_KEY}", headers: {X-Api-Secret: "${HEADER_SECRET}"}}}
stages:
  - receive: {format: json}
  - complete: {resource: good}
  - respond
  - complete: {resource: bad}
    async: {dead_letter: dead.jsonl}
"""

POSTGRES = '{postgres: {url: "postgresql://careful:${DATABASE_PASSWORD}@127.0.0.1:PORT/postgres", timeout: 1s}}'
SUPABASE = '{supabase: {url: "${SUPABASE_URL}", key: "${SUPABASE_KEY}"}}'

COMMANDS = [
    ("check",), ("check", "--format", "json"), ("check", "--live"), ("graph",), ("graph", "--format", "mermaid"),
    ("graph", "--format", "dot"), ("explain",), ("doctor",), ("doctor", "--quick"), ("migrate", "--print"), ("migrate",),
    ("sessions",),
]


class Gossip:
    """A server that repeats every header of a request in an error of its own making."""

    def __init__(self, status=500, code=""):
        gossip = self
        self.status, self.code = status, code

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                self.rfile.read(int(self.headers.get("content-length", 0)))
                said = f"you sent {dict(self.headers)}"
                body = json.dumps({"message": said, "code": gossip.code, "details": said, "hint": said,
                                   "error": {"message": said}}).encode()
                self.send_response(gossip.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_HEAD = do_DELETE = answer

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def gossip():
    server = Gossip()
    yield server
    server.server.shutdown()


class Ears:
    """Collects everything that anybody could see."""

    def __init__(self):
        self.heard = []

    def hear(self, where, text):
        self.heard.append((where, text))

    def get(self, host, path, **request):
        request = urllib.request.Request(f"{host.http}{path}", **request)
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
                self.hear(path, f"{answer.headers}{answer.read().decode()}")
        except urllib.error.HTTPError as error:
            self.hear(path, f"{error.headers}{error.read().decode()}")

    def talk(self, host, query="format=json", **options):
        """A prompt, and every frame up to its end."""
        with host.connect(query, **options) as client:
            self.hear("handshake", str(client.response.headers))
            client.send(json.dumps({"prompt": "hello"}))
            try:
                while True:
                    frame = receive(client)
                    self.hear("frame", frame)
                    if "format=json" not in query or json.loads(frame)["type"] in ("response", "error"):
                        return frame
            except ConnectionClosed as closed:
                self.hear("close", str(closed))

    def pages(self, host):
        for path in ("/metrics", "/readyz", "/healthz", "/", "/nothing", f"/ws?token={MARK}"):
            self.get(host, path)
        self.get(host, "/ws", data=b'{"prompt": "hello"}')

    def everything_of(self, host):
        self.pages(host)
        host.stop()
        self.hear("standard output", host.line)
        self.hear("log", "\n".join(host.log))
        assert len(host.log) > 1, "nothing was logged, so nothing was tried"

    def commands(self, run, file, env):
        for name, *options in COMMANDS:
            done = run(name, file, *options, env=env)
            self.hear(name, done.stdout + done.stderr)

    def assert_no_secret(self):
        leaks = [(where, text) for where, text in self.heard if MARK in text]
        assert not leaks, leaks
        assert self.heard


@pytest.fixture
def ears():
    return Ears()


ENV = {**SECRETS, "LOG_LEVEL": "trace"}


def test_a_model_that_repeats_what_it_was_sent(serve, run, ai, gossip, ears, tmp_path):
    env = {**ENV, "OPENAI_BASE_URL": gossip.url, "OTEL_EXPORTER_OTLP_ENDPOINT": gossip.url, "OTEL_BSP_SCHEDULE_DELAY": "20"}
    host = serve(MODEL, env=env)
    for status in (400, 401, 403, 404, 408, 429, 500, 503):
        gossip.status = status
        frame = ears.talk(host)
        assert json.loads(frame)["type"] == "error"
    ears.talk(host, "format=text")
    # Tokens that clients bring are nobody's business either.
    ears.talk(host, f"format=json&token={MARK}&api_key={MARK}", additional_headers={
        "Authorization": f"Bearer {MARK}", "Cookie": f"session={MARK}"})
    ears.everything_of(host)
    ears.commands(run, tmp_path / "pipeline-0.yaml", env)
    ears.assert_no_secret()


@pytest.mark.parametrize(
    "fault", ["401", "500", "503html", "invalid_json", "huge", "closed_early", "hang", "stream_gossip", "stream_nonsense"])
def test_a_model_that_fails(serve, ai, ears, fault):
    collector = Collector()
    host = serve(MODEL, env={**ENV, "OPENAI_BASE_URL": ai.url, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    ai.script = [fault] * 4
    ears.talk(host)
    ears.everything_of(host)
    collector.stop()
    assert collector.spans
    ears.hear("spans", json.dumps(collector.spans))
    assert any(MARK in json.dumps(call["headers"]) for call in ai.calls)
    ears.assert_no_secret()


def test_a_model_that_is_not_there(serve, run, ears, tmp_path):
    env = {**ENV, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    host = serve(MODEL, env=env)
    ears.talk(host)
    ears.everything_of(host)
    ears.commands(run, tmp_path / "pipeline-0.yaml", env)
    ears.assert_no_secret()


@pytest.mark.parametrize("database", ["refused", "wrong_password", "bad_address"])
def test_a_postgres_that_can_not_be_used(serve, run, ears, tmp_path, postgres_server, database):
    port = {"refused": "9", "wrong_password": str(postgres_server.port), "bad_address": "nowhere"}[database]
    pipeline = STORED.replace("DATABASE", POSTGRES.replace("PORT", port), 1)
    # What waits for the database when the host stops is lost, and the host says so.
    host = serve(pipeline, env=ENV, ends_well=False)
    ears.talk(host)
    wait_until(lambda: len(host.log) > 2, "the log to say so")
    ears.pages(host)
    host.process.kill()
    host.stop()
    ears.hear("log", "\n".join(host.log))
    ears.commands(run, tmp_path / "pipeline-0.yaml", ENV)
    ears.assert_no_secret()


def test_a_supabase_that_repeats_what_it_was_sent(serve, run, gossip, ears, tmp_path):
    env = {**ENV, "SUPABASE_URL": gossip.url}
    host = serve(STORED.replace("DATABASE", SUPABASE, 1), env=env, ends_well=False)
    for status, code in ((401, ""), (500, ""), (404, "PGRST205"), (400, "22P02")):
        gossip.status, gossip.code = status, code
        ears.talk(host)
    ears.pages(host)
    host.process.kill()
    host.stop()
    ears.hear("log", "\n".join(host.log))
    ears.commands(run, tmp_path / "pipeline-0.yaml", env)
    ears.assert_no_secret()


def test_dead_letters(serve, gossip, ears, tmp_path):
    gossip.status = 401
    host = serve(LETTERS, env={**ENV, "OPENAI_BASE_URL": gossip.url})
    ears.talk(host)
    letters = tmp_path / "dead.jsonl"
    wait_until(lambda: letters.exists() and letters.read_text(), "the dead letter")
    ears.everything_of(host)
    assert "model_unauthorized" in letters.read_text()
    ears.hear("dead letters", letters.read_text())
    ears.assert_no_secret()


WRONG_PLACES = [
    '  - complete: {timeout: "${OPENAI_API_KEY}"}', '  - complete: {max_tokens: "${OPENAI_API_KEY}"}',
    '  - complete: {stream: "${OPENAI_API_KEY}"}', '  - complete: {fallback_on: ["${OPENAI_API_KEY}"]}',
    '  - "${OPENAI_API_KEY}"', '  - complete: {label: "x", resource: "${OPENAI_API_KEY}"}',
    '  - complete: {resource: "${OPENAI_API_KEY}"}',
    '  - complete\n    retry: {backoff: "${OPENAI_API_KEY}"}', '  - complete\n    when: {prompt: {matches: "(${OPENAI_API_KEY}"}}',
]


@pytest.mark.parametrize("wrong", WRONG_PLACES)
def test_a_secret_in_the_wrong_place_of_the_file(run, ears, tmp_path, wrong):
    file = tmp_path / "wrong.yaml"
    file.write_text("pipeline: wrong\nresources:\n  model: echo\nstages:\n  - receive\n" + wrong + "\n  - respond\n")
    for command in ("check", "serve", "explain", "graph"):
        done = run(command, file, env=ENV)
        assert done.returncode == 1, done.stdout
        ears.hear(command, done.stdout + done.stderr)
    ears.assert_no_secret()


@pytest.mark.parametrize("url", ["https://user:${OPENAI_API_KEY}@127.0.0.1/v1", "${OPENAI_API_KEY}",
                                 "http://127.0.0.1:${OPENAI_API_KEY}/v1"])
def test_a_secret_in_an_address(run, ears, tmp_path, url):
    file = tmp_path / "wrong.yaml"
    file.write_text(MODEL.replace("${OPENAI_BASE_URL}", url))
    ears.commands(run, file, ENV)
    ears.assert_no_secret()


@pytest.mark.parametrize("line", [f"{MARK}", f"OPENAI_API_KEY='{MARK}", f"OPENAI_API_KEY=\"{MARK}\\", f"1KEY={MARK}",
                                  f"OPENAI API KEY={MARK}", f"OPENAI_API_KEY='{MARK}' {MARK}"])
def test_an_env_file_that_can_not_be_read(run, ears, tmp_path, line):
    (tmp_path / ".env").write_text(f"SECOND_KEY=x\n{line}\n")
    file = tmp_path / "model.yaml"
    file.write_text(MODEL)
    ears.commands(run, file, {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "HEADER_SECRET": "x"})
    ears.assert_no_secret()


def test_the_commands_that_need_no_pipeline(run, ears):
    for arguments in (("stages",), ("stages", "complete"), ("stages", "openai"), ("--help",)):
        done = run(*arguments, env=ENV)
        ears.hear(arguments[0], done.stdout + done.stderr)
    ears.assert_no_secret()
