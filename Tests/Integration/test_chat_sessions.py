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


def in_another_tab(page, host, name):
    """Opens the page's conversation there, which takes it from this one."""
    other = page.context.new_page()
    other.goto(host.http + "/")
    other.get_by_role("button", name=name, exact=True).click()
    connected(other)
    sees(page, "#problem", "another tab")
    return other


def test_two_tabs_of_one_conversation_say_where_it_goes_on(flow, browser):
    host = flow()
    with opened(browser, host.http + "/") as page:
        connected(page)
        ask(page, "hello")
        answered(page)
        other = in_another_tab(page, host, "hello")
        page.get_by_role("button", name="Continue here").click()
        connected(page)
        sees(other, "#problem", "another tab")


def stored(page):
    """What the browser keeps, without its list."""
    return page.evaluate("Object.entries(localStorage).filter(([key]) => key.startsWith('stagecoach.session.')).map(one => one[1]).join()")


@pytest.mark.parametrize("how", ["reload", "Continue here"])
def test_what_two_tabs_ask_in_one_conversation_is_kept_by_both(flow, browser, how):
    host = flow()
    with opened(browser, host.http + "/") as page:
        connected(page)
        ask(page, "first")
        answered(page)
        other = in_another_tab(page, host, "first")
        ask(other, "second")
        answered(other, 2)
        if how == "reload":
            page.reload()
        else:
            page.get_by_role("button", name=how).click()
        connected(page)
        answered(page, 2)
        assert page.locator("#log .prompt").all_inner_texts() == ["first", "second"]
        ask(page, "third")
        answered(page, 3)
        # The tab that has lost the conversation writes over nothing, either.
        other.goto("about:blank")
        assert all(f'"prompt":"{text}"' in stored(page) for text in ("first", "second", "third"))
    assert [row["prompt"] for row in host.wait_for_rows(3)] == ["first", "second", "third"]


@pytest.mark.parametrize("history", ["true", "false"])
def test_an_old_conversation_that_is_opened_sends_nothing_by_itself(flow, browser, ai, history):
    """The page was closed before the answer came, and the host has forgotten the session since."""
    host = flow(f"{{history: {history}}}", "{hold: 1s}" if history == "false" else "finish")
    ai.script = ["gate"] if history == "false" else ["stream_gated"]
    with opened(browser, host.http + "/", allowed=["Failed to load resource"]) as page:
        connected(page)
        ask(page, "asked long ago")
        assert ai.arrived.acquire(timeout=DEADLINE)
        session = page.inner_text("#state").removeprefix("session ")
        page.goto("about:blank")
        for _ in range(5):
            ai.released.release()
        host.wait_for_rows(1)
        # As after a restart: the host does not know the session's numbers any more.
        page.goto(host.http + "/healthz")
        page.evaluate("""session => {
            sessionStorage.clear();
            const key = "stagecoach.session." + session;
            localStorage.setItem(key, JSON.stringify({...JSON.parse(localStorage.getItem(key)), seq: 0}));
        }""", session)
        page.goto(host.http + "/")
        page.get_by_role("button", name="asked long ago", exact=True).click()
        connected(page)
        if history == "true":
            answered(page)
            assert page.locator("#log .answer").all_inner_texts() == ["asked long ago"]
        else:
            sees(page, "#log .error", "the page was closed before the answer came")
            assert page.get_by_role("button", name="Try again").is_visible()
        ask(page, "next")
        page.wait_for_selector("#log article:last-child .answer:not(.waiting):has-text('next')", timeout=10 * SECOND)
        assert page.locator("#log .prompt").all_inner_texts() == ["asked long ago", "next"]
    assert len(host.wait_for_rows(2)) == len(ai.calls) == 2


def test_a_stop_on_a_connection_that_is_dead_already_is_not_undone_by_the_next(flow, browser, ai):
    host = flow()
    proxy = SeverableProxy(host.port)
    ai.script = ["stream_hang"]
    try:
        with opened(browser, f"http://127.0.0.1:{proxy.port}/", allowed=["WebSocket connection to"]) as page:
            connected(page)
            ask(page, "one two three four")
            sees(page, "#log .answer", "one")
            proxy.silent = True
            page.get_by_role("button", name="Stop").click()
            # Written into the dead connection; the page can't know.
            page.wait_for_timeout(200)
            proxy.heal()
            sees(page, "#log .stopped", "Stopped")
            connected(page)
            assert ai.closed_by_client.wait(DEADLINE)
            ask(page, "next")
            answered(page, 2)
            assert page.locator("#log article").count() == 2
    finally:
        proxy.stop()
    assert len(ai.calls) == 2


@pytest.mark.parametrize("button", ["Forget all in this browser", "Forget “one two three”"])
def test_what_is_forgotten_stays_forgotten(flow, browser, ai, button):
    """Also while its answer is still to come, and in a tab that shows it."""
    host = flow()
    ai.script = ["stream_gated"]
    with opened(browser, host.http + "/") as page:
        page.on("dialog", lambda dialog: dialog.accept())
        connected(page)
        ask(page, "one two three")
        ai.released.release()
        sees(page, "#log .answer", "one")
        # One waits behind the conversation that is shown, one is shown in another tab.
        page.get_by_role("button", name="New conversation").click()
        connected(page)
        other = page.context.new_page()
        other.goto(host.http + "/")
        connected(other)
        ask(other, "elsewhere")
        answered(other)
        other.get_by_role("button", name="one two three", exact=True).click()
        connected(other)
        page.get_by_role("button", name=button).click()
        other.wait_for_function("() => !document.querySelector('#log article')", timeout=10 * SECOND)
        for _ in range(6):
            ai.released.release()
        host.wait_for_rows(1)
        for tab in (other, page):
            tab.reload()
            connected(tab)
        assert "one two three" not in page.evaluate("JSON.stringify({...localStorage})")
        assert page.locator("#sessions .open").all_inner_texts() == (["elsewhere"] if "“" in button else [])


def test_where_a_browser_keeps_nothing_the_page_works(flow, browser):
    host = flow()
    with opened(browser, host.http + "/healthz", allowed=["Failed to load resource"]) as page:
        page.add_init_script("""for (const name of ["sessionStorage", "localStorage"])
            Object.defineProperty(window, name, {get() { throw new DOMException("denied", "SecurityError"); }});""")
        page.goto(host.http + "/")
        connected(page)
        ask(page, "hello")
        answered(page)
        assert page.get_by_role("button", name="Stop").is_hidden()
