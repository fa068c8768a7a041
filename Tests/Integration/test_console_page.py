"""The console in Chromium: what it shows, by mouse and by keyboard, at both widths and in both schemes."""

import json
import re
import urllib.request

import pytest

from browser import SCHEMES, WIDTHS, chromium, no_serious_findings, nothing_overflows, opened
from conftest import DEADLINE, ROOT
from feed import Feed
from test_console import ask, text
from test_reload import reload

WAIT = 1000 * DEADLINE


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def host(serve):
    return serve(text("tap: content"))


def live(page):
    page.get_by_role("row", name="respond").get_by_text("/s").first.wait_for(timeout=WAIT)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_and_a_stage_have_no_serious_findings(host, browser, width, scheme):
    ask(host, "hello", "x" * 60_001)
    with opened(browser, f"{host.http}/console", width, scheme) as page:
        live(page)
        no_serious_findings(page)
        nothing_overflows(page)
        page.get_by_role("row", name="validate").get_by_role("button").click()
        page.get_by_role("dialog").wait_for(timeout=WAIT)
        no_serious_findings(page)
        nothing_overflows(page)
        box = page.get_by_role("dialog").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width


def test_figures_stand_in_the_drawing_and_a_stage_says_what_it_is_about(host, browser):
    with opened(browser, f"{host.http}/console") as page:
        live(page)
        ask(host, "hello"), ask(host, "y" * 60_001)
        drawn = page.locator('g.stage[data-stage="validate"]')
        drawn.get_by_text("too_long").wait_for(timeout=WAIT)
        assert page.locator('[data-queue="rows"]').text_content() == "0 waiting"
        # What a screen reader says of it.
        assert page.get_by_role("button", name=re.compile(r"^validate, .*p99 .*failed: too_long 1")).count() == 1
        assert page.get_by_role("button", name=re.compile(r"^rows, .*0 waiting")).count() == 1
        drawn.click()
        dialog = page.get_by_role("dialog", name="validate")
        assert dialog.get_by_role("row", name="max_length 60000").is_visible()
        # Its message's id is that of the log.
        error = next(json.loads(line) for line in host.log if "too_long" in line)
        assert dialog.get_by_role("row", name="too_long").inner_text().split("\t")[1:] == [
            dialog.get_by_role("row", name="too_long").inner_text().split("\t")[1], error["message_id"], error["session_id"]]
        assert dialog.locator("meter").count() >= 1
        page.keyboard.press("Escape")
        assert page.get_by_role("dialog").count() == 0


def test_messages_are_watched_until_the_stage_is_closed(host, browser):
    with opened(browser, f"{host.http}/console") as page, Feed(host) as feed:
        live(page)
        page.get_by_role("row", name="complete").get_by_role("button").click()
        page.get_by_role("button", name="Watch messages").click()
        feed.figures(lambda event: event["consoles"] == 3)
        ask(host, "<img src=x onerror=alert(1)>")
        page.get_by_text("prompt: <img src=x onerror=alert(1)>").wait_for(timeout=WAIT)
        page.get_by_role("button", name="Close").click()
        feed.figures(lambda event: event["consoles"] == 2)


def test_many_watched_messages_are_read_by_keyboard_and_their_end_is_told(host, browser):
    with opened(browser, f"{host.http}/console", allowed=["Failed to load resource"]) as page, Feed(host) as feed:
        live(page)
        # What changes each second is not in what a screen reader reads out.
        assert page.locator("#state").inner_text() == "live" and "figures of the last" in page.locator("#connections").inner_text()
        page.get_by_role("row", name="complete").get_by_role("button").click()
        page.get_by_role("button", name="Watch messages").click()
        feed.figures(lambda event: event["consoles"] == 3)
        ask(host, *[f"message {number}" for number in range(30)])
        page.get_by_text("prompt: message 29").wait_for(timeout=WAIT)
        seen = page.get_by_role("region", name="Watched messages")
        assert seen.evaluate("one => one.scrollHeight > one.clientHeight")
        no_serious_findings(page)
        seen.focus()
        page.keyboard.press("End")
        page.wait_for_function("() => document.getElementById('watched').scrollTop > 0", timeout=WAIT)
        reload(host, text("tap: content, console: off"))
        page.get_by_text("Ended: may no longer be seen by this client").wait_for(timeout=WAIT)
        assert page.get_by_role("button", name="Watch messages", include_hidden=True).count() == 1


def test_everything_is_reached_by_keyboard(host, browser):
    with opened(browser, f"{host.http}/console") as page:
        live(page)
        seen = []
        for _ in range(60):
            page.keyboard.press("Tab")
            seen.append(page.evaluate("document.activeElement.dataset.stage || document.activeElement.textContent.slice(0, 20)"))
            if seen.count("respond") == 2:
                break
        # In the drawing, and in the table.
        assert [seen.count(label) for label in ("receive", "validate", "complete", "rows", "respond")] == [2] * 5, seen
        page.keyboard.press("Enter")
        page.get_by_role("dialog", name="respond").wait_for(timeout=WAIT)
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.dataset.stage") == "respond"
        page.locator('g.stage[data-stage="receive"]').focus()
        page.keyboard.press("Space")
        page.get_by_role("dialog", name="receive").wait_for(timeout=WAIT)


def test_it_shows_a_reload_and_goes_on_after_the_host_was_away(host, browser):
    with opened(browser, f"{host.http}/console", allowed=["Failed to load resource"]) as page:
        live(page)
        reload(host, text("tap: content").replace("label: rows", "label: other"))
        page.get_by_role("row", name="other").first.wait_for(timeout=WAIT)
        page.locator("#reload").get_by_text("in effect").wait_for(timeout=WAIT)
        reload(host, text("tap: everything"), "can't be used")
        page.get_by_text("were refused").wait_for(timeout=WAIT)
        assert page.locator("#diagnostics").get_by_text("tap").count() > 0
        host.stop()
        page.get_by_text("not connected; trying again").wait_for(timeout=WAIT)


def test_lines_are_drawn_of_what_was_before(host, browser):
    ask(host, "hello")
    with Feed(host) as feed:
        feed.until(lambda event: event["type"] == "point")
    with opened(browser, f"{host.http}/console") as page:
        page.get_by_role("img", name="Messages a second").wait_for(timeout=WAIT)
        assert page.locator(".charts polyline").count() >= 1


def test_with_auth_it_asks_for_an_operators_key(serve, browser):
    keys = "{key: key-of-ann, user: ann}, {key: key-of-op, user: op, operator: true}"
    host = serve(text(f"console: auth, auth: {{keys: [{keys}]}}"))
    with opened(browser, f"{host.http}/console", allowed=["Failed to load resource"]) as page:
        page.get_by_label("Operator's key or token").fill("key-of-ann")
        page.keyboard.press("Enter")
        page.get_by_text("not an operator's").wait_for(timeout=WAIT)
        page.get_by_label("Operator's key or token").fill("key-of-op")
        page.keyboard.press("Enter")
        live(page)
        assert page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])").count("key-of") == 0


def test_it_is_small_and_served_as_the_other_page_is(host):
    files = ["console", "assets/console.js", "assets/console.css"]
    sizes = []
    for name in files:
        request = urllib.request.Request(f"{host.http}/{name}", headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            assert answer.headers["Content-Encoding"] == "gzip" and answer.headers["ETag"]
            assert "unsafe" not in answer.headers["Content-Security-Policy"]
    for name in ("console.html", "console.js", "console.css"):
        sizes.append((ROOT / "Sources/CPages/files" / name).stat().st_size)
    assert sum(sizes) <= 48 << 10
