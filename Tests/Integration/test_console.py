"""The console's feed: what it says, who may have it, what is in it, and what a client that does not read costs."""

import json
import socket
import time
import urllib.error
import urllib.request

import pytest

from conftest import DEADLINE, memory, receive, receive_json, say, wait_until
from feed import Feed, stage
from proxies import Proxy
from rawhttp import Raw
from test_reload import reload
from tokens import claims, hs256

SECRET = "canary-secret-of-more-than-thirty-two-bytes"
FLOW = """
resources: {model: echo, database: {sqlite: {path: data/stagecoach.db}}}
stages:
  - receive: {format: json}
  - validate: {max_length: 60000}
  - complete
  - persist: {table: requests}
    async: true
    label: rows
  - respond
"""


def text(host="", flow=FLOW):
    return f"pipeline: p\n{f'host: {{{host}}}' if host else ''}\n{flow}"


def fetch(host, path, token=None, method="GET", **headers):
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(f"{host.http}{path}", headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            return answer.status, answer.headers, answer.read(200).decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def status(host, token=None, path="/console/events", **headers):
    return fetch(host, path, token, **headers)[0]


def ask(host, *prompts, **more):
    with host.connect() as client:
        receive_json(client)
        return [say(client, prompt, **more) for prompt in prompts]


def test_it_speaks_at_least_once_a_second_and_names_every_stage(serve):
    host = serve(text())
    with Feed(host) as feed:
        outline = next(iter(feed))
        assert outline["type"] == "pipelines" and outline["pipelines"][0]["svg"].startswith("<svg")
        assert "What a client waits for" in outline["pipelines"][0]["explain"]
        times, end = [], time.monotonic() + 3
        for event in feed:
            if event["type"] == "figures":
                times.append(time.monotonic())
                labels = [stage["label"] for stage in event["pipelines"][0]["stages"]]
                assert labels == ["receive", "validate", "complete", "rows", "respond"]
            if time.monotonic() > end:
                break
        assert len(times) >= 4
        # Of several that look at once each has as much.
        with Feed(host) as second:
            second.figures(lambda event: event["consoles"] == 2)


def test_figures_follow_the_messages(serve):
    host = serve(text())
    with Feed(host) as feed:
        feed.figures()
        ask(host, *"abc")
        ask(host, "x" * 60_001)
        event = feed.figures(lambda event: stage(event, "validate")["errors"] and stage(event, "rows")["rate"] > 0)
        assert stage(event, "validate")["errors"] == stage(event, "validate")["recent_errors"] == {"too_long": 1}
        assert 0 < stage(event, "complete")["p50"] <= stage(event, "complete")["p99"] < DEADLINE
        assert stage(event, "complete")["tokens"] > 0 and stage(event, "complete")["rate"] > 0
        assert stage(event, "rows")["queue"]["messages"] == 0
        assert sum(stage(event, "complete")["buckets"]) == 3
        assert event["connections"] >= 1 and event["pipelines"][0]["messages"]["answered"] > 0
        failure, = stage(event, "validate")["failures"]
        assert failure["code"] == "too_long" and len(failure["message_id"]) == len(failure["session_id"]) == 36
    # What nobody looked at meanwhile is one point of the next who does.
    wait_until(lambda: "history" in [event["type"] for event in first(host, 3)], "the points")


def first(host, count):
    with Feed(host) as feed:
        return [event for event, _ in zip(feed, range(count))]


def test_loopback_is_this_machine_by_its_own_name_and_no_proxy(serve):
    host = serve(text())
    with Feed(host) as feed:
        assert feed.status == 200
    assert status(host, path="/console") == 200
    for headers in [{"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}, {"X-Real-IP": "127.0.0.1"},
                    {"Host": "evil.example"}, {"Origin": "https://evil.example"}]:
        assert status(host, **headers) == 403, headers
        assert status(host, path="/console", **headers) == 403, headers


def test_no_proxy_that_adds_no_header_opens_it(serve, tmp_path):
    host = serve(text())
    proxy = Proxy("nginx", "fewest", host, tmp_path / "nginx")
    try:
        for path in ("/console", "/console/events"):
            with Raw(proxy.raw()) as client:
                client.send("GET", path, host="chat.example")
                assert client.head().status == 403, path
    finally:
        proxy.stop()
    # As such a proxy asks, and as a program of this machine does.
    for version, expected in [("1.0", 403), ("1.1", 200)]:
        with Raw(host.raw()) as client:
            client.send("GET", "/console/events", version=version, host=f"127.0.0.1:{host.port}")
            assert client.head().status == expected


def test_auth_is_for_operators_alone(serve):
    keys = "{key: key-of-ann, user: ann}, {key: key-of-op, user: op, operator: true}, {key: key-alone, operator: true}"
    host = serve(text(f"console: auth, auth: {{keys: [{keys}], jwt: {{secret: {SECRET}}}}}"))
    tokens = [hs256(SECRET, claims(operator=value)) for value in (True, False, "true", 1)]
    for path in ("/console/events", "/console"):
        assert status(host, path=path) == 401
        assert status(host, "wrong", path) == 401
        assert status(host, "key-of-ann", path) == 403
        assert [status(host, token, path) for token in [*tokens[1:], hs256(SECRET, claims())]] == [403] * 4
    for token in ("key-of-op", "key-alone", tokens[0]):
        with Feed(host, Authorization=f"Bearer {token}") as feed:
            assert feed.status == 200
    # A token's end is the end of what it shows.
    with Feed(host, Authorization=f"Bearer {hs256(SECRET, claims(seconds=2, operator=True))}") as feed:
        assert feed.until(lambda event: event["type"] == "end")


def test_off_is_not_there(serve):
    host = serve(text("console: off"))
    assert [status(host), status(host, path="/console"), status(host, path="/console/events?tap=complete")] == [404] * 3


def test_never_by_cors(serve):
    host = serve(text("origins: [https://chat.example]"))
    for path in ("/console/events", "/console"):
        for method in ("GET", "OPTIONS"):
            code, headers, _ = fetch(host, path, method=method, Origin="https://chat.example",
                                     **{"Access-Control-Request-Method": "GET"})
            assert code in (403, 405) and "Access-Control-Allow-Origin" not in headers, (path, method)
    assert status(host, **{"Sec-Fetch-Site": "cross-site"}) == 403


@pytest.mark.parametrize("tap", ["off", "ids", "content"])
def test_what_was_said_is_there_only_where_the_file_says_so_and_secrets_never_are(serve, ai, tap):
    flow = """
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: "${KEY}"}}
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive: {format: json}
  - transform: {prompt: "{{prompt}}!"}
  - complete: {model: m}
  - persist: {table: requests}
  - respond
"""
    keys = "keys: [canary-client-key]"
    host = serve(text(f"tap: {tap}, auth: {{{keys}}}", flow),
                 env={"OPENAI_BASE_URL": ai.url, "KEY": "sk-canary-model-key"})
    ai.script = ["answer", "404"]
    query = "" if tap == "off" else "?tap=*"
    with Feed(host, query) as feed:
        feed.figures()
        with host.connect(additional_headers={"Authorization": "Bearer canary-client-key"}) as client:
            session = receive_json(client)["session_id"]
            answer = say(client, "canary-prompt with sk-canary-model-key in it", metadata={"m": "canary-metadata"})
            say(client, "canary-that-fails")
        feed.figures(lambda event: stage(event, "complete")["errors"])
        feed.figures()
    everything = feed.text
    for never in ("sk-canary", "canary-client", "canary-metadata"):
        assert never not in everything
    assert ("canary-prompt" in everything) == ("canary-that-fails" in everything) == (tap == "content")
    assert (session in everything) == (answer["message_id"] in everything) == (tap != "off")
    if tap == "off":
        assert status(host, path="/console/events?tap=complete") == 403


def test_a_tap_is_of_one_stage_and_one_session(serve):
    host = serve(text("tap: content"))
    assert status(host, path="/console/events?tap=nothing") == 400
    with host.connect() as mine, host.connect() as other:
        session = receive_json(mine)["session_id"]
        receive_json(other)
        with Feed(host, f"?tap=rows&session={session}") as feed:
            feed.figures()
            say(other, "not this"), say(mine, "this")
            event = feed.until(lambda event: event["type"] == "message")
            assert (event["stage"], event["session_id"], event["outcome"]) == ("rows", session, "ok")
            assert (event["prompt"], event["response"]) == ("this", "this") and event["took"] > 0
            feed.figures(), feed.figures()
        assert feed.text.count('"type":"message"') == 1


def closed(connection, deadline):
    """Whether the host resets a connection whose client does not read."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        if connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != 1:
            return True
        time.sleep(0.05)
    return False


def test_a_feed_that_is_not_read_is_closed_and_its_memory_is_bounded(serve):
    host = serve(text("tap: content, limits: {write: 1s, outbound: 64KiB}"))
    with host.raw() as connection, host.connect() as client, Feed(host) as reader:
        receive_json(client)
        say(client, "warm")
        reader.figures()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /console/events?tap=* HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        reader.figures(lambda event: event["consoles"] == 2)
        before = memory(host)
        for _ in range(60):
            say(client, "x" * 60_000)
        assert closed(connection, DEADLINE)
        assert memory(host) - before < 16 << 20
        # Who reads has all the time been told.
        event = reader.figures(lambda event: event["consoles"] == 1)
        assert stage(event, "complete")["tokens"] > 0


def test_there_are_only_so_many_feeds(serve):
    host = serve(text())
    feeds = [Feed(host) for _ in range(16)]
    assert [feed.status for feed in feeds] == [200] * 16
    assert status(host) == 503
    feeds.pop().__exit__()
    wait_until(lambda: Feed(host).status == 200, "a free one", pause=0.2)
    for feed in feeds:
        feed.__exit__()


def test_a_reload_takes_both_settings_for_feeds_that_are_open_too(serve):
    keys = "auth: {keys: [{key: key-of-op, user: op, operator: true}]}"
    host = serve(text(f"console: auth, tap: content, {keys}"))
    operator = {"Authorization": "Bearer key-of-op"}

    def ended(feed):
        return feed.until(lambda event: event["type"] == "end")

    def talk(prompt):
        with host.connect(additional_headers=operator) as client:
            receive_json(client)
            say(client, prompt)

    with Feed(host, "?tap=complete", **operator) as feed:
        feed.figures()
        talk("canary-before")
        assert feed.until(lambda event: event["type"] == "message")["prompt"] == "canary-before"
        reload(host, text(f"console: auth, tap: ids, {keys}"))
        assert feed.until(lambda event: event["type"] == "pipelines")["tap"] == "ids"
        talk("canary-after")
        event = feed.until(lambda event: event["type"] == "message")
        assert "prompt" not in event and "canary-after" not in feed.text
        assert feed.figures()["reload"]["taken"] is True
        reload(host, text(f"console: auth, tap: off, {keys}"))
        ended(feed)
    with Feed(host, **operator) as feed:
        feed.figures()
        reload(host, text(f"console: auth, {keys.replace(', operator: true', '')}"))
        ended(feed)
    assert status(host, "key-of-op") == 403
    reload(host, text(f"console: auth, {keys}"))
    with Feed(host, **operator) as feed:
        feed.figures()
        reload(host, text(f"console: loopback, {keys}"))
        ended(feed)
    with Feed(host) as feed:
        feed.figures()
        reload(host, text("console: nobody"), "can't be used")
        event = feed.figures(lambda event: event["reload"] and not event["reload"]["taken"])
        assert any("console" in line for line in event["reload"]["diagnostics"])
        reload(host, text(f"console: off, {keys}"))
        ended(feed)
    assert status(host) == 404


def test_console_auth_without_auth_is_an_error_and_without_an_operator_a_warning(run, tmp_path):
    def check(host):
        (tmp_path / "p.yaml").write_text(text(host))
        return run("check", "p.yaml")

    refused = check("console: auth")
    assert refused.returncode == 1 and "nobody could see the console" in refused.stderr
    warned = check("console: auth, auth: {keys: [{key: k, user: u}]}")
    assert warned.returncode == 0 and "operator: true" in warned.stderr + warned.stdout
    assert "operator: true" not in check("console: auth, auth: {keys: [{key: k, user: u, operator: true}]}").stderr


def test_a_stop_does_not_wait_for_who_looks(serve):
    host = serve(text("drain: 20s"))
    with Feed(host) as feed:
        feed.figures()
        before = time.monotonic()
        assert host.stop() == 0
        assert time.monotonic() - before < 0.5 * DEADLINE
        assert feed.until(lambda event: event["type"] == "end")
