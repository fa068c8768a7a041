"""Conversations on the chat page: a list, rows of the host, lost connections, keys, errors, two tabs."""

import signal
import urllib.request

import pytest

from browser import WIDTHS, no_serious_findings, nothing_overflows, opened
from chatpage import ai, answered, ask, browser, connected, flow, SECOND, sees  # noqa: F401
from conftest import DEADLINE
from severable import SeverableProxy


def test_conversations_are_in_a_list_and_survive_a_reload(flow, browser):
    host = flow()
    with opened(browser, host.http + "/") as page:
        connected(page)
        ask(page, "first question")
        answered(page)
        page.get_by_role("button", name="New conversation").click()
        connected(page)
        ask(page, "second question")
        answered(page)
        opens = page.locator("#sessions .open")
        assert opens.all_inner_texts() == ["second question", "first question"]
        page.get_by_role("button", name="first question", exact=True).click()
        sees(page, "#log .answer", "first question")
        assert page.locator("#log article").count() == 1
        connected(page)
        ask(page, "third question")
        answered(page, 2)
        page.reload()
        connected(page)
        assert page.locator("#log .prompt").all_inner_texts() == ["first question", "third question"]
        answered(page, 2)
        assert opens.first.get_attribute("aria-current") == "true"
        page.get_by_role("button", name="Forget “second question”").click()
        assert opens.all_inner_texts() == ["first question"]
        no_serious_findings(page)
    rows = host.wait_for_rows(3)
    assert rows[0]["session_id"] == rows[2]["session_id"] != rows[1]["session_id"]


def test_a_conversation_has_the_rows_of_the_host_where_it_shows_them(flow, browser, ai):
    host = flow("{history: true}")
    with opened(browser, host.http + "/") as page:
        connected(page)
        ask(page, "by the page")
        answered(page)
        session = page.inner_text("#state").removeprefix("session ")
        posted = urllib.request.Request(f"{host.http}/ws?session={session}", data=b'{"prompt": "by another client"}')
        urllib.request.urlopen(posted, timeout=DEADLINE).close()
        host.wait_for_rows(2)
        page.reload()
        answered(page, 2)
        sees(page, "#log article:last-child .prompt", "by another client")
        assert page.locator("#log .prompt").all_inner_texts() == ["by the page", "by another client"]


def test_an_answer_goes_on_while_another_conversation_is_shown(flow, browser, ai):
    host = flow()
    ai.script = ["stream_gated"]
    with opened(browser, host.http + "/") as page:
        connected(page)
        ask(page, "one two three")
        ai.released.release()
        sees(page, "#log .answer", "one")
        page.get_by_role("button", name="New conversation").click()
        ask(page, "elsewhere")
        answered(page)
        assert page.locator("#log article").count() == 1
        for _ in range(6):
            ai.released.release()
        host.wait_for_rows(2)
        page.get_by_role("button", name="one two three", exact=True).click()
        sees(page, "#log .answer:not(.waiting)", "one two three")
        assert page.locator("#log article").count() == 1
    assert len(ai.calls) == 2


@pytest.mark.parametrize("how", ["cut", "reload"])
def test_after_a_loss_nothing_is_missing_and_nothing_comes_twice(flow, browser, ai, how):
    host = flow()
    proxy = SeverableProxy(host.port)
    ai.script = ["stream_gated"]
    words = " ".join(f"w{number}" for number in range(40))
    try:
        with opened(browser, f"http://127.0.0.1:{proxy.port}/", allowed=["WebSocket connection to"]) as page:
            connected(page)
            ask(page, words)
            for _ in range(10):
                ai.released.release()
            sees(page, "#log .answer", "w5")
            if how == "cut":
                proxy.cut()
            else:
                page.reload()
            for _ in range(40):
                ai.released.release()
            answered(page)
            assert page.inner_text("#log .answer") == words and page.locator("#log article").count() == 1
            ask(page, "next")
            answered(page, 2)
            assert page.locator("#log .answer").last.inner_text() == "next"
    finally:
        proxy.stop()
    assert len(host.wait_for_rows(2)) == 2 and len(ai.calls) == 2


