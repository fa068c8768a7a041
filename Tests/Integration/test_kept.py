"""What is kept of clients who have left: bounded in all, cancelled when they say so, and answered across reloads."""

import json
import signal
import uuid

import pytest
from websockets.exceptions import ConnectionClosed

from conftest import DEADLINE, memory, metrics, receive_json, wait_until

ECHO = """
pipeline: kept
host: {limits: {kept: KEPT}}
resources: {model: echo}
stages:
  - receive: {format: json, on_disconnect: {hold: 10m}}
  - complete
  - respond
"""
FLOW = """
pipeline: flow
host: {drain: 2s}
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: sk-canary-1234567890}}
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive: {format: json, on_disconnect: {hold: 60s}}
  - complete: {timeout: 20s}
  - persist: {}
    async: true
  - respond
"""
MIB = 1 << 20


@pytest.fixture
def flow(serve, ai):
    def start(policy="{hold: 60s}"):
        return serve(FLOW.replace("{hold: 60s}", policy), env={"OPENAI_BASE_URL": ai.url})

    return start


def kept(host, metric="stagecoach_kept_bytes"):
    lines = [line for line in metrics(host).splitlines() if line.startswith(metric + "{")]
    return {line.split('"')[1]: float(line.rsplit(" ", 1)[1]) for line in lines}


def frame(number, prompt="one two"):
    return json.dumps({"prompt": prompt, "id": f"c-{number}"})


def cancel(number):
    return json.dumps({"type": "cancel", "id": f"c-{number}"})


