"""Modifiers, written beside a stage in the file and never in code."""

import json

import pytest

from conftest import DEADLINE, chat_yaml, receive_json, wait_until

COMPLETE = "  - complete: {model: gpt-3.5-turbo, timeout: 30s}\n"


@pytest.fixture
def ask(serve, ai):
    """Serves the documented flow with another `complete` entry; returns what the client hears for each prompt."""

    def start(entry, *prompts, script=(), resources=""):
        text = chat_yaml().replace(COMPLETE, entry).replace("resources:\n", "resources:\n" + resources)
        assert entry in text
        host = serve(text, env={"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": "k"})
        ai.script = list(script)
        frames = []
        with host.connect("format=json") as client:
            receive_json(client)
            for prompt in prompts:
                client.send(json.dumps({"prompt": prompt}))
                frames.append(receive_json(client))
        return [frame.get("response") or frame["error"]["code"] for frame in frames], host

    return start


@pytest.mark.parametrize(
    ("inside", "beside", "code"), [("300ms", "20s", "model_timeout"), ("20s", "300ms", "timeout")])
def test_of_the_two_timeouts_the_shorter_wins(ask, ai, inside, beside, code):
    entry = f"  - complete: {{timeout: {inside}}}\n    timeout: {beside}\n"
    assert ask(entry, "slow", "next", script=["hang"])[0] == [code, "next"]
    assert ai.closed_by_client.wait(0.2 * DEADLINE)


def test_retry_tries_again_what_may_pass_and_nothing_else(ask, ai):
    entry = "  - complete: {}\n    retry: {attempts: 3, backoff: 10ms}\n"
    assert ask(entry, "a", script=["500", "429"])[0] == ["a"] and len(ai.calls) == 3
    assert ask(entry, "b", script=["401"])[0] == ["model_unauthorized"] and len(ai.calls) == 4
    assert ask(entry, "c", script=["500"] * 3)[0] == ["model_unavailable"] and len(ai.calls) == 7


def test_without_retry_nothing_is_tried_again(ask, ai):
    assert ask(COMPLETE, "a", script=["500"])[0] == ["model_unavailable"] and len(ai.calls) == 1


def test_on_error_runs_other_stages_instead_and_logs_once(ask):
    entry = ("  - complete: {resource: model}\n    on_error:\n      - complete: {resource: spare}\n"
             "        label: fallback\n")
    answers, host = ask(entry, "hello", script=["500"], resources="  spare: echo\n")
    assert answers == ["hello"]
    # The line may be read after the answer.
    wait_until(lambda: host.entries("model_unavailable"), "the line in the log")
    assert len(host.entries("model_unavailable")) == 1


def test_when_chooses_the_messages(ask, ai):
    entry = COMPLETE + "  - log: {text: loud}\n    when: {prompt: {starts_with: \"/loud\"}, session.username: {present: true}}\n"
    answers, host = ask(entry, "/loud one", "quiet", "/loud two")
    assert answers == ["/loud one", "quiet", "/loud two"]
    assert sum('"message":"loud"' in line for line in host.log) == 2


def test_a_full_queue_that_rejects_makes_the_client_hear_busy(serve, ai):
    import sqlite3
    text = chat_yaml().replace("async: true", "async: {capacity: 2, when_full: reject}").replace(
        "stagecoach.db}", "stagecoach.db, busy_timeout: 60s}")
    host = serve(text, env={"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": "k"})
    database = sqlite3.connect(host.folder / "data" / "stagecoach.db", isolation_level=None)
    database.execute("begin immediate")
    with host.connect("format=json") as client:
        receive_json(client)
        heard = []
        for number in range(4):
            client.send(json.dumps({"prompt": str(number)}))
            frame = receive_json(client)
            heard.append(frame.get("response") or frame["error"]["code"])
        assert heard == ["0", "1", "busy", "busy"]
        database.execute("rollback")
        database.close()
        assert [row["prompt"] for row in host.wait_for_rows(2)] == ["0", "1"]
