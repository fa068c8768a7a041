"""What waits on a connection stays as it came, and is bounded in bytes."""

import contextlib
import json
import socket
import time

import pytest
from websockets.exceptions import ConnectionClosed

from conftest import memory, receive_json

FLOW = """
pipeline: flow
host: {compression: true, drain: 1s}
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: sk-canary-1234567890}}
stages:
  - receive: {format: json, concurrency: 1}
  - complete: {timeout: 60s}
  - respond
"""
# 60 KB that parsed take more than twenty times as much.
OBJECTS = ",".join(['{"a":[1]}'] * 5_900)
MIB = 1 << 20


@pytest.fixture
def host(serve, ai):
    return serve(FLOW, env={"OPENAI_BASE_URL": ai.url}, ends_well=False)


def frame(number, **more):
    return json.dumps({"prompt": f"p-{number}", "id": f"c-{number}", **more})


def objects(number):
    return f'{{"prompt":"p-{number}","id":"c-{number}","metadata":{{"a":[{OBJECTS}]}}}}'


def flood(connection, count=64):
    """Sends as long as the host takes it."""
    connection.socket.settimeout(0.5)
    try:
        for number in range(count):
            connection.send(objects(number))
    except (TimeoutError, OSError, ConnectionClosed):
        pass


@pytest.mark.memory
@pytest.mark.parametrize("concurrency, compression", [(1, None), (1, "deflate"), (16, None)])
def test_frames_full_of_small_objects_wait_as_they_came(serve, ai, concurrency, compression):
    host = serve(FLOW.replace("concurrency: 1", f"concurrency: {concurrency}"), env={"OPENAI_BASE_URL": ai.url},
                 ends_well=False)
    ai.script = ["hang"] * 400
    with host.connect(compression=None) as first:
        receive_json(first)
    before = memory(host)
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(contextlib.suppress(OSError, ConnectionClosed))
            client = stack.enter_context(host.connect(compression=compression, ping_interval=None))
            stack.callback(client.socket.shutdown, socket.SHUT_RDWR)
            flood(client)
        time.sleep(0.5)
        grown = memory(host) - before
    # On each connection 256 KiB as they came, one or those of them that are worked on parsed, and what was read ahead.
    assert grown < 8 * 4 * MIB, f"{grown / MIB:.1f} MiB"


def test_reading_stops_at_the_bytes_that_wait_and_goes_on_with_each_answer(host, ai):
    ai.script = ["gate"] * 12
    with host.connect(compression=None, ping_interval=None) as connection:
        receive_json(connection)
        for number in range(12):
            connection.send(frame(number, metadata={"text": "x" * 60_000}))
        for number in range(12):
            assert ai.arrived.acquire(timeout=10)
            ai.released.release()
            assert receive_json(connection)["id"] == f"c-{number}"


def test_a_message_that_waits_is_cancelled_and_bad_ones_are_told_in_their_turn(host, ai):
    ai.script = ["gate"]
    with host.connect() as connection:
        receive_json(connection)
        connection.send(frame(0))
        assert ai.arrived.acquire(timeout=10)
        connection.send("no JSON")
        connection.send(frame(1, username=7))
        connection.send(frame(2))
        connection.send(frame(3))
        connection.send('{"type":"cancel","id":"c-2"}')
        assert connection.ping().wait(10)  # the host has read what came before
        ai.released.release()
        got = [receive_json(connection) for _ in range(5)]
    assert [answer.get("id") for answer in got] == ["c-0", None, "c-1", "c-2", "c-3"]
    assert [answer.get("error", {}).get("code") for answer in got] == [
        None, "invalid_json", "invalid_message", "cancelled", None]
    assert [call["body"]["messages"][-1]["content"] for call in ai.calls] == ["p-0", "p-3"]


def test_a_message_that_comes_again_while_the_first_waits_is_answered_once(host, ai):
    ai.script = ["gate"]
    with host.connect() as connection:
        receive_json(connection)
        connection.send(frame(0))
        assert ai.arrived.acquire(timeout=10)
        for number in [0, 1, 1, 2, 1]:
            connection.send(frame(number))
        assert connection.ping().wait(10)
        ai.released.release()
        assert [receive_json(connection)["id"] for _ in range(3)] == ["c-0", "c-1", "c-2"]
    assert len(ai.calls) == 3
