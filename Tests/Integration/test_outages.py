"""What is said and kept while a database does not answer, beside deadlines, bounds, reloads and stops."""

import json
import signal
import sqlite3
import time
import urllib.error
import urllib.request

import pytest

from conftest import DEADLINE, memory, metrics, receive_json, wait_until, waiting
from test_queues import DURABLE, LOCKABLE, the_database_locked


def ready(host):
    try:
        with urllib.request.urlopen(f"{host.http}/readyz", timeout=DEADLINE) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


# -- deadlines

TIMED = {
    "disk": DURABLE.replace("- persist:", "- persist: {}\n    timeout: 300ms"),
    "memory": DURABLE.replace("- persist:", "- persist: {}\n    timeout: 300ms").replace("{queue: outbox}", "true"),
    "group": DURABLE.replace("- persist:\n    async: {queue: outbox}", "- background: {queue: outbox, stages: [persist]}\n    timeout: 300ms"),
    "retried": DURABLE.replace("- persist:", "- persist: {}\n    timeout: 300ms\n    retry: {attempts: 2, backoff: 10ms}"),
}


@pytest.mark.parametrize("name", TIMED)
def test_a_deadline_that_passes_while_the_database_does_not_answer_loses_nothing(serve, run, name):
    host = serve(TIMED[name])
    with the_database_locked(host) as connection:
        for number in range(6):
            connection.send(json.dumps({"prompt": str(number)}))
            assert receive_json(connection)["type"] == "response"
        time.sleep(2)  # several deadlines pass
        assert waiting(host) == 6
    assert [row["prompt"] for row in host.wait_for_rows(7)] == ["before", *map(str, range(6))]
    assert not any("failed for good" in line for line in host.log)


def test_a_deadline_of_a_stage_that_stores_nothing_is_an_attempt_and_then_a_dead_letter(serve, run):

    text = DURABLE.replace(
        "- persist:", "- exec: {command: [sleep, '60']}\n    label: slow\n    timeout: 200ms\n"
        "    retry: {attempts: 2, backoff: 10ms}").replace("queue: outbox", "queue: outbox, dead_letter: data/dead.jsonl")
    host = serve(text, ends_well=False)
    with host.connect() as connection:
        receive_json(connection)
        connection.send(json.dumps({"prompt": "x"}))
        assert receive_json(connection)["type"] == "response"
    path = host.folder / "data/dead.jsonl"
    wait_until(path.exists, "the dead letter")
    [letter] = map(json.loads, path.read_text().splitlines())
    assert letter["step"] == "slow" and letter["error"]["code"] == "timeout"
    words = run("explain", host.folder / "pipeline-0.yaml").stdout
    assert "slow: a run that takes longer than 200ms is one of the 2 attempts of 'retry'" in words


def test_explain_says_that_a_deadline_of_a_stage_that_stores_is_an_outage(run, tmp_path):
    (tmp_path / "p.yaml").write_text(TIMED["disk"])
    words = run("explain", tmp_path / "p.yaml").stdout
    assert "persist: a run that takes longer than 300ms is an outage of where it stores" in words
    assert "on disk, synced" in words


# -- bounds

# 60 KB on the wire that take many times as much once they are read.
SMALL_OBJECTS = {"k": [{"a": number % 10} for number in range(5_400)]}


def taken(connection, most, metadata):
    """How many messages are answered until the queue is full."""
    for number in range(most):
        connection.send(json.dumps({"prompt": str(number), "metadata": metadata}, separators=(",", ":")))
        answer = receive_json(connection)
        if answer["type"] == "error":
            assert answer["error"]["code"] == "busy"
            return number
    return most


def test_every_byte_of_a_message_counts_against_the_size_of_its_queue(serve):
    text = LOCKABLE.replace("outbox.db}", "outbox.db, size: 1MiB}").replace("queue: outbox", "queue: outbox, when_full: reject")
    host = serve(text)
    with the_database_locked(host) as connection:
        assert 10 <= taken(connection, 100, {"k": "x" * 60_000}) <= 17
        size = sum(path.stat().st_size for path in (host.folder / "data").glob("outbox.db*"))
        assert size < 6 << 20, "the queue's files, its log included"
    wait_until(lambda: waiting(host) == 0, "the queue to be empty")
    with host.connect() as connection:
        receive_json(connection)
        assert taken(connection, 5, {"k": "x" * 60_000}) == 5


