"""Chromium for the tests of pages: what a page must never do fails the test that opened it."""

import contextlib
import shutil

import pytest

WIDTHS = [360, 1920]
SCHEMES = ["light", "dark"]


@contextlib.contextmanager
def chromium():
    """A browser for a whole file: starting one takes longer than a test."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    if not path:
        pytest.fail("this test needs Debian's chromium; scripts/setup --tests installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(browser, url, width=1280, scheme="light", allowed=(), **options):
    """A page in a context of its own.

    It may ask nobody but its host, break no rule of its Content-Security-Policy, and report no error; `allowed` are beginnings
    of messages of the console that the test causes, such as a WebSocket that its host refuses.
    """
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, **options)
    page = context.new_page()
    problems = []
    host = url.split("/")[2]

    def said(entry):
        if entry.type in ("error", "warning") and not entry.text.startswith(tuple(allowed)):
            problems.append(f"console: {entry.text}")

    def asked(request):
        address = request.url
        if not address.startswith(("blob:", "about:")) and address.split("/")[2] != host:
            problems.append(f"asked {address}")

    context.on("console", said)
    context.on("weberror", lambda error: problems.append(f"error: {error.error}"))
    context.on("request", asked)
    page.on("websocket", lambda socket: None if socket.url.split("/")[2] == host else problems.append(f"asked {socket.url}"))
    page.add_init_script("""
        window.violations = [];
        document.addEventListener("securitypolicyviolation", event =>
            window.violations.push(event.violatedDirective + " " + event.blockedURI + " " + event.sample));
    """)
    page.goto(url)
    try:
        yield page
        problems += page.evaluate("window.violations")
    finally:
        context.close()
    assert problems == []


def no_serious_findings(page):
    """What axe-core has to say: nothing serious or critical."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    serious = [finding for finding in found if finding["impact"] in ("serious", "critical")]
    assert serious == [], [(finding["id"], [node["html"] for node in finding["nodes"]][:3]) for finding in serious]


def nothing_overflows(page):
    """Nobody has to scroll sideways, but in what scrolls by itself."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def long_tasks(page):
    """Begins to note tasks of the page that take longer than 50 ms; what this returns says how long the longest took."""
    page.evaluate("""() => {
        window.longest = 0;
        new PerformanceObserver(list => {
            for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
        }).observe({type: "longtask"});
    }""")
    # The browser tells of a task some time after it.
    return lambda: page.evaluate("new Promise(done => setTimeout(() => done(window.longest), 100))")
