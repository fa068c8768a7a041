"""Names, addresses and origins: whom the host answers, and what it lets pages of other origins do."""

import itertools
import json
import uuid

from conftest import wait_until
from rawhttp import Raw

SITE = "https://chat.example"
CHAT = """
pipeline: p
host: {origins: ["https://chat.example", "https://bücher.example", "null"]HOST}
resources:
  m: echo
  d: {sqlite: {path: data/stagecoach.db}}
stages: [receive, complete, persist, respond]
"""


def start(serve, host="", **options):
    return serve(CHAT.replace("HOST", host), **options)


def ask(server, *arguments, **options):
    with Raw(server.raw()) as raw:
        return raw.ask(*arguments, **options)


def shake(server, *arguments, **options):
    with Raw(server.raw()) as raw:
        return raw.handshake(*arguments, **options)


# Pages of other origins.

def test_a_page_of_a_listed_origin_may_post_and_read_sessions(serve):
    host = start(serve, ", history: true, auth: {keys: [key-of-ann]}")
    session = str(uuid.uuid4())
    key = {"Authorization": "Bearer key-of-ann"}
    for target, method in (("/ws", "POST"), (f"/sessions/{session}", "GET")):
        answer = ask(host, "OPTIONS", target, {
            "Origin": SITE, "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization,content-type,last-event-id,traceparent,tracestate"})
        assert answer.status == 204 and answer["access-control-allow-origin"] == SITE and answer["vary"] == "Origin"
        assert method in answer["access-control-allow-methods"].split(", ")
        assert set(answer["access-control-allow-headers"].split(", ")) == {
            "authorization", "content-type", "last-event-id", "traceparent", "tracestate"}
        assert answer["access-control-allow-credentials"] is None

    def shared(answer, status):
        assert (answer.status, answer["access-control-allow-origin"], answer["vary"]) == (status, SITE, "Origin")
        assert answer["access-control-expose-headers"] == "Stagecoach-Session"
        assert answer["access-control-allow-credentials"] is None
        return answer

    origin = {"Origin": SITE}
    prompt = {"prompt": "x"}
    answer = shared(ask(host, "POST", f"/ws?session={session}", {**origin, **key}, prompt), 200)
    assert answer["stagecoach-session"] == session
    events = shared(ask(host, "POST", "/ws", {**origin, **key, "Accept": "text/event-stream"}, prompt), 200)
    assert events["content-type"] == "text/event-stream"
    host.wait_for_rows(2)
    assert shared(ask(host, "GET", f"/sessions/{session}", {**origin, **key}), 200).json[0]["prompt"] == "x"
    # Refusals, too: the page is to see why.
    shared(ask(host, "POST", "/ws", origin, prompt), 401)
    shared(ask(host, "POST", "/ws", {**origin, **key}, b"{nonsense"), 400)
    shared(ask(host, "POST", "/ws", {**origin, **key}, b"x" * 70_000), 413)
    shared(ask(host, "POST", "/ws?session=1", {**origin, **key}, prompt), 400)
    shared(ask(host, "PUT", "/ws", {**origin, **key}, prompt), 405)
    shared(ask(host, "GET", f"/sessions/{session}", origin), 401)
    shared(ask(host, "GET", f"/sessions/{uuid.uuid4()}", {**origin, **key}), 404)
    assert ask(host, "POST", "/ws", {"Origin": "null", **key}, prompt)["access-control-allow-origin"] == "null"


OTHERS = [
    "https://evil.example", "http://chat.example", "https://chat.example:8443", "https://chat.example.evil",
    "https://evil-chat.example", "https://sub.chat.example", "https://chat.example/", "https://user@chat.example", "file://"]


def test_a_page_of_another_origin_gets_403_and_nothing_to_read(serve):
    host = start(serve, ", history: true")
    for origin, (method, target, fields, body) in itertools.product(OTHERS, (
            ("OPTIONS", "/ws", {"Access-Control-Request-Method": "POST"}, None), ("POST", "/ws", {}, {"prompt": "x"}),
            ("OPTIONS", f"/sessions/{uuid.uuid4()}", {"Access-Control-Request-Method": "GET"}, None),
            ("GET", f"/sessions/{uuid.uuid4()}", {}, None))):
        answer = ask(host, method, target, {"Origin": origin, **fields}, body)
        assert answer.status == 403 and not [name for name, _ in answer.fields if name.startswith("access-control")]
        assert answer["vary"] == "Origin" and answer["content-type"].startswith("text/plain")
    assert {shake(host, fields={"Origin": origin}).status for origin in OTHERS} == {403}
    assert host.rows() == []


