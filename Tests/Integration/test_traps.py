"""Values that no sensible file, API or client has: each is an error or counts for nothing, and none ends the process."""

import base64
import http.client
import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.request

import pytest

from conftest import DEADLINE, program, receive_json

PIPELINE = """
pipeline: t
resources: {m: {openai: {url: "URL", key: k}}}
stages:
  - receive: {format: json}
  - complete: {timeout: 20s}
    retry: {attempts: 3, backoff: 1ms, max_backoff: 2s}
  - respond
"""


class Scripted:
    """An HTTP server that answers each request with the bytes that the test gives."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.lines = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                self.lines.append(stream.readline().decode().strip())
                length = 0
                while (field := stream.readline().decode().strip()):
                    if field.lower().startswith("content-length:"):
                        length = int(field.split(":")[1])
                stream.read(length)
                connection.sendall(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])

    def stop(self):
        self.listener.close()


def response(body, status="200 OK", *fields):
    body = body.encode() if isinstance(body, str) else body
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *fields])
    return head.encode() + b"\r\n\r\n" + body


@pytest.fixture
def api():
    servers = []

    def start(*answers):
        servers.append(Scripted(*answers))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def ask(host, frame={"prompt": "hello"}):
    with host.connect() as client:
        receive_json(client)
        client.send(json.dumps(frame))
        return receive_json(client)


# What APIs say.

@pytest.mark.parametrize("usage, tokens", [
    ('{"total_tokens": 1e400}', None), ('{"total_tokens": -5}', None), ('{"total_tokens": 9223372036854775807}', None),
    ('{"total_tokens": 9223372036854775808}', None), ('{"total_tokens": "42"}', None), ('{"total_tokens": 4.2}', None),
    ('{"total_tokens": 42, "cost": 1e400}', 42), ('{"total_tokens": 4.2e1, "x": [-1e999]}', 42), ("1e400", None),
    ('[1e400]', None), ('{"total_tokens": 2147483648}', None), ('{"total_tokens": 2147483647}', 2147483647),
])
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_not_lost_for_a_number_in_it(serve, api, usage, tokens, stream):
    if stream:
        events = [
            '{"created": 1e400, "x": 1e400, "choices": [{"index": -1e400, "delta": {"content": "hi"}, "y": 1e400}]}',
            '{"choices": [{"delta": {}, "finish_reason": "stop"}]}', f'{{"choices": [], "usage": {usage}}}', "[DONE]"]
        body = "".join(f"data: {event}\n\n" for event in events)
        server = api(response(body, "200 OK", "Content-Type: text/event-stream"))
    else:
        server = api(response(
            f'{{"created": 1e400, "choices": [{{"index": -1e400, "message": {{"content": "hi"}}}}], "usage": {usage}}}'))
    host = serve(
        PIPELINE.replace("URL", server.url).replace("timeout: 20s", f"timeout: 20s, stream: {str(stream).lower()}")
        .replace("resources: {", "resources: {db: sqlite, ").replace("  - respond", "  - persist\n  - respond"))
    frame = ask(host)
    assert (frame.get("response"), frame.get("tokens_used")) == ("hi", tokens), host.log
    [row] = host.rows()
    assert row["tokens_used"] == tokens
    json.loads(row["metadata"])


@pytest.mark.parametrize("fields, calls", [
    # Longer than 'max_backoff': nobody waits for it.
    (["Retry-After: 9223372036854775807"], 1), (["Retry-After: 3600"], 1), ([f"Retry-After: {'9' * 400}"], 1),
    (["Retry-After: Fri, 31 Dec 9999 23:59:59 GMT"], 1),
    (["x-ratelimit-remaining-requests: 0", f"x-ratelimit-reset-requests: {'9' * 50}h"], 1),
    (["x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: " + "999999999999h" * 200], 1),
    (["x-ratelimit-remaining-tokens: 0", f"x-ratelimit-reset-tokens: {'9' * 400}ms"], 1),
    # No time at all.
    (["Retry-After: -1"], 3), (["Retry-After: NaN"], 3), (["Retry-After: inf"], 3), (["Retry-After: 0x1p60"], 3),
    (["Retry-After: "], 3), (["Retry-After: Xyz, 99 Abc 99999 99:99:99 GMT"], 3), (["Retry-After: 0.001"], 3),
    (["Retry-After: Thu, 01 Jan 1970 00:00:00 GMT"], 3),
    # Tokens are left: when they are filled up says nothing.
    (["x-ratelimit-remaining-tokens: 5", "x-ratelimit-reset-tokens: 6m0s"], 3),
    (["x-ratelimit-remaining-requests: 5", "x-ratelimit-reset-requests: 6m0s"], 3),
])
def test_a_wait_that_an_api_asks_for_is_bounded(serve, api, fields, calls):
    server = api(response('{"error": {"message": "slow"}}', "429 Too Many Requests", *fields))
    host = serve(PIPELINE.replace("URL", server.url))
    started = time.monotonic()
    assert ask(host)["error"]["code"] == "model_rate_limited"
    assert time.monotonic() - started < DEADLINE
    assert len(server.lines) == calls


# Addresses.

HTTP = """
pipeline: t
resources: {m: echo}
stages:
  - receive: {format: json}
  - http: {url: "URL/users/{{session.username}}/notes/{{prompt}}", into: {metadata.note: .}}
  - complete
  - respond
