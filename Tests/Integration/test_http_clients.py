"""HTTP clients from other hands, each with its defaults: a post, a page, an event stream, a WebSocket."""

import asyncio
import functools
import http.server
import json
import os
import shutil
import subprocess
import threading

import pytest

from conftest import DEADLINE, ROOT
from test_clients import HERE, needed

CLIENTS = HERE / "clients"
PIPELINE = """
pipeline: p
resources: {m: echo}
stages: [receive, complete: {stream: true}, respond: {stream: true}]
"""


@pytest.fixture
def host(serve):
    return serve(PIPELINE)


def lines(command, **options):
    result = subprocess.run(command, capture_output=True, text=True, timeout=60 + DEADLINE, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def talked(name):
    return ["200 true", "ok"] * 3 + ["true", f"{name} socket"]


def test_java(host):
    java = needed(shutil.which("java"), "default-jdk-headless")
    # The first tier compiles fast, which is what a short program wants.
    assert lines([java, "-XX:TieredStopAtLevel=1", CLIENTS / "Talk.java", f"://127.0.0.1:{host.port}"]) == [*talked("java"), "404"]


def test_node(host):
    node = needed(shutil.which("node"), "nodejs")
    needed("/usr/share/nodejs/ws", "node-ws")
    assert lines([node, CLIENTS / "talk.cjs", f"://127.0.0.1:{host.port}"],
                 env={**os.environ, "NODE_PATH": "/usr/share/nodejs"}) == talked("node")


def test_go(host, tmp_path):
    go = needed(shutil.which("go"), "golang-go")
    needed("/usr/share/gocode/src/github.com/gorilla/websocket", "golang-github-gorilla-websocket-dev")
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(ROOT / ".build/go"),
                   "CGO_ENABLED": "0"}
    assert lines([go, "run", CLIENTS / "talk.go", f"://127.0.0.1:{host.port}"], env=environment) == talked("go")


@pytest.mark.parametrize("version", ["--http1.0", "--http1.1", "--http2"])
def test_curl(host, version):
    curl = needed(shutil.which("curl"), "curl")
    body = ["-d", '{"prompt": "x"}']
    for _ in range(2):
        # Several addresses go over one connection.
        said = lines([curl, "-sS", version, *body, f"{host.http}/ws", f"{host.http}/ws"])
        assert [json.loads(line)["response"] for line in said] == ["x", "x"]
        assert '"response":"x"' in lines([curl, "-sS", version, *body, "-H", "Accept: text/event-stream", f"{host.http}/ws"])[-2]
        assert lines([curl, "-sS", version, f"{host.http}/healthz", f"{host.http}/healthz"]) == ["ok", "ok"]


def test_curl_that_speaks_http_2_at_once_is_told_so_and_not_kept(host):
    curl = needed(shutil.which("curl"), "curl")
    assert subprocess.run([curl, "-sS", "--http2-prior-knowledge", f"{host.http}/healthz"], capture_output=True, timeout=DEADLINE).returncode


def test_wget(host):
    wget = needed(shutil.which("wget"), "wget")
    said = lines([wget, "-q", "-O", "-", '--post-data={"prompt": "x"}', f"{host.http}/ws", f"{host.http}/ws"])
    assert [json.loads(line)["response"] for line in said] == ["x", "x"]
    assert lines([wget, "-q", "-O", "-", f"{host.http}/healthz"]) == ["ok"]


def test_requests(host):
    import requests

    with requests.Session() as session:
        for number in range(3):
            assert session.post(f"{host.http}/ws", json={"prompt": str(number)}, timeout=DEADLINE).json()["response"] == str(number)
            assert session.get(f"{host.http}/healthz", timeout=DEADLINE).text == "ok\n"
        with session.post(f"{host.http}/ws", json={"prompt": "x"}, headers={"Accept": "text/event-stream"}, stream=True,
                          timeout=DEADLINE) as answer:
            assert '"response":"x"' in [line for line in answer.iter_lines(decode_unicode=True) if line][-1]


def test_httpx(host):
    import httpx

    async def talk():
        async with httpx.AsyncClient(timeout=DEADLINE) as client:
            answers = await asyncio.gather(
                *(client.post(f"{host.http}/ws", json={"prompt": str(number)}) for number in range(20)))
            assert [answer.json()["response"] for answer in answers] == [str(number) for number in range(20)]
            async with client.stream("POST", f"{host.http}/ws", json={"prompt": "x"},
                                     headers={"Accept": "text/event-stream"}) as answer:
                assert '"response":"x"' in [line async for line in answer.aiter_lines() if line][-1]

    asyncio.run(talk())