@pytest.mark.memory
@pytest.mark.parametrize("text, most", [
    (LOCKABLE.replace("outbox.db}", "outbox.db, size: 64MiB}"), 400),
    (LOCKABLE.replace("{queue: outbox}", "{when_full: reject}"), 400)], ids=["disk", "memory"])
def test_what_waits_takes_a_bounded_part_of_memory(serve, text, most):
    host = serve(text)
    with the_database_locked(host) as connection:
        before = memory(host)
        number = taken(connection, most, SMALL_OBJECTS)
        assert number < 100 if "reject" in text else number == most
        assert memory(host) - before < 96 << 20
        assert waiting(host) == number
    wait_until(lambda: waiting(host) == 0, "the queue to be empty", deadline=3 * DEADLINE)
    assert [row["prompt"] for row in host.rows()] == ["before", *map(str, range(number))]


# -- reading back

def test_what_can_not_be_read_back_is_said_and_tried_again(serve):
    """A renamed column stands in for a disk that can't read: counting works, reading does not."""
    host = serve(LOCKABLE)
    with the_database_locked(host) as connection:
        total = taken(connection, 340, {"k": "x" * 60_000})
        assert total == 340 and waiting(host) == 340
        with sqlite3.connect(host.folder / "data/outbox.db", timeout=DEADLINE) as queue:
            queue.execute("ALTER TABLE messages RENAME COLUMN metadata TO gone")
    wait_until(lambda: ready(host) == 503 and any("the queue can't be read" in line for line in host.log), "the failure")
    assert 0 < waiting(host) < 340
    with sqlite3.connect(host.folder / "data/outbox.db", timeout=DEADLINE) as queue:
        queue.execute("ALTER TABLE messages RENAME COLUMN gone TO metadata")
    wait_until(lambda: waiting(host) == 0, "the rest to be read", deadline=3 * DEADLINE)
    assert ready(host) == 200 and any("The queue can be read again" in line for line in host.log)
    assert [row["prompt"] for row in host.rows()] == ["before", *map(str, range(340))]


@pytest.mark.preload
def test_a_disk_that_can_not_be_read_after_a_restart_is_said_and_read_again(serve, library):
    """SQLite takes an error of the disk (EIO) for a file that is spoiled; it is not taken at its word."""
    host = serve(LOCKABLE, ends_well=False)
    with the_database_locked(host) as connection:
        assert taken(connection, 340, {"k": "x" * 60_000}) == 340
        host.process.kill()
        host.process.wait()
        flag = host.folder / "reads-fail"
        bad = {"LD_PRELOAD": library("badread"), "BADREAD_FILE": "/data/outbox.db", "BADREAD_WHILE": str(flag)}
        host = serve(LOCKABLE, env=bad)
        assert waiting(host) == 340
        flag.touch()
    wait_until(lambda: ready(host) == 503 and any("the queue can't be read" in line for line in host.log), "the failure")
    assert waiting(host) > 0
    flag.unlink()
    wait_until(lambda: waiting(host) == 0, "the rest to be read", deadline=3 * DEADLINE)
    assert ready(host) == 200 and any("The queue can be read again" in line for line in host.log)
    assert [row["prompt"] for row in host.rows()] == ["before", *map(str, range(340))]


