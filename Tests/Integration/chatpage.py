"""What the tests of the chat page share: a pipeline that streams, a model that says what it is told, and what is seen."""

import pytest

from browser import chromium
from conftest import DEADLINE
from fakeai import FakeAI

FLOW = """
pipeline: chat
host: HOST
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: KEY}}
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive: {on_disconnect: POLICY}
  - validate: {max_length: 8000}
  - complete: {stream: true, timeout: 20s}
  - persist: {}
    async: true
  - respond: {stream: true}
"""
SECOND = 1000 * DEADLINE / 10


class Talker(FakeAI):
    """Says `text` where there is one, or repeats."""

    text = None

    def _prompt(self):
        return super()._prompt() if self.text is None else self.text


@pytest.fixture
def ai():
    server = Talker()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def flow(serve, ai):
    """Serves the pipeline with other words in it."""

    def start(host="{}", policy="{hold: 60s}", key="sk-1", streams=True):
        text = FLOW.replace("HOST", host).replace("POLICY", policy).replace("KEY", key)
        return serve(text if streams else text.replace("stream: true", "stream: false"), env={"OPENAI_BASE_URL": ai.url})

    return start


def connected(page):
    page.wait_for_selector("#state:text-matches('^session ')", timeout=10 * SECOND)


def ask(page, text):
    page.get_by_role("textbox").last.fill(text)
    page.keyboard.press("Enter")


def answered(page, count=1):
    page.wait_for_function("count => document.querySelectorAll('#log .answer:not(.waiting)').length >= count", arg=count,
                           timeout=10 * SECOND)


def sees(page, selector, text):
    page.wait_for_function("([selector, text]) => document.querySelector(selector)?.innerText.includes(text)",
                           arg=[selector, text], timeout=10 * SECOND)