def test_what_is_written_while_there_is_no_connection_is_sent_once(flow, browser, ai):
    """Also where the host keeps no session: the answer comes under the same id."""
    host = flow(policy="cancel")
    proxy = SeverableProxy(host.port)
    try:
        with opened(browser, f"http://127.0.0.1:{proxy.port}/", allowed=["WebSocket connection to"]) as page:
            connected(page)
            # The answer is lost on its way, and the connection with it.
            proxy.swallow = lambda data: b'"response"' in data
            ask(page, "one")
            page.wait_for_selector("#state:has-text('not connected')", timeout=10 * SECOND)
            proxy.swallow = None
            ask(page, "two")
            answered(page, 2)
            assert page.locator("#log .answer").all_inner_texts() == ["one", "two"]
    finally:
        proxy.stop()
    assert [row["prompt"] for row in host.wait_for_rows(2)] == ["one", "two"] and len(ai.calls) == 2


def test_a_message_that_the_host_closes_the_connection_for_is_not_sent_again(flow, browser, ai):
    host = flow()
    with opened(browser, host.http + "/") as page:
        connected(page)
        ask(page, "x " * 40_000)
        sees(page, "#log .error", "longer than the host takes")
        connected(page)
        ask(page, "short")
        answered(page)
        assert page.locator("#log .answer").last.inner_text() == "short"
    assert len(host.wait_for_rows(1)) == len(ai.calls) == 1


@pytest.mark.parametrize("width", WIDTHS)
def test_a_host_that_wants_a_key_asks_for_it_when_the_page_opens(flow, browser, width):
    host = flow("{history: true, auth: {keys: [{key: key-of-ann, user: ann}]}}")
    with opened(browser, host.http + "/", width) as page:
        field = page.get_by_label("Key or token")
        assert field.is_visible() and field.evaluate("one => one === document.activeElement")
        assert page.get_by_text("Key or token for this host").is_visible()
        no_serious_findings(page)
        nothing_overflows(page)
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        sees(page, "#problem", "not valid")
        field.fill("key-of-ann")
        page.keyboard.press("Enter")
        connected(page)
        assert not page.locator("#problem").is_visible()
        page.reload()
        # Who goes on to the message without Enter has given the key, too.
        field.fill("key-of-ann")
        ask(page, "with a key")
        answered(page)
        assert "key-of-ann" not in page.evaluate("JSON.stringify({...localStorage, ...sessionStorage}) + location.href")
    assert host.wait_for_rows(1)[0]["user_id"] == "ann"


def test_an_error_says_what_to_do(flow, browser):
    with opened(browser, flow(key='""').http + "/") as page:
        connected(page)
        ask(page, "hello")
        sees(page, "#log .error", "OpenAI client not initialized")
        sees(page, "#log .error", "OPENAI_API_KEY")
    with opened(browser, flow().http + "/") as page:
        connected(page)
        ask(page, "x" * 8001)
        page.get_by_role("button", name="Edit the message").click()
        assert page.get_by_role("textbox").last.input_value() == "x" * 8001
        no_serious_findings(page)


def test_a_key_that_is_taken_away_is_asked_for_again(serve, browser, tmp_path):
    keys = tmp_path / "keys.yaml"
    text = "pipeline: p\nresources: {m: echo}\nhost: {auth: {keys: [KEY]}}\nstages: [receive, complete, respond]\n"
    keys.write_text(text.replace("KEY", "first-key"))
    host = serve(keys)
    with opened(browser, host.http + "/") as page:
        page.get_by_label("Key or token").fill("first-key")
        page.keyboard.press("Enter")
        connected(page)
        keys.write_text(text.replace("KEY", "second-key"))
        host.process.send_signal(signal.SIGHUP)
        sees(page, "#problem", "Enter another key or token")
        page.get_by_label("Key or token").fill("second-key")
        page.keyboard.press("Enter")
        page.wait_for_selector("#problem", state="hidden", timeout=10 * SECOND)


def test_two_tabs_of_one_conversation_say_where_it_goes_on(flow, browser):
    host = flow()
    with opened(browser, host.http + "/") as page:
        connected(page)
        ask(page, "hello")
        answered(page)
        other = page.context.new_page()
        other.goto(host.http + "/")
        other.get_by_role("button", name="hello", exact=True).click()
        connected(other)
        sees(page, "#problem", "another tab")
        page.get_by_role("button", name="Continue here").click()
        connected(page)
        sees(other, "#problem", "another tab")
