"""Three troubles that an operator must see at the first look: in the feed, in `top`, and on the page."""

import re

import pytest

import troubles
from browser import chromium, opened
from conftest import DEADLINE
from feed import Feed, stage
from test_console_terminal import piped

CASES = {
    # What is in trouble: the host, what the feed's sentences say, and what the figures do.
    "slow": (troubles.slow, "'crawler' is the slowest stage",
             lambda event: stage(event, "crawler")["p50"] > 0.5 > 0.1 > (stage(event, "quick")["p50"] or 1)),
    "failing over": (troubles.failing_over, "model 'favourite' fails (model_unavailable), and 'spare' answers in its place",
                     lambda event: [use["to"] for use in event["fallbacks"] if use["recent"]] == ["spare"]),
    "away": (troubles.away, "12 rows wait for 'rows', the oldest for",
             lambda event: stage(event, "rows")["queue"]["messages"] == 12
             and not all(one["ready"] for one in event["pipelines"][0]["resources"])),
}


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize("name", CASES)
def test_a_trouble_is_seen_in_the_feed_in_top_and_on_the_page(serve, request, browser, name):
    begin, sentence, shows = CASES[name]
    database = request.getfixturevalue("stoppable_postgres") if name == "away" else None
    with begin(serve, database=database) as host:
        with Feed(host) as feed:
            event = feed.figures(lambda event: any(sentence in note for note in event["notes"]), 3 * DEADLINE)
            assert shows(event), event
        lines = piped("top", host.http, until=lambda line: sentence in line, deadline=3 * DEADLINE)
        assert any(re.search(r" (crawler|complete|rows) ", line) for line in lines)
        with opened(browser, f"{host.http}/console") as page:
            page.get_by_role("list").get_by_text(sentence).wait_for(timeout=2000 * DEADLINE)
            if name == "slow":
                assert "slowest" in page.get_by_role("row", name="crawler").inner_text()
                assert "slowest" not in page.get_by_role("row", name="quick").inner_text()
            elif name == "failing over":
                assert page.get_by_role("row", name=re.compile("^favourite spare model_unavailable")).is_visible()
            else:
                assert "12" in page.get_by_role("row", name="rows").inner_text()
                assert page.get_by_text("database: Database not connected").first.is_visible()