def test_rows_of_a_queue_that_can_not_be_read_stay_there_and_keep_nobody_out(serve):
    host = serve(LOCKABLE)
    with the_database_locked(host) as connection:
        for prompt in ["first", "odd", "broken", "last"]:
            connection.send(json.dumps({"prompt": prompt, "metadata": {"k": 1}}))
            assert receive_json(connection)["type"] == "response"
        assert host.stop() == 0
    with sqlite3.connect(host.folder / "data/outbox.db") as queue:
        queue.execute("update messages set username = x'00ff', size = x'01' where prompt = 'odd'")
        queue.execute("update messages set metadata = '{\"k\":', received_at = 9223372036854775807 where prompt = 'broken'")
    host = serve(LOCKABLE)
    assert [row["prompt"] for row in host.wait_for_rows(3)] == ["before", "first", "last"]
    wait_until(lambda: waiting(host) == 0, "the queue")
    said = [line for line in host.log if "can't be read" in line]
    assert len(said) == 1 and "2 messages" in said[0] and "outbox.db" in said[0]
    assert 'stagecoach_queue_unreadable{pipeline="durable",stage="persist"} 2' in metrics(host)
    assert host.stop() == 0
    with sqlite3.connect(host.folder / "data/outbox.db") as queue:
        assert queue.execute("select prompt from messages order by ticket").fetchall() == [("odd",), ("broken",)]


# -- reloads and stops

@pytest.mark.parametrize("old, new", [("data/outbox.db", "data/other.db"), ("- persist:", "- persist: {}\n    label: store")],
                         ids=["path", "label"])
def test_messages_that_a_reload_in_an_outage_leaves_behind_are_named_with_the_way_back(serve, old, new):
    host = serve(LOCKABLE)
    file = host.folder / "pipeline-0.yaml"
    with the_database_locked(host) as connection:
        for number in range(3):
            connection.send(json.dumps({"prompt": str(number)}))
            assert receive_json(connection)["type"] == "response"
        file.write_text(LOCKABLE.replace(old, new))
        host.process.send_signal(signal.SIGHUP)
        said = wait_until(lambda: [line for line in host.log if "3 messages stay in the queue" in line], "what is left")
        assert "data/outbox.db" in said[0] and "'persist'" in said[0]
    file.write_text(LOCKABLE)
    host.process.send_signal(signal.SIGHUP)
    assert [row["prompt"] for row in host.wait_for_rows(4)] == ["before", "0", "1", "2"]


def test_a_start_names_the_file_and_the_label_of_what_nobody_works_on(serve):
    host = serve(LOCKABLE)
    with the_database_locked(host) as connection:
        connection.send(json.dumps({"prompt": "waits"}))
        assert receive_json(connection)["type"] == "response"
        assert host.stop() == 0
    host = serve(LOCKABLE.replace("- persist:", "- persist: {}\n    label: store"))
    said = wait_until(lambda: [line for line in host.log if "1 messages wait for a stage" in line], "the warning")
    assert "data/outbox.db" in said[0] and "'persist'" in said[0]


STOPPED = {
    "disk": DURABLE, "memory": DURABLE.replace("{queue: outbox}", "true"),
    "first": DURABLE.replace("    async: {queue: outbox}\n", "").replace("- persist:", "- persist"),
}


@pytest.mark.parametrize("name", STOPPED)
def test_a_stop_takes_no_longer_than_drain_while_another_program_has_the_database(serve, name):
    text = STOPPED[name].replace("stagecoach.db}", "stagecoach.db, busy_timeout: 20s}") + "host: {drain: 2s}\n"
    host = serve(text, ends_well=False)
    with host.connect() as connection:
        receive_json(connection)
        connection.send(json.dumps({"prompt": "before"}))
        receive_json(connection)
        host.wait_for_rows(1)
        with sqlite3.connect(host.folder / "data/stagecoach.db", timeout=DEADLINE, isolation_level=None) as lock:
            lock.execute("begin exclusive")
            connection.send(json.dumps({"prompt": "waits"}))
            if name == "first":
                time.sleep(0.3)
            else:
                assert receive_json(connection)["type"] == "response"
            began = time.monotonic()
            code = host.stop()
            took = time.monotonic() - began
            lock.execute("rollback")
    assert took < 0.6 * DEADLINE, "20 s is how long the database is waited for"
    assert code == (0 if name == "disk" else 1), host.log
    left = {"disk": "1 messages stay in the queue", "memory": "1 messages waiting; they are lost", "first": "1"}[name]
    assert any(left in line for line in host.log), host.log
