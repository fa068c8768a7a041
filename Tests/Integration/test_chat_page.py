"""Answers on the chat page: as they come, stopped, broken off, harmful, very long; by keyboard and screen reader."""

import json
import re

import pytest

from browser import SCHEMES, WIDTHS, long_tasks, no_serious_findings, nothing_overflows, opened
from chatpage import ai, answered, ask, browser, connected, flow, sees  # noqa: F401
from conftest import DEADLINE

MARKDOWN = """Three **planets**:

| name | diameter | moons |
| --- | ---: | --- |
| Mars | 6,779 km | 2<br>small |
| Earth | 12,742 km | 1 |

1. one
2. two

```swift
print("Hello")
```

See [the list](https://example.org/planets)."""


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_an_answer_is_seen_while_it_comes_and_then_complete(flow, browser, ai, width, scheme):
    host = flow()
    ai.script, ai.text = ["stream_gated"], MARKDOWN
    with opened(browser, host.http + "/", width, scheme) as page:
        connected(page)
        assert page.get_by_role("heading", name="Try your pipeline").is_visible()
        no_serious_findings(page)
        nothing_overflows(page)
        page.get_by_role("textbox", name="Your message").fill("planets")
        page.get_by_role("button", name="Send").click()
        for _ in range(2):
            ai.released.release()
        sees(page, "#log .answer.waiting", "Three planets")
        assert page.locator("#log table").count() == 0 and page.get_by_role("button", name="Stop").is_visible()
        for _ in range(100):
            ai.released.release()
        answered(page)
        assert page.locator("#log .answer strong").inner_text() == "planets"
        assert [cell.inner_text() for cell in page.locator("#log tbody tr").first.locator("td").all()] == [
            "Mars", "6,779 km", "2\nsmall"]
        assert page.locator("#log td").nth(1).evaluate("cell => getComputedStyle(cell).textAlign") in ("end", "right")
        assert page.locator("#log pre code").inner_text().strip() == 'print("Hello")'
        link = page.get_by_role("link", name="the list")
        assert link.get_attribute("href") == "https://example.org/planets" and "noopener" in link.get_attribute("rel")
        assert not page.get_by_role("button", name="Stop").is_visible()
        no_serious_findings(page)
        nothing_overflows(page)
        paper = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", paper)[:3])) < 200) == (scheme == "dark")
    assert host.wait_for_rows(1)[0]["response"] == MARKDOWN


@pytest.mark.parametrize("by", ["button", "keyboard"])
def test_an_answer_is_stopped_and_what_had_come_is_kept_and_marked(flow, browser, ai, by):
    host = flow()
    ai.script = ["stream_hang"]
    with opened(browser, host.http + "/") as page:
        connected(page)
        ask(page, "one two three four")
        sees(page, "#log .answer", "one")
        if by == "button":
            page.get_by_role("button", name="Stop").click()
        else:
            page.keyboard.press("Escape")
        sees(page, "#log .stopped", "Stopped")
        assert "one" in page.inner_text("#log .answer.broken")
        assert ai.closed_by_client.wait(DEADLINE), "the model's call ends"
        page.reload()
        sees(page, "#log .answer.broken", "one")
        sees(page, "#log .stopped", "Stopped")
        ask(page, "again")
        answered(page, 2)
    assert json.loads(host.wait_for_rows(2)[0]["metadata"])["partial"] is True


def test_an_answer_that_breaks_off_is_kept_with_what_to_do(flow, browser, ai):
    host = flow()
    ai.script = ["stream_cut"]
    with opened(browser, host.http + "/", 360) as page:
        connected(page)
        ask(page, "one two three four")
        sees(page, "#log .error", "Broken off: ")
        assert "one" in page.inner_text("#log .answer.broken") and "Try again" in page.inner_text("#log .error p:last-of-type")
        no_serious_findings(page)
        page.get_by_role("button", name="Try again").click()
        answered(page, 2)
        assert page.locator("#log .answer").last.inner_text() == "one two three four"
        assert "one" in page.inner_text("#log .answer.broken"), "what broke off stays"


HOSTILE = """<script>document.title = "taken"</script><img src=x onerror="document.title = 'taken'">
<iframe srcdoc="<script>top.document.title = 'taken'</script>"></iframe><style>body { display: none }</style>
<form action="https://evil.example"><input name="password" autofocus></form> <b onclick="x">bold</b>

[run](javascript:document.title='taken') [data](data:text/html,<script>1</script>) [odd](JaVaScRiPt&#58;alert(1))
[space]( javascript:alert(1)) [vb](vbscript:x) [host](/metrics) <javascript:alert(1)> <https://example.org>
![picture](https://evil.example/pixel.png) ![x](javascript:alert(1))
[clobber](https://example.org "title\\" onmouseover=\\"alert(1)")

<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg> <math><mi//xlink:href="data:x,<script>1</script>">

| <img src=x onerror=alert(1)> | `<script>` |
| --- | --- |
| <a href="javascript:alert(1)">x</a> | y |

\u05e9\u05dc\u05d5\u05dd, this is left \u202eto right\u202c.

- [ ] a task <input type=text>
"""