"""


PROMPTS = [
    ("..", None), (".", None), ("%2e%2e", None), ("%2E.", None), ("%252e%252e", None), ("../../admin", None),
    ("..\\..\\admin", None), ("a/../b", None), ("..;", None), ("..;x=1", None), ("a%2f..%2fb", None),
    ("...", "/users/WebUser/notes/..."), ("a..b", "/users/WebUser/notes/a..b"), ("a/b", "/users/WebUser/notes/a%2Fb"),
    ("100%", "/users/WebUser/notes/100%25"), ("?x=1#y", "/users/WebUser/notes/%3Fx%3D1%23y"),
    ("a\r\nHost: evil", "/users/WebUser/notes/a%0D%0AHost%3A%20evil"), ("@evil", "/users/WebUser/notes/%40evil"),
    ("what is ../foo?", "/users/WebUser/notes/what%20is%20..%2Ffoo%3F"),
]


def test_a_message_can_not_change_which_path_is_called(serve, api):
    server = api(response("{}"))
    host = serve(HTTP.replace("URL", server.url))
    for prompt, path in PROMPTS:
        frame = ask(host, {"prompt": prompt})
        if path is None:
            assert frame["error"]["code"] == "invalid_message" and frame["error"]["stage"] == "http", (prompt, frame)
            assert server.lines == [], prompt
        else:
            assert frame["type"] == "response", (prompt, host.log)
            assert server.lines == [f"GET {path} HTTP/1.1"]
            server.lines.clear()
    details = {entry["detail"] for entry in host.entries("invalid_message")}
    assert details == {"a part of the address's path would be '.' or '..'"}


@pytest.mark.parametrize("url, metadata, line", [
    ("/a/{{metadata.x}}/b", {}, None), ("/a/{{metadata.x}}", {"x": ""}, None), ("/{{metadata.x}}{{metadata.y}}/b", {"x": ".", "y": "."}, None),
    ("/a/.{{metadata.x}}/b", {"x": "."}, None), ("/a/.{{metadata.x}}/b", {"x": ""}, None),
    ("/a/%2e{{metadata.x}}", {"x": "."}, None), ("/a/x{{metadata.x}}", {}, "/a/x"), ("/a?x={{metadata.x}}", {"x": ".."}, "/a?x=.."),
    ("/a?x={{metadata.x}}", {}, "/a?x="), ("/a?x=/{{metadata.x}}/", {"x": ".."}, "/a?x=/../"),
    ("/a/{{metadata.x}}", {"x": {"y": 1}}, None), ("/a/{{metadata.x}}", {"x": 1e300}, "/a/1e%2B300"),
])
def test_nor_can_values_together_or_none(serve, api, url, metadata, line):
    server = api(response("{}"))
    host = serve(HTTP.replace("URL/users/{{session.username}}/notes/{{prompt}}", server.url + url))
    frame = ask(host, {"prompt": "x", "metadata": metadata})
    if line is None:
        assert frame["error"]["code"] == "invalid_message", frame
    assert server.lines == ([f"GET {line} HTTP/1.1"] if line else [])


def test_a_field_in_a_header_begins_no_other_header(serve, api):
    server = api(response("{}"))
    host = serve(HTTP.replace("URL/users/{{session.username}}/notes/{{prompt}}\"", server.url + '/", headers: {X-A: "{{prompt}}"}'))
    assert ask(host, {"prompt": "a\r\nX-Evil: 1\r\n\r\nGET /evil HTTP/1.1\u2028\u0085"})["type"] == "response"
    assert server.lines == ["GET / HTTP/1.1"]


def test_an_answer_of_an_api_is_not_lost_for_a_number_that_nobody_reads(serve, api):
    server = api(response('{"a": 1e400, "b": "yes"}'))
    host = serve(HTTP.replace("URL", server.url).replace("metadata.note: .", "metadata.note: b"))
    assert ask(host)["type"] == "response", host.log


# What clients say.

NAMES = [
    ("localhost", 200), ("LOCALHOST:1", 200), ("127.0.0.1", 200), ("127.1.2.3:8080", 200), ("[::1]", 200), ("[::1]:80", 200),
    ("[::ffff:127.0.0.1]", 200), ("[0:0:0:0:0:0:0:1]", 200), ("localhost:", 200),
    ("[::1].evil", 403), ("[::1]evil", 403), ("[::1]x", 403), ("[::1]80", 403), ("[::1", 403), ("[::1]:x", 403),
    ("[::1]:80@evil", 403), ("[::1%25evil]", 403),
    ("127.0.0.1.evil", 403), ("127.0.0.1:80@evil", 403), ("127.0.0.1:evil", 403), ("localhost.evil", 403), ("localhost:x", 403),
    ("localhost:80.evil", 403), ("localhost@evil", 403), ("user:1@localhost", 403), ("evil", 403), ("127.0.0.01", 403),
    ("127.+0.0.1", 403), ("127.1", 403), ("[::ffff:128.0.0.1]", 403), ("[::2]", 403), ("::1", 403), ("localhost:99999", 403),
    ("localhost,evil", 403), ("evil:80:[::1]", 403), ("", 403),
]


def test_a_host_on_loopback_answers_to_the_names_of_loopback_alone(offline):
    wrong = []
    for name, status in NAMES:
        with offline.raw() as connection:
            connection.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
            if int(connection.makefile("rb").readline().split()[1]) != status:
                wrong.append(name)
    assert wrong == []


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
def test_an_answer_to_http_1_0_ends_where_its_client_sees_it(offline, keeps, accept):
    body = b'{"prompt": "a b c"}'
    with offline.raw() as connection:
        connection.sendall(
            f"POST /ws HTTP/1.0\r\nHost: localhost\r\nAccept: {accept}\r\nContent-Length: {len(body)}\r\n".encode()
            + (b"Connection: keep-alive\r\n" if keeps else b"") + b"\r\n" + body)
        stream = connection.makefile("rb")
        assert stream.readline().split()[1] == b"200"
        fields = dict(line.decode().lower().strip().split(": ", 1) for line in iter(stream.readline, b"\r\n"))
        assert "transfer-encoding" not in fields
        if length := fields.get("content-length"):
            text = stream.read(int(length))
        else:
            # To its end: the connection's.
            text = stream.read()
            assert fields["connection"] == "close"
        assert b"a b c" in text


def test_a_token_that_nobody_signed_costs_next_to_nothing(serve):
    host = serve(
        'pipeline: t\nhost: {auth: {jwt: {secret: "a secret of at least thirty-two bytes"}}}\n'
        "resources: {m: echo}\nstages: [receive, complete, respond]\n")
    deep = '{"alg":"HS256","x":' + "[" * 500 + "]" * 500 + ',"crit":' + '{"a":' * 500 + "1" + "}" * 500 + "}"
    encoded = base64.urlsafe_b64encode(deep.encode()).rstrip(b"=").decode()
    started = time.monotonic()
    for _ in range(20):
        client = http.client.HTTPConnection("127.0.0.1", host.port, timeout=DEADLINE)
        client.request("POST", "/ws", '{"prompt": "x"}', {"Authorization": f"Bearer {encoded}.e30.AAAA"})
        assert client.getresponse().status == 401
    assert time.monotonic() - started < DEADLINE / 3


# Files.

TLS = "pipeline: t\nhost: {tls: {certificate: x, key: x}}\nresources: {m: echo}\nstages: [receive, complete, respond]\n"
JWT = TLS.replace("tls: {certificate: x, key: x}", "auth: {jwt: {HOW: x}}")
PLAIN = "pipeline: t\nresources: {m: echo}\nstages: [receive, complete, respond]\n"


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
@pytest.mark.parametrize("what", ["pipeline", "env", "tls", "jwks", "public_key", "tests", "use"])
def test_what_is_no_file_is_said_at_once(run, tmp_path, kind, what):
    name = {"pipeline": "p.yaml", "env": "x", "tests": "p.test.yaml"}.get(what, "x")
    if what != "pipeline":
        (tmp_path / "p.yaml").write_text({
            "tls": TLS, "jwks": JWT.replace("HOW", "jwks"), "public_key": JWT.replace("HOW", "public_key"),
            "use": PLAIN.replace("complete", "{use: {file: x}}")}.get(what, PLAIN))
    if kind == "pipe":
        os.mkfifo(tmp_path / name)
    elif kind == "folder":
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).symlink_to("/dev/zero")
    started = time.monotonic()
    arguments = ["--env-file", "x"] if what == "env" else []
    commands = [["test", "p.yaml"]] if what == "tests" else [
        ["check", "p.yaml", *arguments], ["serve", "p.yaml", "--port", "0", *arguments]]
    for command in commands:
        outcome = run(*command)
        assert outcome.returncode == 1, outcome
        said = {"pipe": "pipe that nobody writes to", "folder": "directory", "device": "larger than"}[kind]
        if (what, kind, command[0]) == ("pipeline", "folder", "check"):
            said = "has no pipeline file"
        assert said in outcome.stderr, outcome.stderr
    assert time.monotonic() - started < DEADLINE


def test_a_pipe_with_a_writer_is_a_file(tmp_path, run):
    (tmp_path / "p.yaml").write_text(PLAIN.replace("echo", '{echo: {delay: "${WAIT}"}}'))
    reader, writer = os.pipe()
    threading.Timer(0.2, lambda: (os.write(writer, b"WAIT=1ms\n"), os.close(writer))).start()
    outcome = subprocess.run(
        [program(), "check", "p.yaml", "--env-file", f"/dev/fd/{reader}"], cwd=tmp_path, pass_fds=[reader],
        capture_output=True, text=True, timeout=30)
    assert outcome.returncode == 0, outcome


# Settings.

def test_a_limit_that_no_clock_can_tell_apart_refuses_nobody(serve):
    host = serve(
        "pipeline: t\nresources: {m: echo}\nstages:\n  - receive: {format: json}\n"
        "  - limit: {messages: 9223372036854775807, every: 1ms}\n  - complete\n  - respond\n")
    assert [ask(host)["type"] for _ in range(3)] == ["response"] * 3


SETTINGS = """
pipeline: t
resources:
  m: {openai: {url: "http://127.0.0.1:9/v1", key: k, connect_timeout: D, calls: N}}
  e: {echo: {delay: 0}}
  db: {sqlite: {path: data/x.db, busy_timeout: D}}
  q: {disk: {path: data/q, size: S}}
