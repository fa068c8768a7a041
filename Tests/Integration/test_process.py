"""What the machine does to the process: a wall clock that is set, and a death at any write."""

import json
import struct
import time

import pytest
from websockets.exceptions import ConnectionClosed

from conftest import DEADLINE, receive, receive_json, wait_until, waiting
from test_queues import DURABLE, Talker

# A sanitizer's own library must be the first that is loaded.
pytestmark = pytest.mark.preload


CLOCKED = """
pipeline: clocked
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: k}}
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive: {format: json}
  - complete: {timeout: 1s}
  - persist: {}
    async: true
  - respond
host: {limits: {idle: 2s}}
"""


@pytest.mark.parametrize("hours", [1, -1])
def test_deadlines_are_what_they_were_when_the_wall_clock_is_set(serve, ai, tmp_path, library, hours):
    clock = tmp_path / "clock"
    clock.write_bytes(struct.pack("q", 0))
    host = serve(CLOCKED, env={
        "OPENAI_BASE_URL": ai.url, "LD_PRELOAD": library("wallclock"), "WALLCLOCK_FILE": str(clock)})
    with host.connect() as client:
        receive_json(client)
        client.send(json.dumps({"prompt": "before"}))
        assert receive_json(client)["response"] == "before" and ai.arrived.acquire(timeout=DEADLINE)
        ai.script = ["hang"]
        begin = time.monotonic()
        client.send(json.dumps({"prompt": "late"}))
        assert ai.arrived.acquire(timeout=DEADLINE)
        with clock.open("r+b") as file:
            file.write(struct.pack("q", hours * 3600))
        assert receive_json(client)["error"]["code"] == "model_timeout"
        assert time.monotonic() - begin >= 0.9
        client.send(json.dumps({"prompt": "after"}))
        assert receive_json(client)["response"] == "after"
        begin = time.monotonic()
        with pytest.raises(ConnectionClosed) as closed:
            receive(client)
        assert closed.value.rcvd.code == 1000 and time.monotonic() - begin >= 1.9
    before, after = (row["created_at"] for row in sorted(host.wait_for_rows(2), key=lambda row: row["prompt"] == "after"))
    assert abs(hour(after) - hour(before)) in (1, 23), "the clock was not set"


def hour(text):
    return int(text[11:13])


# Starting makes some forty calls, the messages about a hundred, and stopping a few dozen.
POINTS = [1, 2, 3, 5, 8, 13, 21, 28, 34, *range(41, 200, 5)]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_process_that_dies_at_any_write_loses_nothing_and_starts_again(serve, library, after):
    answered, deaths = [], 0
    for point in POINTS:
        env = {"LD_PRELOAD": library("failpoint"), "FAILPOINT_FILE": "/data/", "FAILPOINT_AT": str(point)}
        try:
            host = serve(DURABLE, env=env | ({"FAILPOINT_AFTER": "1"} if after else {}), ends_well=False)
        except pytest.fail.Exception:
            deaths += 1
            continue
        talkers = [Talker(host, f"{point}-{index}", most=5) for index in range(4)]
        for talker in talkers:
            talker.start()
        for talker in talkers:
            talker.join(timeout=DEADLINE)
            answered += talker.answered
        deaths += host.stop() == -9
    host = serve(DURABLE)
    wait_until(lambda: waiting(host) == 0, "the queue to be empty")
    rows = {row["id"]: (row["session_id"], row["prompt"]) for row in host.rows()}
    assert len(rows) == len(host.rows())
    lost = [entry for entry in answered if rows.get(entry[0]) != entry[1:]]
    assert not lost, f"{len(lost)} of {len(answered)} answered messages are lost or changed"
    assert deaths > len(POINTS) / 2 and answered