def test_what_would_do_harm_is_shown_as_text(flow, browser, ai):
    host = flow()
    ai.text = HOSTILE
    with opened(browser, host.http + "/") as page:
        connected(page)
        page.on("dialog", lambda dialog: pytest.fail("a script ran"))
        page.evaluate("document.title = 'mine'")
        ask(page, "<img src=x onerror=alert(1)>")
        answered(page)
        assert page.title() == "mine"
        names = page.evaluate("[...new Set([...document.querySelectorAll('#log .answer *')].map(one => one.localName))].sort()")
        assert set(names) <= {"div", "p", "br", "a", "table", "thead", "tbody", "tr", "th", "td", "code", "ul", "li"}, names
        links = page.evaluate("[...document.querySelectorAll('#log .answer a')].map(one => one.getAttribute('href'))")
        assert all(link is None or re.match("https://(example.org|evil.example)", link) for link in links), links
        attributes = page.evaluate(
            "[...new Set([...document.querySelectorAll('#log .answer *')].flatMap(one => one.getAttributeNames()))].sort()")
        assert set(attributes) <= {"href", "target", "rel", "dir", "class", "align", "tabindex", "role", "aria-label"}
        said = page.inner_text("#log .answer")
        assert "<script>document.title" in said and '<b onclick="x">bold</b>' in said
        assert page.inner_text("#log .prompt") == "<img src=x onerror=alert(1)>"
        hebrew = page.locator("#log .answer p", has_text="\u05e9\u05dc\u05d5\u05dd")
        assert hebrew.evaluate("one => getComputedStyle(one).direction") == "rtl"
        assert page.get_by_role("textbox").count() == 1


def long_text(size):
    """Of every kind, a table of thousands of rows, code, a line without end, and emphasis that never ends."""
    table = "| a | b |\n| --- | --- |\n" + "".join(f"| {number} | *cell* `{number}` |\n" for number in range(4_000)) + "\n"
    code = "```\n" + "".join(f"line {number} of code\n" for number in range(4_000)) + "```\n\n"
    nasty = "*a " * 20_000 + "\n\n" + "[" * 20_000 + "\n\n" + "> " * 5_000 + "\n\n" + "x" * 60_000 + "\n\n"
    words = "Some *words* of a paragraph with [a link](https://example.org) and `code`, as models write them.\n\n"
    text = table + code + nasty
    return text + words * ((size - len(text.encode())) // len(words))


@pytest.mark.alone
def test_a_megabyte_is_shown_in_tasks_of_less_than_100_ms(flow, browser, ai):
    host = flow(streams=False)
    ai.text = long_text(1_000_000)
    with opened(browser, host.http + "/", 360) as page:
        connected(page)
        longest = long_tasks(page)
        ask(page, "much")
        answered(page)
        assert longest() <= 100 * DEADLINE / 10
        assert len(page.locator("#log .answer").text_content()) > 700_000
        assert page.locator("#log table").count() > 50, "a long table begins again"
        nothing_overflows(page)


@pytest.mark.alone
def test_hundreds_of_words_a_second_make_no_long_task(flow, browser, ai):
    host = flow()
    ai.usual, ai.text = "stream_paced", (MARKDOWN + "\n\n") * 20 + "- item *one* of a list\n" * 60
    with opened(browser, host.http + "/", 1920, "dark") as page:
        connected(page)
        longest = long_tasks(page)
        # Who listens is not told every word.
        page.evaluate("""() => {
            window.said = [];
            for (const region of document.querySelectorAll("[role=status], [role=alert], [aria-live]:not([aria-live=off])")) {
                new MutationObserver(() => window.said.push(region.textContent))
                    .observe(region, {childList: true, characterData: true, subtree: true});
            }
        }""")
        ask(page, "much")
        answered(page)
        assert longest() <= 100 * DEADLINE / 10
        said = page.evaluate("window.said")
        assert len(said) <= 3 and said[-1].startswith("Answer: Three")
        assert page.locator("#log table").count() == 20


@pytest.mark.parametrize("width", WIDTHS)
def test_everything_is_done_by_the_keyboard_alone(flow, browser, width):
    host = flow()

    def to(name):
        """Goes on with Tab until that is reached."""
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent").startswith(name):
                return
        pytest.fail(f"Tab does not reach '{name}'")

    with opened(browser, host.http + "/", width, permissions=["clipboard-read", "clipboard-write"]) as page:
        connected(page)
        assert page.evaluate("document.activeElement.id") == "prompt"
        page.keyboard.type("first line")
        page.keyboard.press("Shift+Enter")
        page.keyboard.type("second line")
        page.keyboard.press("Enter")
        answered(page)
        assert page.inner_text("#log .prompt") == "first line\nsecond line"
        to("Copy the answer")
        page.keyboard.press("Enter")
        sees(page, ".tools", "Copied")
        assert page.evaluate("navigator.clipboard.readText()") == "first line\nsecond line"
        if width < 800:
            to("Conversations")
            page.keyboard.press("Enter")
        to("New conversation")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "prompt" and page.locator("#log article").count() == 0
        to("What can you do?")
        page.keyboard.press("Enter")
        answered(page)
        if width < 800:
            to("Conversations")
            page.keyboard.press("Enter")
        to("first line")
        page.keyboard.press("Enter")
        sees(page, "#log .answer", "first line")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", "what has the focus is seen"


def test_a_screen_reader_finds_its_way(flow, browser):
    host = flow()
    with opened(browser, host.http + "/") as page:
        connected(page)
        ask(page, "hello")
        answered(page)
        tree = page.locator("body").aria_snapshot()
        for line in ("- banner:", '- heading "Stagecoach" [level=1]', '- complementary "Conversations":', "- main:",
                     '- log "Conversation":', "- article:", '- heading "Message and answer" [level=2]', '- textbox "Your message"',
                     '- button "Send"', '- button "Copy the answer"', '- button "New conversation"'):
            assert line in tree, tree
        assert page.locator("#log").get_attribute("aria-live") == "off"
        assert page.inner_text("#announcer") == "Answer: hello"
