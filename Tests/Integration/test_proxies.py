"""Stagecoach behind real proxies: each as docs/proxies says, and with as few lines as it takes."""

import json
import random
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import DEADLINE, ROOT
from proxies import FEWEST, FILES, NAMES, WITHOUT_WEBSOCKETS, Proxy
from rawhttp import Raw
from test_protocol import frame

HOST = """
pipeline: p
host: {trusted_proxies: [127.0.0.1], origins: ["https://chat.example"]}
resources: {m: echo}
stages: [receive, complete: {stream: true}, respond: {stream: true}]
"""
GATED = """
pipeline: gated
resources: {m: {openai: {url: "URL", key: k}}}
stages: [receive: {path: /gated}, complete: {stream: true}, respond: {stream: true}]
"""
EVERY = [(kind, "docs") for kind in NAMES] + [(kind, "fewest") for kind in FEWEST]


@pytest.fixture
def before(serve, tmp_path):
    """Starts a host and a proxy before it."""
    proxies = []

    def start(kind, lines, api="http://127.0.0.1:9", changes=()):
        host = serve(HOST, GATED.replace("URL", api))
        proxy = Proxy(kind, lines, host, tmp_path / f"{kind}-{len(proxies)}", changes)
        proxies.append(proxy)
        return host, proxy

    yield start
    for proxy in proxies:
        proxy.stop()


def page(raw, number):
    answer = raw.ask("GET", "/readyz", host="chat.example")
    assert (answer.status, "ready" in answer.text) == (200, True)


def post(raw, number):
    answer = raw.ask("POST", "/ws", body={"prompt": f"post {number}"}, host="chat.example")
    assert (answer.status, answer.json["response"]) == (200, f"post {number}")


def events(raw, number):
    answer = raw.ask("POST", "/ws", {"Accept": "text/event-stream"}, {"prompt": f"events {number}"}, host="chat.example")
    last = json.loads(answer.text[:-2].split("\n\n")[-1].removeprefix("data: "))
    assert (answer.status, last["response"]) == (200, f"events {number}")


def websocket(raw, number):
    """The last on its connection."""
    answer = raw.handshake(fields={"Origin": "https://chat.example"}, host="chat.example")
    assert answer.status == 101, answer.body
    assert [raw.says(f"{number} {again}") for again in range(2)] == [f"{number} 0", f"{number} 1"]


@pytest.mark.parametrize("kind, lines", EVERY)
def test_twenty_handshakes_come_after_other_requests_and_pieces_come_as_they_are(before, ai, kind, lines):
    # nginx and Apache give the host's own address as Host, unless they are told otherwise.
    host, proxy = before(kind, lines, ai.url)
    for number in range(20):
        with Raw(proxy.raw()) as raw:
            page(raw, number)
            post(raw, number)
            events(raw, number)
            if (kind, lines) not in WITHOUT_WEBSOCKETS:
                websocket(raw, number)
    # A piece is there before the next is made.
    ai.script = ["stream_gated"]
    with Raw(proxy.raw()) as raw:
        raw.send("POST", "/gated", {"Accept": "text/event-stream"}, {"prompt": "one two"}, host="chat.example")
        ai.released.release()
        assert raw.head().status == 200
        line = raw.stream.readline()
        while not line.startswith(b"data:"):
            line = raw.stream.readline()
        assert json.loads(line[5:])["text"] == "one "
        for _ in range(4):
            ai.released.release()
        assert b'"response":"one two"' in raw.stream.readline() + b"".join(raw.stream.readline() for _ in range(8))


def test_a_thousand_requests_of_every_kind_over_fifty_kept_connections_are_all_right(before):
    host, proxy = before("nginx", "docs")
    kinds = [page, post, events, websocket]
    done = []

    def client(number):
        chance = random.Random(number)
        raw = None
        for request in range(20):
            kind = chance.choice(kinds)
            if raw is None:
                raw = Raw(proxy.raw())
            kind(raw, number * 100 + request)
            done.append(kind)
            if kind is websocket:
                raw.connection.close()
                raw = None

    with ThreadPoolExecutor(50) as pool:
        for outcome in [pool.submit(client, number) for number in range(50)]:
            outcome.result()
    assert len(done) == 1_000 and set(done) == set(kinds)


@pytest.mark.parametrize("check", ["", "GET /healthz", "/healthz", "HEAD /readyz", "GET /readyz HTTP/1.1\\r\\nHost:\\ any"])
def test_haproxys_own_check_finds_the_host_well(before, check):
    """By HTTP/1.0 without a host, unless it is told otherwise; by OPTIONS, where there is no method; of '/', where there is nothing."""
    host, proxy = before("haproxy", "docs", changes=[
        ("option httpchk GET /readyz", f"option httpchk {check}"), ("8080 check", "8080 check inter 100ms fall 1 rise 1"),
        ("timeout connect 5s", f"timeout connect 5s\n    timeout check {int(DEADLINE)}s")])
    for _ in range(5):
        time.sleep(0.1)
        with Raw(proxy.raw()) as raw:
            post(raw, 0)


def test_a_client_that_leaves_behind_a_proxy_ends_its_call(before, ai):
    host, proxy = before("haproxy", "docs", ai.url)
    ai.script = ["hang"]
    with Raw(proxy.raw()) as raw:
        page(raw, 0)
        assert raw.handshake("/gated", host="chat.example").status == 101
        raw.connection.sendall(frame(1, b"x"))
        assert ai.arrived.acquire(timeout=DEADLINE)
    raw.stream.close()
    assert ai.closed_by_client.wait(DEADLINE)


def test_the_documents_show_the_lines_of_the_files():
    """Each line that docs/proxies.md shows is one of the file that it names, which the tests above start."""
    text = (ROOT / "docs/proxies.md").read_text()
    rows = re.findall(r"^\| [^|]*\[`([^`]+)`\]\(proxies/[^)]*\) \| (.*?) \|", text, re.MULTILINE)
    assert {name for name, _ in rows} == set(NAMES.values())
    for name, cell in rows:
        lines = re.findall(r"`([^`]+)`", cell)
        file = (FILES / name).read_text()
        assert lines or name == "Caddyfile"
        assert [line for line in lines if line not in file] == []
