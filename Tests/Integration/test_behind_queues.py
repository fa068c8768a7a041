"""What stages behind a queue promise of each message: its session's order, its time, and that a drop is said."""

import contextlib
import json
import time
from datetime import datetime, timezone

import pytest

from conftest import DEADLINE, metrics, receive_json, wait_until

# Works on some messages longer than on others.
UNEVEN = """
import json, random, sys, time

for line in sys.stdin:
    request = json.loads(line)
    time.sleep(random.choice([0, 0, 0.02]))
    print(json.dumps({"id": request["id"], "fields": {"prompt": request["fields"]["prompt"]}}), flush=True)
"""
FLOW = """
pipeline: flow
resources:
  model: echo
  database: {sqlite: {path: data/stagecoach.db, busy_timeout: 60s}}
  outbox: {disk: {path: data/outbox.db}}
stages:
  - receive: {format: json}
  - complete
  - background:
      stages: [{exec: {command: [python3, uneven.py], processes: 4}}, persist]
      workers: 4
      # queue
  - respond
"""


def stored(host):
    """The prompts in the order in which their rows were written, which `created_at` does not show."""
    with host.database() as database:
        return [prompt for prompt, in database.execute("select prompt from requests order by rowid")]


@pytest.mark.parametrize("queue", ["# queue", "queue: outbox"])
def test_several_workers_keep_the_order_of_each_session(serve, tmp_path, queue):
    (tmp_path / "uneven.py").write_text(UNEVEN)
    host = serve(FLOW.replace("# queue", queue))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(host.connect()) for _ in range(6)]
        for number in range(40):
            for index, client in enumerate(clients):
                client.send(json.dumps({"prompt": f"{index} {number}"}))
        for client in clients:
            for _ in range(41):
                receive_json(client)
    host.wait_for_rows(240)
    rows = [tuple(map(int, prompt.split())) for prompt in stored(host)]
    for index in range(6):
        assert [number for client, number in rows if client == index] == list(range(40))
    assert rows != sorted(rows, key=lambda row: row[0]) and len(rows) == 240


PERSIST = FLOW[: FLOW.index("  - background")] + "  - persist:\n    async: {capacity: 3, when_full: drop}\n  - respond\n"


def test_what_is_dropped_is_counted_and_logged_and_a_rows_time_is_that_of_its_receipt(serve):
    host = serve(PERSIST)
    with host.connect() as client:
        receive_json(client)
        lock = host.database()
        lock.isolation_level = None
        lock.execute("begin immediate")
        for number in range(8):
            client.send(json.dumps({"prompt": str(number)}))
            assert receive_json(client)["response"] == str(number)
        received = datetime.now(timezone.utc)
        time.sleep(0.5)  # so that storing is later than receiving
        lock.rollback()
        lock.close()
        rows = host.wait_for_rows(3)
    assert [row["prompt"] for row in rows] == ["0", "1", "2"]
    assert all(datetime.fromisoformat(row["created_at"]) <= received for row in rows)
    assert 'stagecoach_queue_dropped_total{pipeline="flow",stage="persist"} 5' in metrics(host)
    assert len(wait_until(lambda: host.entries("busy"), "the entries")) == 5


def test_an_error_that_is_let_pass_is_logged_and_counted_and_the_message_goes_on(serve):
    host = serve("pipeline: p\nresources: {m: echo, bad: {echo: {fail: [model_unavailable]}}}\nstages:\n"
                 "  - receive: {format: json}\n  - complete: {resource: bad}\n    label: first\n    on_error: continue\n"
                 "  - complete: {resource: m}\n  - respond\n")
    with host.connect() as client:
        receive_json(client)
        client.send(json.dumps({"prompt": "x"}))
        assert receive_json(client)["response"] == "x"
    entry, = wait_until(lambda: host.entries("model_unavailable"), "the entry")
    assert entry["stage"] == "first"
    assert 'stagecoach_stage_errors_total{pipeline="p",stage="first",code="model_unavailable"} 1' in metrics(host)


def test_each_wait_before_another_attempt_is_about_twice_the_one_before(serve):
    host = serve("pipeline: p\nresources: {m: {echo: {fail: [model_unavailable]}}}\nstages:\n  - receive: {format: json}\n"
                 "  - complete:\n    retry: {attempts: 5, backoff: 200ms, max_backoff: 600ms}\n  - respond\n")
    with host.connect() as client:
        receive_json(client)
        began = time.monotonic()
        client.send(json.dumps({"prompt": "x"}))
        assert receive_json(client)["error"]["code"] == "model_unavailable"
        took = time.monotonic() - began
    # 0.2, 0.4, 0.6 and 0.6 s, each less up to a quarter.
    assert 0.75 * 1.8 <= took <= 1.8 + 0.1 * DEADLINE
