"""What NATS keeps of sessions that several hosts share: how much, for how long, and what happens when there is no more room."""

import json

import pytest

from conftest import receive_json, wait_until

FLOW = """
pipeline: flow
resources:
  model: echo
  outbox: {nats: {url: "${NATS_URL}", size: 64MiB}}
stages:
  - receive: {format: json, on_disconnect: {hold: 60s, shared: outbox}}
  - complete
  - respond
"""
RECORDS, LEFT = "KV_stagecoach-sessions-flow", "KV_stagecoach-left-flow"


@pytest.fixture
def wire(nats):
    with nats.client() as wire:
        yield wire


@pytest.fixture
def hosts(serve, nats):
    return lambda count=2: [serve(FLOW, env={"NATS_URL": nats.url}) for _ in range(count)]


def talk(host, prompt="hello", count=1):
    """A session with some answers."""
    with host.connect() as connection:
        session = receive_json(connection)["session_id"]
        for number in range(count):
            connection.send(json.dumps({"prompt": prompt, "id": f"c-{number}"}))
            assert receive_json(connection)["response"] == prompt
    return session


def go_on(host, session, seen=1):
    with host.connect(f"session={session}&after={seen}", max_queue=None) as connection:
        greeting = receive_json(connection)
        return receive_json(connection)["response"] if greeting.get("resumed") else None


def is_there(wire, name):
    return "config" in wire.stream(name)


def test_what_is_kept_of_sessions_has_a_bound_and_an_age(hosts, wire):
    left, right = hosts()
    session = talk(left, "long " * 10_000)
    wait_until(lambda: is_there(wire, RECORDS), "the record of the session")
    records = wire.stream(RECORDS)["config"]
    assert 16 << 20 <= records["max_bytes"] <= 256 << 20 and records["discard"] == "old"
    assert records["max_age"] == (2 * 3600 + 60) * 10**9
    left.stop()
    wait_until(lambda: is_there(wire, LEFT), "what the host has left")
    assert wire.stream(LEFT)["config"]["max_age"] == 120 * 10**9
    assert 16 << 20 <= wire.stream(LEFT)["config"]["max_bytes"] <= 256 << 20
    assert wire.stream(LEFT)["state"]["bytes"] > 40_000 > 1_000 > len(wire.stored(RECORDS)[-1]["payload"])
    assert go_on(right, session) == "long " * 10_000
    wait_until(lambda: wire.stream(LEFT)["state"]["bytes"] < 1_000, "what was left to be gone once it was taken")


def test_a_bucket_of_a_version_before_gets_its_bound_and_keeps_what_others_have_set(hosts, wire):
    made = wire.call(f"STREAM.CREATE.{RECORDS}", name=RECORDS, subjects=["$KV.stagecoach-sessions-flow.>"],
                     retention="limits", storage="file", num_replicas=1, max_msgs_per_subject=1, discard="new",
                     max_age=7 * 86_400 * 10**9, duplicate_window=10**9, allow_direct=True, description="ours")
    assert "error" not in made
    left, right = hosts()
    assert go_on(right, talk(left)) == "hello"
    config = wire.stream(RECORDS)["config"]
    assert config["max_bytes"] > 0 and config["discard"] == "old" and config["max_age"] == (2 * 3600 + 60) * 10**9
    assert config["description"] == "ours"


def test_where_there_is_no_more_room_the_oldest_records_give_way(hosts, wire):
    left, right = hosts()
    oldest = talk(left)
    wait_until(lambda: is_there(wire, RECORDS), "the record of the session")
    changed = wire.call(f"STREAM.UPDATE.{RECORDS}", **wire.stream(RECORDS)["config"] | {"max_bytes": 3_000})
    assert "error" not in changed
    sessions = [talk(left, f"hello {number}") for number in range(30)]
    wait_until(lambda: wire.count(RECORDS) < 30, "the oldest to give way")
    assert wire.stream(RECORDS)["state"]["bytes"] <= 3_000
    # The newest move; the oldest is known where it is, and there alone.
    assert go_on(right, sessions[-1]) == "hello 29"
    assert go_on(left, oldest) == "hello"
    with right.connect(f"session={sessions[0]}&after=1") as connection:
        assert "resumed" not in receive_json(connection)
