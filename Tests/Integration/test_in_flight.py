"""Messages in flight: several at once, cancelled ones, and those whose client leaves."""

import json
import threading

import pytest

from conftest import DEADLINE, receive_json, wait_until

FLOW = """
pipeline: flow
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: sk-canary-1234567890}}
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive: {format: json, concurrency: 1, on_disconnect: cancel}
  - validate
  - complete: {timeout: 20s}
  - persist
  - respond
"""


def start(serve, ai, **changes):
    text = FLOW
    for name, value in changes.items():
        old = {"concurrency": "concurrency: 1", "on_disconnect": "on_disconnect: cancel"}[name]
        assert old in text
        text = text.replace(old, f"{name}: {value}")
    return serve(text, env={"OPENAI_BASE_URL": ai.url})


def ask(connection, id, prompt=None):
    connection.send(json.dumps({"prompt": prompt or id, "id": id}))


def cancel(connection, id):
    connection.send(json.dumps({"type": "cancel", "id": id}))


def test_as_many_messages_as_the_file_says_are_worked_on_at_once_and_answered_in_order(serve, ai):
    host = start(serve, ai, concurrency=3)
    ai.script = ["gate"] * 3
    with host.connect() as connection:
        receive_json(connection)
        for id in "abcde":
            ask(connection, id)
        for _ in range(3):
            assert ai.arrived.acquire(timeout=5)
        assert not ai.arrived.acquire(timeout=0.2), "a fourth call before one has ended"
        for _ in range(3):
            ai.released.release()
        assert [receive_json(connection)["id"] for _ in range(5)] == list("abcde")
    assert len(host.wait_for_rows(5)) == 5


def test_a_cancelled_message_ends_its_call_and_the_next_goes_on(serve, ai):
    host = start(serve, ai)
    ai.script = ["hang"]
    with host.connect() as connection:
        receive_json(connection)
        ask(connection, "first")
        assert ai.arrived.acquire(timeout=5)
        ask(connection, "second")
        ask(connection, "third")
        cancel(connection, "second")
        cancel(connection, "nobody")
        cancel(connection, "first")
        assert ai.closed_by_client.wait(0.1 * DEADLINE)
        frames = [receive_json(connection) for _ in range(3)]
        cancel(connection, "third")
        ask(connection, "fourth")
        frames.append(receive_json(connection))
    codes = [(frame["id"], frame.get("error", {}).get("code", "answered")) for frame in frames]
    assert codes == [("first", "cancelled"), ("second", "cancelled"), ("third", "answered"), ("fourth", "answered")]
    assert [row["prompt"] for row in host.wait_for_rows(2)] == ["third", "fourth"]


def test_a_cancel_without_an_id_is_an_invalid_message(serve, ai):
    host = start(serve, ai)
    with host.connect() as connection:
        receive_json(connection)
        connection.send(json.dumps({"type": "cancel"}))
        error = receive_json(connection)["error"]
        assert (error["code"], error["message"]) == ("invalid_message", "The message has no 'id'")


@pytest.mark.parametrize("policy, rows", [("cancel", 0), ("finish", 3)])
def test_what_becomes_of_messages_whose_client_leaves(serve, ai, policy, rows):
    host = start(serve, ai, on_disconnect=policy)
    ai.script = ["gate"]
    with host.connect() as connection:
        receive_json(connection)
        for id in "abc":
            ask(connection, id)
        assert ai.arrived.acquire(timeout=5)
    ai.released.release()
    if rows:
        assert [row["prompt"] for row in host.wait_for_rows(rows)] == list("abc")
    assert host.stop() == 0
    assert len(host.rows()) == rows


def test_a_stop_waits_for_messages_whose_client_has_left(serve, ai):
    host = start(serve, ai, on_disconnect="finish")
    ai.script = ["gate"]
    with host.connect() as connection:
        receive_json(connection)
        ask(connection, "a")
        assert ai.arrived.acquire(timeout=5)
    stopping = threading.Thread(target=host.stop)
    stopping.start()
    wait_until(lambda: any("Stopping" in line for line in host.log), "the stop")
    ai.released.release()
    stopping.join()
    assert host.process.returncode == 0
    assert [row["prompt"] for row in host.rows()] == ["a"]