def test_two_origins_are_both_to_be_allowed_and_no_page_reads_the_answer(serve):
    host = start(serve)
    for other, status in ((SITE, 200), ("https://evil.example", 403)):
        with Raw(host.raw()) as raw:
            body = b'{"prompt": "x"}'
            raw.connection.sendall(
                f"POST /ws HTTP/1.1\r\nHost: localhost\r\nOrigin: {SITE}\r\nOrigin: {other}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            answer = raw.answer()
            assert answer.status == status and answer["access-control-allow-origin"] is None


def test_other_pages_of_the_host_are_not_shared(serve):
    host = start(serve)
    for target in ("/", "/healthz", "/readyz", "/metrics", "/nowhere"):
        answer = ask(host, "GET", target, {"Origin": SITE})
        assert answer["access-control-allow-origin"] is None
        preflight = ask(host, "OPTIONS", target, {"Origin": SITE, "Access-Control-Request-Method": "GET"})
        assert preflight["access-control-allow-origin"] is None


def test_an_answer_without_an_origin_says_that_others_get_another_one(serve):
    host = start(serve)
    answer = ask(host, "POST", "/ws", body={"prompt": "x"})
    assert answer["vary"] == "Origin" and answer["access-control-allow-origin"] is None


def test_a_host_that_is_full_says_so_to_pages_of_listed_origins(serve):
    host = serve(CHAT.replace("HOST", ", limits: {connections: 1}"))
    with host.connect():
        answer = ask(host, "POST", "/ws", {"Origin": SITE}, {"prompt": "x"})
        assert answer.status == 503 and answer["access-control-allow-origin"] == SITE


# The host's own origin.

OWN = [
    ("chat.example:443", SITE, True), ("CHAT.Example:443", SITE, True), ("chat.example", SITE, True),
    ("localhost:80", "http://localhost", True), ("LOCALHOST", "http://localhost:80", True),
    ("localhost:443", "https://localhost", True), ("localhost", "https://LOCALHOST:443", True),
    ("[::1]:443", "https://[::1]", True), ("localhost:8443", "https://localhost:8443", True),
    ("localhost:443", "http://localhost", False), ("localhost:80", "https://localhost", False),
    ("localhost:8443", "https://localhost", False), ("localhost", "https://localhost:80", False),
    ("localhost", "https://localhost.", False), ("localhost:443", "https://localhost:443@evil.example", False)]


def test_the_port_of_the_scheme_and_the_case_make_no_other_origin(serve):
    host = start(serve)
    for name, origin, allowed in OWN:
        own = {"Origin": origin}
        statuses = (shake(host, fields=own, host=name).status, ask(host, "POST", "/ws", own, {"prompt": "x"}, host=name).status)
        assert statuses == ((101, 200) if allowed else (403, 403)), (name, origin)


def test_a_name_with_other_letters_is_taken_in_its_ascii_form(serve, run, tmp_path):
    host = start(serve)
    assert shake(host, fields={"Origin": "https://xn--bcher-kva.example"}, host="xn--bcher-kva.example").status == 101
    answer = ask(host, "POST", "/ws", {"Origin": "https://xn--bcher-kva.example"}, {"prompt": "x"})
    assert answer["access-control-allow-origin"] == "https://xn--bcher-kva.example"
    for origin, sent in (("https://BÜCHER.example:443", "https://xn--bcher-kva.example"),
                         ("https://例え.テスト:8443", "https://xn--r8jz45g.xn--zckzah:8443"),
                         ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
                         ("http://faß.example", "http://xn--fa-hia.example")):
        other = serve(CHAT.replace("https://bücher.example", origin).replace("HOST", ""))
        assert shake(other, fields={"Origin": sent}).status == 101
    (tmp_path / "bad.yaml").write_text(CHAT.replace("https://bücher.example", "https://-ü.example").replace("HOST", ""))
    assert "origin such as" in run("check", "bad.yaml").stderr


# Names.

def test_the_health_pages_answer_to_any_name_and_to_none(serve):
    host = start(serve)
    for name in ("evil.example", "10.0.0.7:8080", "haproxy", None):
        options = {"host": name, "version": "1.0" if name is None else "1.1"}
        for target in ("/healthz", "/readyz", "/healthz?from=haproxy"):
            assert [ask(host, method, target, **options).status for method in ("GET", "HEAD", "OPTIONS")] == [200] * 3
        for target in ("/", "/metrics", "/ws", "/sessions/x"):
            assert ask(host, "GET", target, **options).status == 403
        # HAProxy's `option httpchk` asks so.
        assert [ask(host, "OPTIONS", target, **options).status for target in ("/", "*", "/ws", "/metrics")] == [200, 200, 403, 403]
        assert ask(host, "OPTIONS", "/", {"Origin": "https://evil.example"}, **options).status == 403
        assert ask(host, "POST", "/ws", body={"prompt": "x"}, **options).status == 403


WHOLE = [
    ("http://127.0.0.1:1/healthz", "127.0.0.1", 200), ("http://localhost/", "evil.example", 200),
    ("HTTP://LOCALHOST:8080/metrics", "evil.example", 200), ("https://localhost/nowhere", "localhost", 404),
    ("http://localhost", "localhost", 200), ("http://localhost?x=1", "localhost", 200), ("ws://localhost/readyz", "x", 200),
    ("http://evil.example/", "127.0.0.1", 403), ("http://evil.example/ws", "127.0.0.1", 403),
    ("http://evil.example/healthz", "127.0.0.1", 200), ("http://evil@localhost/healthz", "localhost", 400),
    ("http:///healthz", "localhost", 400), ("ftp://localhost/healthz", "localhost", 400)]


def test_the_host_of_a_whole_address_is_what_counts(serve):
    host = start(serve)
    assert [(*case[:2], ask(host, "GET", case[0], host=case[1]).status) for case in WHOLE] == WHOLE


def test_a_whole_address_does_for_every_kind_of_request(serve):
    host = start(serve)
    with Raw(host.raw()) as raw:
        assert raw.ask("POST", "http://localhost/ws?username=ann", body={"prompt": "x"}, host="evil.example").status == 200
        own = {"Origin": "http://localhost:8080"}
        assert raw.ask("POST", "http://localhost:8080/ws", own, {"prompt": "x"}, host="evil.example").status == 200
        assert raw.ask("POST", "http://localhost/ws", own, {"prompt": "x"}, host="localhost:8080").status == 403
        assert raw.handshake("ws://localhost/ws?format=text", host="evil.example").status == 101
        assert raw.says("hello") == "hello"
    assert host.wait_for_rows(1)[0]["username"] == "ann"


def test_two_hosts_and_none_are_400(serve):
    host = start(serve)
    for target, (hosts, version) in itertools.product(("/healthz", "/", "/ws", "http://localhost/healthz"), (
            (["localhost", "localhost"], "1.1"), (["localhost", "evil.example"], "1.1"),
            (["localhost", "localhost"], "1.0"), (None, "1.1"))):
        answer = ask(host, "GET", target, host=hosts, version=version)
        assert answer.status == 400 and "Host" in answer.text, (target, hosts)


# What who is refused is told, and what operators see.

def warnings(host):
    return [entry["message"] for entry in map(json.loads, list(host.log))
            if entry["level"] == "warning" and "refused" in entry["message"].lower()]


def test_who_is_refused_is_told_what_was_got_and_which_line_to_write(serve):
    host = start(serve)
    answer = ask(host, "GET", "/", host="other.example")
    assert answer.status == 403 and answer["content-type"] == "text/plain; charset=utf-8"
    assert "'other.example'" in answer.text and "host: {origins: [https://other.example]}" in answer.text
    answer = ask(host, "POST", "/ws", {"Origin": "https://other.example:8443"}, {"prompt": "x"})
    assert answer["content-type"] == "text/plain; charset=utf-8"
    assert "'https://other.example:8443'" in answer.text
    assert "host: {origins: [https://other.example:8443]}" in answer.text
    wait_until(lambda: len(warnings(host)) == 2, "two warnings")
    assert all("origins: [https://other.example" in text for text in warnings(host))


def test_the_line_is_right(serve):
    told = ask(start(serve), "GET", "/", host="other.example").text
    line = told[told.index("host: {"):].strip()
    host = serve(f"pipeline: p\n{line}\nresources: {{m: echo}}\nstages: [receive, complete, respond]\n")
    assert ask(host, "GET", "/", host="other.example").status == 200
    assert shake(host, host="other.example", fields={"Origin": "https://other.example"}).status == 101


def test_refusals_are_one_warning_a_minute_and_few_in_all(serve):
    host = start(serve)
    for _ in range(5):
        ask(host, "GET", "/", host="other.example")
        shake(host, fields={"Origin": "https://evil.example"})
    wait_until(lambda: len(warnings(host)) == 2, "two warnings")
    for number in range(100):
        ask(host, "GET", "/", host=f"n{number}.example")
    ask(host, "GET", "/healthz", host="last.example")
    assert host.stop() == 0
    assert len(warnings(host)) == 20


def test_what_was_got_is_escaped_and_cut(serve):
    host = start(serve)
    for origin in ("https://\u202eevil", "https://\x1b[31mred", "x" * 5_000, "https://" + "x" * 5_000 + ".example",
                   "https://a.example, https://evil.example", "https://a.example,https://evil.example",
                   "https://a.example]}", "a: [b]://c.example"):
        with Raw(host.raw()) as raw:
            answer = raw.ask("GET", "/", {"Origin": origin})
            if answer.status == 400:
                # The HTTP decoder refuses controls.
                continue
            assert answer.status == 403 and len(answer.body) < 1_000
            assert "host: {" not in answer.text, "a line that lets more in, or none"
            assert answer.body.isascii() and answer.text.rstrip("\n").isprintable()
    host.stop()
    assert all(line.isascii() and len(line) < 2_000 for line in host.log if "refused" in line.lower())