host:
  limits: {connections: N, connections_per_address: N, connects_per_second: N, handshake: D, headers: S, message: S,
    fragments: N, ping: D, idle: D, write: D, outbound: S, queued: N, lifetime: D, frames_per_second: N}
  drain: D
stages:
  - receive: {concurrency: N, on_disconnect: {hold: D}}
  - validate: {max_length: N}
  - limit: {messages: N, every: D, tokens: N, period: D}
  - complete: {resource: e, timeout: D, first_token: D, max_tokens: N}
    retry: {attempts: N, backoff: D, max_backoff: D}
    timeout: D
  - http: {url: "http://127.0.0.1:9/x", timeout: D, limit: S}
    on_error: continue
  - exec: {command: [cat], processes: N, concurrency: N, timeout: D, cpu: D, memory: S, max_line: S, heartbeat: D}
    on_error: continue
  - persist:
    async: {queue: q, capacity: N, workers: N, batch: N, retry: {attempts: N, backoff: D, max_backoff: D}}
  - respond
"""
USUAL = {"D": "30s", "S": "2MiB", "N": "5"}
LARGE = {
    "D": ["876000h", "4294967296s", "9223372036854775807ms", "1e300h", "9999999999h", "2147483648ms", "86401s"],
    "S": ["4095GiB", "9223372036854775807B", "9999999999GiB", "2GiB"],
    "N": ["9223372036854775807", "9223372036854775808", "1e400", ".inf", "4294967296", "1000000", "1024", "100"],
}
SMALL = {
    "D": ["0", "-1s", "0.0000001ms", "1ms"], "S": ["0", "1B", "256B", "-1B"],
    "N": ["0", "-1", "-9223372036854775808", "1", ".nan"],
}


def extremes(values, run, tmp_path):
    """The file with each setting at the first of the values that `check` takes for it, and which they are."""
    places = list(re.finditer(r"(?<=: )[DSN](?=[,}\n])", SETTINGS))
    chosen = [USUAL[place[0]] for place in places]
    taken = []

    def text(changes):
        parts, end = [], 0
        for place, value in zip(places, changes):
            parts += [SETTINGS[end:place.start()], value]
            end = place.end()
        return "".join(parts) + SETTINGS[end:]

    for index, place in enumerate(places):
        left = list(values[place[0]])
        while left:
            attempt = list(chosen)
            attempt[index] = left.pop(0)
            (tmp_path / "p.yaml").write_text(text(attempt))
            outcome = run("check", "p.yaml")
            assert outcome.returncode in (0, 1), (place, attempt[index], outcome)
            if outcome.returncode == 0:
                taken.append((index, attempt[index]))
                break
    for index, value in taken:
        chosen[index] = value
    return text, [USUAL[place[0]] for place in places], taken, chosen


@pytest.mark.parametrize("values", [LARGE, SMALL], ids=["large", "small"])
def test_no_setting_that_is_taken_ends_the_process(run, serve, tmp_path, values):
    text, usual, taken, all_at_once = extremes(values, run, tmp_path)
    files = [all_at_once]
    # Each by itself takes a minute.
    if os.environ.get("EACH_SETTING"):
        files += [[value if place == index else old for place, old in enumerate(usual)] for index, value in taken]
    for file in files:
        (tmp_path / "p.yaml").write_text(text(file))
        for command in ("check", "explain"):
            assert run(command, "p.yaml").returncode == 0
        process = subprocess.Popen(
            [program(), "serve", "p.yaml", "--port", "0"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        try:
            line = process.stdout.readline()
            address = re.search(r"127\.0\.0\.1:(\d+)", line)
            assert address, process.stderr.read()
            for _ in range(2):
                try:
                    request = urllib.request.Request(f"http://127.0.0.1:{address[1]}/ws", b'{"prompt": "hello"}')
                    urllib.request.urlopen(request, timeout=2).read()
                except (OSError, http.client.HTTPException):
                    pass
            process.terminate()
            try:
                code = process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                # A drain of a hundred years.
                process.terminate()
                code = process.wait(timeout=DEADLINE)
            assert code in (0, 1), (file, process.stderr.read())
        finally:
            process.kill()
