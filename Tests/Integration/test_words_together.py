"""Words that come in one read from the model's API leave in one write for the client, in their order, and none waits for
others to come."""

import json
import re
import shutil

import pytest

from conftest import receive_json
from rawhttp import Raw

STREAMED = """
pipeline: streamed
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: sk-canary-1234567890}}
stages:
  - receive: {format: json}
  - validate
  - complete: {stream: true, timeout: 20s}
  - respond: {stream: true}
"""
WORDS = [f"{number} " for number in range(100)]
PROMPT = "".join(WORDS).strip()
#: The system may deliver a burst in a few reads, and the answer's end and the call to the API are writes, too.
MOST_WRITES = 8


class BySocket:
    def __init__(self, host):
        self.connection = host.connect().__enter__()
        receive_json(self.connection)

    def ask(self, prompt):
        self.connection.send(json.dumps({"prompt": prompt}))

    def next(self):
        return receive_json(self.connection)

    def close(self):
        self.connection.__exit__(None, None, None)


class ByPost:
    def __init__(self, host):
        self.raw = Raw(host.raw())

    def ask(self, prompt):
        self.raw.send("POST", "/ws", {"Accept": "text/event-stream"}, {"prompt": prompt})
        assert self.raw.head().status == 200

    def next(self):
        event = self.raw.chunk().decode()
        assert event.startswith("data: ") and event.endswith("\n\n")
        return json.loads(event[6:])

    def close(self):
        self.raw.connection.close()


class Traced:
    """A host whose writes are counted."""

    def __init__(self, serve, tmp_path, text, env={}):
        if not shutil.which("strace"):
            pytest.fail("strace is missing; scripts/setup --tests installs it")
        self.log = tmp_path / "writes"
        self.host = serve(text, env=env, prefix=[
            "strace", "-D", "-f", "-e", "trace=sendto,sendmsg,writev", "-o", str(self.log)])

    @property
    def writes(self):
        return [line for line in self.log.read_text().splitlines() if re.search(r"(sendto|sendmsg|writev)\(", line)]


def read(client, count):
    """Words and the answer that they make up."""
    *words, answer = [client.next() for _ in range(count + 1)]
    assert [word["text"] for word in words] == WORDS[-count:-1] + [WORDS[-1].strip()]
    assert answer["type"] == "response" and answer["response"] == PROMPT
    assert [frame["seq"] for frame in [*words, answer]] == list(range(words[0]["seq"], words[0]["seq"] + count + 1))


@pytest.mark.parametrize("chunks", ["one", "each"])
@pytest.mark.parametrize("wire", [BySocket, ByPost])
def test_a_burst_of_words_leaves_in_few_writes(serve, ai, tmp_path, wire, chunks):
    traced = Traced(serve, tmp_path, STREAMED, {"OPENAI_BASE_URL": ai.url})
    ai.script = [f"stream_burst_{chunks}"]
    client = wire(traced.host)
    client.ask(PROMPT)
    # Nothing but this word has come yet.
    assert client.next()["text"] == WORDS[0]
    before = len(traced.writes)
    ai.released.release()
    read(client, len(WORDS) - 1)
    client.close()
    assert len(traced.writes) - before <= MOST_WRITES, traced.writes[before:]


@pytest.mark.parametrize("wire", [BySocket, ByPost])
def test_an_answer_that_comes_at_once_leaves_in_few_writes(serve, ai, tmp_path, wire):
    traced = Traced(serve, tmp_path, STREAMED, {"OPENAI_BASE_URL": ai.url})
    ai.script = ["stream_burst_all"]
    client = wire(traced.host)
    before = len(traced.writes)
    client.ask(PROMPT)
    read(client, len(WORDS))
    client.close()
    assert len(traced.writes) - before <= MOST_WRITES, traced.writes[before:]