@pytest.mark.memory
@pytest.mark.parametrize("clients, messages, size", [(60, 17, 60_000), (1_500, 1, 10)])
def test_sessions_of_clients_who_have_left_are_bounded_in_all(serve, clients, messages, size):
    limit = 4 if size > 1_000 else 1
    host = serve(ECHO.replace("KEPT", f"{limit}MiB"))
    last = None

    def one_after_the_other(count):
        nonlocal last
        for _ in range(count):
            with host.connect(compression=None) as connection:
                last = receive_json(connection)["session_id"]
                for number in range(messages):
                    connection.send(frame(number, "x" * size))
                    receive_json(connection)

    one_after_the_other(clients // 3)
    before = memory(host)
    one_after_the_other(clients - clients // 3)
    grown = memory(host) - before
    assert sum(kept(host).values()) <= limit * MIB and sum(kept(host, "stagecoach_kept_dropped_total").values()) > 0
    assert grown < 16 * MIB, f"{grown / MIB:.1f} MiB"
    # The last one is still there.
    with host.connect(f"session={last}&after=1", compression=None) as connection:
        assert receive_json(connection)["resumed"] is True
        assert receive_json(connection)["id"] == "c-0"


def test_messages_that_go_on_for_clients_who_have_left_are_bounded_too(serve, ai):
    host = serve(FLOW.replace("drain: 2s", "drain: 2s, limits: {kept: 1MiB}").replace("{hold: 60s}", "finish"),
                 env={"OPENAI_BASE_URL": ai.url}, ends_well=False)
    ai.usual = "hang"
    for _ in range(60):
        with host.connect(compression=None) as connection:
            receive_json(connection)
            for number in range(3):
                connection.send(frame(number, "x" * 10_000))
            assert connection.ping().wait(DEADLINE)
            connection.socket.shutdown(2)
    wait_until(lambda: kept(host, "stagecoach_kept_dropped_total")["messages"] > 30, "the oldest to go")
    assert kept(host)["messages"] <= MIB


@pytest.mark.memory
def test_messages_full_of_small_objects_count_by_what_they_take(serve, ai):
    """Parsed they take more than twenty times as much as they were."""
    host = serve(FLOW.replace("drain: 2s", "drain: 1s, limits: {kept: 8MiB}").replace("{hold: 60s}", "finish"),
                 env={"OPENAI_BASE_URL": ai.url}, ends_well=False)
    ai.usual = "hang"
    body = '{"prompt":"x","metadata":{"a":[' + ",".join(['{"a":[1]}'] * 5_900) + "]}}"
    with host.connect() as connection:
        receive_json(connection)
    before = memory(host)
    for _ in range(60):
        with host.connect(compression=None) as connection:
            receive_json(connection)
            connection.send(body)
            assert connection.ping().wait(DEADLINE)
            connection.socket.shutdown(2)
    wait_until(lambda: kept(host, "stagecoach_kept_dropped_total")["messages"] > 40, "the oldest to go")
    grown = memory(host) - before
    assert kept(host)["messages"] <= 8 * MIB and grown < 40 * MIB, f"{grown / MIB:.1f} MiB"


def cut_and_come_back(host, ai, after="&after=1"):
    """Leaves with a message in the model and another that waits; returns the session."""
    ai.script = ["gate"]
    with host.connect() as connection:
        session = receive_json(connection)["session_id"]
        connection.send(frame(1))
        assert ai.arrived.acquire(timeout=DEADLINE)
        connection.send(frame(2))
        assert connection.ping().wait(DEADLINE)
        connection.socket.shutdown(2)
    return session


@pytest.mark.parametrize("policy", ["{hold: 60s}", "finish"])
@pytest.mark.parametrize("numbers", [[1], [2], [2, 1]])
def test_who_comes_back_can_cancel_what_was_asked_before(flow, ai, policy, numbers):
    host = flow(policy)
    session = cut_and_come_back(host, ai)
    with host.connect(f"session={session}&after=1") as connection:
        greeting = receive_json(connection)
        for number in numbers:
            connection.send(cancel(number))
        if greeting.get("resumed"):
            if 1 not in numbers:
                ai.released.release()
            got = {answer["id"]: answer for answer in [receive_json(connection) for _ in range(2)]}
            for number in [1, 2]:
                assert (got[f"c-{number}"]["type"] == "error") == (number in numbers)
        assert connection.ping().wait(DEADLINE)
        wait_until(lambda: len(host.entries("cancelled")) == len(numbers), "the cancels")
    ai.released.release()
    assert len(host.wait_for_rows(2 - len(numbers))) == 2 - len(numbers)


@pytest.mark.parametrize("policy", ["finish", "cancel"])
@pytest.mark.parametrize("number", [1, 2])
def test_who_comes_back_can_cancel_what_was_asked_on_a_connection_that_is_not_seen_to_be_gone(flow, ai, policy, number):
    """Such as one whose network has changed: nothing tells the host, until it misses the answers to its pings."""
    host = flow(policy)
    ai.script = ["gate"]
    with host.connect() as first:
        session = receive_json(first)["session_id"]
        for sent in [1, 2]:
            first.send(frame(sent))
        assert ai.arrived.acquire(timeout=DEADLINE)
        assert first.ping().wait(DEADLINE)
        with host.connect(f"session={uuid.uuid4()}") as stranger, host.connect(f"session={session}") as second:
            stranger.send(cancel(3 - number))
            assert stranger.ping().wait(DEADLINE)
            second.send(cancel(number))
            wait_until(lambda: host.entries("cancelled"), "the cancel")
        ai.released.release()
        got = {answer["id"]: answer["type"] for answer in [receive_json(first) for _ in range(2)]}
        assert got == {f"c-{number}": "error", f"c-{3 - number}": "response"}
    assert len(host.wait_for_rows(1)) == 1


def test_who_takes_a_session_over_can_cancel_what_the_other_connection_asked(flow, ai):
    host = flow()
    ai.script = ["gate"]
    with host.connect() as first:
        session = receive_json(first)["session_id"]
        first.send(frame(1))
        assert ai.arrived.acquire(timeout=DEADLINE)
        with host.connect(f"session={session}&after=1") as second:
            second.send(cancel(1))
            assert receive_json(second)["resumed"] is True
            assert receive_json(second)["error"]["code"] == "cancelled"
            with pytest.raises(ConnectionClosed):
                receive_json(first)
    ai.released.release()


@pytest.mark.parametrize("leaves", [False, True])
@pytest.mark.parametrize("former, later", [("{hold: 60s}", "cancel"), ("{hold: 60s}", "finish"),
                                           ("cancel", "{hold: 60s}"), ("finish", "cancel")])
def test_every_id_is_answered_across_a_reload_of_what_becomes_of_messages(flow, ai, former, later, leaves):
    host = flow(former)
    ai.script = ["gate"]
    with host.connect() as connection:
        session = receive_json(connection)["session_id"]
        connection.send(frame(1))
        assert ai.arrived.acquire(timeout=DEADLINE)
        for number in [2, 3]:
            connection.send(frame(number))
        assert connection.ping().wait(DEADLINE)
        file = host.folder / "pipeline-0.yaml"
        file.write_text(file.read_text().replace(former, later))
        host.process.send_signal(signal.SIGHUP)
        wait_until(lambda: any("Reloaded" in line for line in host.log), "the reload")
        if leaves:
            connection.socket.shutdown(2)
        else:
            ai.released.release()
            assert [receive_json(connection)["id"] for _ in range(3)] == ["c-1", "c-2", "c-3"]
            return
    ai.released.release()
    with host.connect(f"session={session}&after=1") as connection:
        greeting = receive_json(connection)
        if former.startswith("{hold"):
            assert greeting["resumed"] is True
        else:
            for number in [1, 2, 3]:
                connection.send(frame(number))
        assert [receive_json(connection)["id"] for _ in range(3)] == ["c-1", "c-2", "c-3"]