def test_aiohttp(host):
    import aiohttp

    async def talk():
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
            async with session.post(f"{host.http}/ws", json={"prompt": "x"}) as answer:
                assert (await answer.json())["response"] == "x"
            async with session.post(f"{host.http}/ws", json={"prompt": "x"}, headers={"Accept": "text/event-stream"}) as answer:
                assert '"response":"x"' in (await answer.text())
            # Over the connection that is kept, as there is only one.
            async with session.ws_connect(f"{host.http}/ws") as socket:
                await socket.send_str("socket")
                assert await socket.receive_str(timeout=DEADLINE) == "socket"

    asyncio.run(talk())


# A browser, with pages of an allowed and of another origin.

PAGE = """
async () => {
  const base = BASE, said = {};
  const named = async (name, action) => {
    try { said[name] = await action(); } catch (error) { said[name] = error.name; }
  };
  const post = (headers = {}) => fetch(base + "/ws", {method: "POST", headers: {
    "Content-Type": "application/json", Authorization: "Bearer key-of-ann", ...headers}, body: '{"prompt": "x"}'});
  let session;
  await named("post", async () => {
    const answer = await post();
    session = answer.headers.get("Stagecoach-Session");
    return (await answer.json()).response;
  });
  await named("events", async () => {
    const reader = (await post({Accept: "text/event-stream"})).body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
    return text.includes('"type":"response"');
  });
  await named("session", async () => (await (await fetch(`${base}/sessions/${session}`, {
    headers: {Authorization: "Bearer key-of-ann"}})).json())[0].prompt);
  await named("refused", async () => (await fetch(base + "/ws", {method: "POST", body: '{"prompt": "x"}'})).status);
  await named("credentials", async () => (await fetch(base + "/ws", {
    method: "POST", credentials: "include", body: '{"prompt": "x"}'})).status);
  await named("metrics", async () => (await fetch(base + "/metrics")).status);
  await named("socket", () => new Promise((done, failed) => {
    const socket = new WebSocket(base.replace("http", "ws") + "/ws?format=text", ["stagecoach", "bearer.key-of-ann"]);
    socket.onopen = () => socket.send("hello");
    socket.onmessage = event => { done(event.data); socket.close(); };
    socket.onerror = () => failed(new TypeError());
  }));
  // It can't post, and a WebSocket's path is none of its own: it gives up, and does not ask again and again.
  await named("source", () => new Promise(done => {
    const source = new EventSource(base + "/ws");
    source.onerror = () => done(source.readyState);
  }));
  return said;
}
"""


class Site:
    """Serves an empty page at an origin of its own."""

    def __init__(self, folder):
        (folder / "index.html").write_text("<!DOCTYPE html><title>A page</title>")
        (folder / "favicon.ico").write_text("")
        handler = functools.partial(Quiet, directory=folder)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.origin = f"http://127.0.0.1:{self.server.server_port}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def test_a_browser_with_a_page_of_an_allowed_and_of_another_origin(serve, tmp_path):
    from playwright.sync_api import sync_playwright

    chromium = needed(shutil.which("chromium"), "chromium")
    allowed, other = Site(tmp_path), Site(tmp_path)
    host = serve(f"""
pipeline: p
host: {{history: true, origins: ["{allowed.origin}"], auth: {{keys: [{{key: key-of-ann, user: ann}}]}}}}
resources: {{m: echo, d: {{sqlite: {{path: data/x.db}}}}}}
stages: [receive, complete: {{stream: true}}, persist, respond: {{stream: true}}]
""")
    script = PAGE.replace("BASE", json.dumps(host.http))
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            said = {}
            for name, site in (("allowed", allowed), ("other", other)):
                page = browser.new_page()
                page.goto(site.origin)
                said[name] = page.evaluate(script)
            browser.close()
    finally:
        allowed.stop()
        other.stop()
    closed = 2
    assert said["allowed"] == {
        "post": "x", "events": True, "session": "x", "refused": 401, "credentials": "TypeError", "metrics": "TypeError",
        "socket": "hello", "source": closed}
    assert said["other"] == {name: "TypeError" for name in said["allowed"]} | {"source": closed}
