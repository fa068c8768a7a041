"""One answer for each message, what `validate` refuses, and how much of what was missed a client gets."""

import contextlib
import json
import urllib.request

import pytest

from conftest import DEADLINE, memory, metrics, receive_json, wait_until

TWICE = """
pipeline: twice
resources: {model: echo, database: {sqlite: {path: data/stagecoach.db}}}
stages:
  - receive: {format: json}
  - complete
  - respond
  - transform: {completion: "another"}
  - respond
  - persist
"""
HELD = """
pipeline: held
resources: {model: {echo: {delay: 20ms}}}
stages:
  - receive: {format: json, on_disconnect: {hold: 60s}}
  - complete
  - transform: {completion: "LONG"}
  - respond
"""


def test_a_message_is_answered_once_however_many_stages_answer(serve):
    host = serve(TWICE)
    with host.connect() as client:
        receive_json(client)
        for number in range(20):
            client.send(json.dumps({"prompt": str(number)}))
        frames = [receive_json(client) for _ in range(20)]
        assert [(frame["response"], frame["seq"]) for frame in frames] == [(str(n), n + 2) for n in range(20)]
        with pytest.raises(TimeoutError):
            client.recv(timeout=0.3)
    request = urllib.request.Request(f"{host.http}/ws", data=b'{"prompt": "x"}', headers={"Accept": "text/event-stream"})
    with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
        assert answer.read().decode().count("data: ") == 1
    assert {row["response"] for row in host.wait_for_rows(21)} == {"another"}


@pytest.mark.parametrize("stage", ["validate", "log"])
def test_a_prompt_that_no_database_takes_is_refused_and_otherwise_stored_as_one_that_every_database_takes(serve, stage):
    host = serve(TWICE.replace("  - complete\n", f"  - {stage}\n  - complete\n"))
    with host.connect() as client:
        receive_json(client)
        for prompt in ("a\0b", "\0"):
            client.send(json.dumps({"prompt": prompt}))
            frame = receive_json(client)
            assert frame["error"]["code"] == "invalid_message" if stage == "validate" else frame["response"] == prompt
        client.send(json.dumps({"prompt": "fine"}))
        assert receive_json(client)["response"] == "fine"
    rows = [row["prompt"] for row in host.wait_for_rows(1 if stage == "validate" else 3)]
    assert rows == (["fine"] if stage == "validate" else ["a\ufffdb", "\ufffd", "fine"])


def test_who_comes_back_gets_the_last_mebibyte_of_what_was_missed(serve):
    size, count = 50_000, 40
    host = serve(HELD.replace("LONG", "x" * size))
    with host.connect() as client:
        session = receive_json(client)["session_id"]
        for number in range(count):
            client.send(json.dumps({"prompt": str(number)}))
        assert client.ping().wait(DEADLINE)  # so that all of them have been read

    def answered():
        return f'stagecoach_stage_sent_total{{pipeline="held",stage="respond"}} {count}' in metrics(host)

    wait_until(answered, "all answers")
    with host.connect(f"session={session}&after=1", max_queue=None) as client:
        greeting = receive_json(client)
        assert greeting["resumed"] is True
        frames = []
        while not frames or frames[-1]["seq"] < count + 1:
            frames.append(receive_json(client))
    assert [frame["seq"] for frame in frames] == list(range(frames[0]["seq"], count + 2))
    assert (1 << 20) - 2 * size < sum(len(frame["response"]) for frame in frames) <= 1 << 20


@pytest.mark.memory
def test_a_connection_that_compresses_holds_some_tens_of_kibibytes_more(serve):
    host = serve("pipeline: p\nresources: {m: echo}\nstages: [receive, complete, respond]\nhost: {compression: true}\n")

    def crowd(count):
        clients = [stack.enter_context(host.connect()) for _ in range(count)]
        for client in clients:
            assert "permessage-deflate" in client.response.headers["Sec-WebSocket-Extensions"]
            client.send("hello " * 50)
            client.recv(timeout=DEADLINE)

    with contextlib.ExitStack() as stack:
        crowd(50)  # by then what all share is there
        before = memory(host)
        crowd(200)
        each = (memory(host) - before) / 200
    assert each < 80 << 10, f"{each / 1024:.0f} KiB a connection"


BEHIND = """
pipeline: behind
resources: {model: echo, bad: {echo: {fail: [model_bad_response]}}, slow: {echo: {delay: 300ms}}}
stages:
  - receive: {format: json}
  - complete: {resource: model}
  - complete: {resource: bad}
    label: aside
    async: ASYNC
  - complete: {resource: slow}
    label: later
  - respond
"""


@pytest.mark.parametrize("policy", ["true", "{dead_letter: dead.jsonl}", "{capacity: 1, when_full: drop}"])
def test_an_error_behind_a_queue_takes_nobodys_answer(serve, policy):
    host = serve(BEHIND.replace("ASYNC", policy))
    with host.connect() as client:
        receive_json(client)
        for number in range(3):
            client.send(json.dumps({"prompt": str(number)}))
            assert receive_json(client)["response"] == str(number)
    assert len(wait_until(lambda: host.entries("model_bad_response"), "the entry")) == 3


INSIDE = """
pipeline: inside
resources: {model: {echo: {delay: 500ms, fail: FAIL}}}
stages:
  - receive: {format: json}
  - background: {stages: [complete, respond], capacity: 1, when_full: drop}
"""


def test_a_message_that_is_dropped_or_fails_before_its_answer_holds_up_no_other(serve):
    host = serve(INSIDE.replace("FAIL", "[ok, model_bad_response, ok]"))
    with host.connect() as client:
        receive_json(client)
        for number in range(3):
            client.send(json.dumps({"prompt": str(number)}))
        assert receive_json(client)["response"] == "0", "the others were dropped"
        wait_until(lambda: len(host.entries("busy")) == 2, "the drops")
        client.send(json.dumps({"prompt": "fails"}))
        wait_until(lambda: host.entries("model_bad_response"), "the failure")
        client.send(json.dumps({"prompt": "last"}))
        assert receive_json(client)["response"] == "last"
