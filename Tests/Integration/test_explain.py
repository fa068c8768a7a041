"""What `explain` says is what happens: the longest wait is not passed, and no more is lost than it says."""

import json
import re
import signal
import sqlite3
import time

import pytest

from conftest import DEADLINE, receive_json

PATIENT = """
pipeline: patient
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: k}}
  spare: {openai: {url: "${OPENAI_BASE_URL}", key: k}}
stages:
  - receive: {format: json}
  - complete: {resource: model, timeout: 600ms}
    retry: {attempts: 2, backoff: 50ms, max_backoff: 1s}
    on_error:
      - complete: {resource: spare, timeout: 700ms}
        label: instead
  - respond
"""
STORED = """
pipeline: stored
resources:
  model: echo
  database: {sqlite: {path: data/stagecoach.db, busy_timeout: 60s}}
stages:
  - receive: {format: json, concurrency: 20}
  - complete
  - persist:
    async: {capacity: 7}
  - respond
"""


def longest_wait(run, file, env=None):
    """In seconds, as `explain` has it."""
    text = run("explain", file, env=env).stdout
    number, unit = re.search(r"The longest a client waits.*\n +(\d+)(ms|s|m)\n", text).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60}[unit]


def test_the_longest_wait_holds_with_attempts_pauses_that_an_api_asks_for_and_other_stages(serve, run, ai):
    env = {"OPENAI_BASE_URL": ai.url}
    host = serve(PATIENT, env=env)
    longest = longest_wait(run, host.folder / "pipeline-0.yaml", env)
    assert longest == pytest.approx(2 * 0.6 + 1 + 0.7)
    ai.after, ai.script = {"Retry-After": "0.9"}, ["429_after", "hang", "hang"]
    with host.connect() as connection:
        receive_json(connection)
        began = time.monotonic()
        connection.send(json.dumps({"prompt": "x"}))
        assert receive_json(connection)["error"]["code"] == "model_timeout"
        took = time.monotonic() - began
    # Nothing but these waits: 0.9 s before the second call, which has 0.6 s, and 0.7 s for the other model.
    assert 2.2 <= took <= longest + 0.1 * DEADLINE


def test_a_killed_process_loses_no_more_than_the_queue_in_memory_holds(serve, run):
    host = serve(STORED, ends_well=False)
    said = run("explain", host.folder / "pipeline-0.yaml").stdout
    assert "what waits (at most 7 messages) is lost when the process is killed" in said
    assert "a full queue makes the client wait" in said
    lock = sqlite3.connect(host.folder / "data/stagecoach.db", timeout=DEADLINE)
    lock.execute("begin immediate")
    with host.connect() as connection:
        receive_json(connection)
        for number in range(20):
            connection.send(json.dumps({"prompt": str(number)}))
        assert [receive_json(connection)["response"] for _ in range(7)] == [str(number) for number in range(7)]
        with pytest.raises(TimeoutError):
            connection.recv(timeout=0.5)
        host.stop(signal.SIGKILL)
    lock.rollback()
    lock.close()
    assert host.rows() == []
