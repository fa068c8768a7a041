"""Examples/react in Chromium, from another origin than the host's: built with Debian's packages, no npm."""

import functools
import http.server
import pathlib
import shutil
import subprocess
import threading

import pytest

from browser import chromium, no_serious_findings
from conftest import DEADLINE, ROOT
from fakeai import FakeAI
from severable import SeverableProxy

EXAMPLE = ROOT / "Examples/react"
WAIT = 1000 * DEADLINE


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built page at an origin of its own: with the example's hook, and a key and an address that a test sets."""
    folder, sources = tmp_path_factory.mktemp("react"), tmp_path_factory.mktemp("sources") / "react"
    shutil.copytree(EXAMPLE, sources, ignore=shutil.ignore_patterns("dist"))
    app = (sources / "App.jsx").read_text()
    call = "useStagecoach(`ws://${host}/ws`);"
    assert call in app
    given = "const [path, setPath] = useState('/ws'); window.setPath = setPath; const { messages"
    app = app.replace("const { messages", given).replace(call, "useStagecoach(`ws://${host}${path}`, { key: window.key });")
    (sources / "App.jsx").write_text(app)
    built = subprocess.run([sources / "build", folder], capture_output=True, text=True)
    assert built.returncode == 0, f"{built.stderr}; scripts/setup --tests installs what it needs"
    assert pathlib.Path(built.stdout.strip()).is_file()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def ai():
    server = FakeAI()
    yield server
    server.stop()


@pytest.fixture
def host(serve, site, ai):
    text = (EXAMPLE / "chat.yaml").read_text()
    assert "http://localhost:3000" in text
    return serve(text.replace("http://localhost:3000", site), env={"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": "k"})


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser, site):
    page = browser.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    page.close()
    assert problems == []


def ask(page, text):
    page.get_by_label("Your message").fill(text)
    page.keyboard.press("Enter")


def sees(page, selector, text):
    page.wait_for_selector(f"{selector}:has-text('{text}')", timeout=WAIT)


def test_the_hook_is_short():
    assert len((EXAMPLE / "useStagecoach.js").read_text().splitlines()) <= 80


def test_an_answer_comes_in_pieces_and_is_stopped(page, site, host, ai):
    ai.script = ["stream_hang"]
    page.goto(f"{site}/?host=127.0.0.1:{host.port}")
    sees(page, "[role=status]", "open")
    no_serious_findings(page)
    ask(page, "one two three four")
    sees(page, "li.waiting .answer", "one")
    page.get_by_role("button", name="Stop").click()
    sees(page, "li.failed [role=alert]", "Stopped.")
    assert "one" in page.inner_text("li.failed .answer") and ai.closed_by_client.wait(DEADLINE)
    ask(page, "whole")
    sees(page, "li.done .answer", "whole")
    assert [row["prompt"] for row in host.wait_for_rows(2)] == ["one two three four", "whole"]


def test_after_a_loss_nothing_is_missing_and_nothing_is_asked_twice(page, site, host, ai):
    proxy = SeverableProxy(host.port)
    ai.script = ["stream_gated"]
    words = " ".join(f"w{number}" for number in range(30))
    try:
        page.goto(f"{site}/?host=127.0.0.1:{proxy.port}")
        sees(page, "[role=status]", "open")
        ask(page, words)
        for _ in range(10):
            ai.released.release()
        sees(page, "li.waiting .answer", "w5")
        proxy.cut()
        for _ in range(30):
            ai.released.release()
        page.wait_for_selector("li.done", timeout=WAIT)
        assert page.inner_text("li.done .answer") == words
    finally:
        proxy.stop()
    assert len(host.wait_for_rows(1)) == len(ai.calls) == 1


def test_a_message_that_is_too_long_is_not_sent_again_and_again(page, site, host, ai):
    page.goto(f"{site}/?host=127.0.0.1:{host.port}")
    sees(page, "[role=status]", "open")
    ask(page, "x " * 40_000)
    page.wait_for_selector("li.failed [role=alert]", timeout=WAIT)
    sees(page, "[role=status]", "open")
    ask(page, "short")
    sees(page, "li.done .answer", "short")
    assert len(host.wait_for_rows(1)) == len(ai.calls) == 1


def test_a_question_by_post_from_the_other_origin(page, site, host):
    page.goto(f"{site}/?host=127.0.0.1:{host.port}")
    for text in ("by post", "and again"):
        page.get_by_label("One question by POST").last.fill(text)
        page.keyboard.press("Enter")
        sees(page, "output", text)
    first, second = host.wait_for_rows(2)
    assert first["session_id"] == second["session_id"]


@pytest.mark.parametrize("key", ["ab+/=", "key-of-ann"])
def test_a_key_lets_in_and_a_wrong_one_ends_with_its_reason(page, site, serve, ai, key):
    """Also a key that is no token of HTTP, and on a page that did not come by HTTPS."""
    text = (EXAMPLE / "chat.yaml").read_text().replace("http://localhost:3000", site)
    host = serve(text.replace("host:\n", f"host:\n  auth: {{keys: ['{key}']}}\n"), env={"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": "k"})
    page.add_init_script(f"delete Crypto.prototype.randomUUID; window.key = sessionStorage.wrong || '{key}'")
    page.goto(f"{site}/?host=127.0.0.1:{host.port}")
    sees(page, "[role=status]", "open")
    ask(page, "hello")
    sees(page, "li.done .answer", "hello")
    page.evaluate("sessionStorage.wrong = 'wrong'")
    page.reload()
    sees(page, "[role=status]", "not valid")


def test_what_is_stopped_without_a_connection_is_not_asked_again(page, site, host, ai):
    proxy = SeverableProxy(host.port)
    ai.script = ["stream_hang"]
    try:
        page.goto(f"{site}/?host=127.0.0.1:{proxy.port}")
        sees(page, "[role=status]", "open")
        ask(page, "one two three four")
        sees(page, "li.waiting .answer", "one")
        proxy.swallow = lambda data: True
        proxy.cut()
        sees(page, "[role=status]", "lost")
        page.get_by_role("button", name="Stop").click()
        sees(page, "li.failed [role=alert]", "Stopped.")
        proxy.swallow = None
        assert ai.closed_by_client.wait(DEADLINE)
        ask(page, "next")
        sees(page, "li.done .answer", "next")
    finally:
        proxy.stop()
    assert len(ai.calls) == 2


def test_what_was_asked_at_another_address_is_not_asked_at_the_new_one(page, site, host, ai):
    ai.script = ["stream_hang"]
    page.goto(f"{site}/?host=127.0.0.1:{host.port}")
    sees(page, "[role=status]", "open")
    ask(page, "one two three four")
    sees(page, "li.waiting .answer", "one")
    page.evaluate("setPath('/ws?other')")
    sees(page, "li.failed [role=alert]", "has ended")
    ask(page, "next")
    sees(page, "li.done .answer", "next")
    assert len(ai.calls) == 2
