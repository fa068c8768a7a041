"""Asynchronous delivery: what queues promise, tried by killing, stopping and breaking things."""

import contextlib
import json
import os
import random
import resource
import signal
import sqlite3
import threading
import time

import pytest
from websockets.exceptions import WebSocketException

from conftest import DEADLINE, receive_json, wait_until, waiting

DURABLE = """
pipeline: durable
resources:
  model: echo
  database: {sqlite: {path: data/stagecoach.db}}
  outbox: {disk: {path: data/outbox.db}}
stages:
  - receive: {format: json}
  - validate: {resources: [model]}
  - complete
  - persist:
    async: {queue: outbox}
  - respond
"""
LOCKABLE = DURABLE.replace("stagecoach.db}", "stagecoach.db, busy_timeout: 100ms}")


class Talker(threading.Thread):
    """A client that sends one prompt after the other and notes what was answered, until the connection breaks."""

    def __init__(self, host, name, most=1_000_000):
        super().__init__(daemon=True)
        self.host, self.label, self.most, self.answered = host, name, most, []

    def run(self):
        try:
            with self.host.connect() as connection:
                session = receive_json(connection)["session_id"]
                for number in range(self.most):
                    prompt = f"{self.label}/{number}"
                    connection.send(json.dumps({"prompt": prompt}))
                    answer = receive_json(connection)
                    if answer["type"] == "response":
                        self.answered.append((answer["message_id"], session, prompt))
        except (WebSocketException, OSError, TimeoutError):
            pass


@contextlib.contextmanager
def the_database_locked(host, first="before"):
    """A client whose first message is stored; from then on nothing can be stored."""
    with host.connect() as connection:
        receive_json(connection)
        connection.send(json.dumps({"prompt": first}))
        receive_json(connection)
        host.wait_for_rows(1)
        with sqlite3.connect(host.folder / "data" / "stagecoach.db", timeout=DEADLINE) as lock:
            lock.execute("begin exclusive")
            yield connection
            lock.rollback()


def test_every_answer_that_a_client_received_is_stored_exactly_once_after_kill_9(serve):
    rounds = int(os.environ.get("KILL_ROUNDS", "12"))
    answered = []
    chance = random.Random(4)
    for round in range(rounds):
        host = serve(DURABLE, ends_well=False)
        talkers = [Talker(host, f"{round}-{index}") for index in range(8)]
        for talker in talkers:
            talker.start()
        wait_until(lambda: all(talker.answered for talker in talkers), "the first answers")
        time.sleep(chance.uniform(0, 0.3))  # the instant of the kill is what varies
        host.process.send_signal(signal.SIGKILL)
        host.process.wait()
        for talker in talkers:
            talker.join(timeout=DEADLINE)
            answered += talker.answered
    host = serve(DURABLE)
    wait_until(lambda: waiting(host) == 0, "the queue to be empty", deadline=30)
    rows = {row["id"]: row for row in host.rows()}
    lost = [entry for entry in answered if entry[0] not in rows]
    assert not lost, f"{len(lost)} of {len(answered)} answered messages are lost"
    assert all(rows[id]["session_id"] == session and rows[id]["prompt"] == prompt for id, session, prompt in answered)
    for talker in {session for _, session, _ in answered}:
        numbers = [int(row["prompt"].split("/")[1]) for row in host.rows() if row["session_id"] == talker]
        assert numbers == sorted(numbers)
    assert len(answered) > rounds * 8


def test_a_locked_database_delays_no_answer_and_loses_no_row(serve):
    host = serve(LOCKABLE)
    with the_database_locked(host) as connection:
        began = time.monotonic()
        for number in range(200):
            connection.send(json.dumps({"prompt": str(number)}))
            assert receive_json(connection)["type"] == "response"
        assert time.monotonic() - began < DEADLINE
        assert waiting(host) == 200
    rows = host.wait_for_rows(201)
    assert [row["prompt"] for row in rows] == ["before", *map(str, range(200))]


def test_what_waits_while_the_database_is_down_outlives_a_stop_and_is_stored_later(serve):
    host = serve(LOCKABLE)
    with the_database_locked(host) as connection:
        for number in range(50):
            connection.send(json.dumps({"prompt": str(number)}))
            assert receive_json(connection)["type"] == "response"
        began = time.monotonic()
        assert host.stop() == 0, host.log
        assert time.monotonic() - began < DEADLINE, "a queue on disk need not be flushed"
    assert any("stay in the queue" in line for line in host.log)
    again = serve(LOCKABLE)
    assert [row["prompt"] for row in again.wait_for_rows(51)] == ["before", *map(str, range(50))]


def leave_one_waiting(serve):
    """A host that was stopped when a message could not be stored."""
    host = serve(LOCKABLE)
    with the_database_locked(host) as connection:
        connection.send(json.dumps({"prompt": "waits"}))
        assert receive_json(connection)["type"] == "response"
        assert host.stop() == 0, host.log
    return host


def test_what_waits_for_a_stage_that_is_not_there_any_more_is_named_and_kept(serve):
    leave_one_waiting(serve)
    for text in [LOCKABLE.replace("persist:", "persist: {}\n    label: store"), LOCKABLE.replace("{queue: outbox}", "true")]:
        host = serve(text)
        wait_until(lambda: any("1 messages wait for a stage" in line for line in host.log), "the warning")
        assert host.stop() == 0
    host = serve(LOCKABLE)
    assert [row["prompt"] for row in host.wait_for_rows(2)] == ["before", "waits"]


def test_a_queue_of_an_earlier_version_is_worked_off(serve):
    host = leave_one_waiting(serve)
    [file] = host.folder.glob("**/outbox.db")
    with sqlite3.connect(file) as queue:
        queue.execute("ALTER TABLE messages DROP COLUMN trace")
    host = serve(LOCKABLE)
    assert [row["prompt"] for row in host.wait_for_rows(2)] == ["before", "waits"]


def test_a_backlog_beyond_what_is_held_in_memory_comes_in_order(serve):
    """12,000 messages: more than the window of 10,000 that a disk queue keeps in memory."""
    host = serve(LOCKABLE)
    total = 12_000
    with the_database_locked(host, first="-1") as connection:
        sent = 0
        for received in range(total):
            while sent < total and sent - received < 60:
                connection.send(json.dumps({"prompt": str(sent)}))
                sent += 1
            assert receive_json(connection)["type"] == "response"
        assert waiting(host) == total
    wait_until(lambda: waiting(host) == 0, "the backlog to drain", deadline=60)
    assert [row["prompt"] for row in host.rows()] == [str(number) for number in range(-1, total)]


def test_two_hosts_do_not_share_a_queue_and_the_second_says_who_has_it(serve, run, tmp_path):
    host = serve(DURABLE)
    result = run("serve", tmp_path / "pipeline-0.yaml", "--port", "0")
    assert result.returncode == 1
    assert f"is in use by process {host.process.pid}" in result.stderr


def test_a_file_that_is_no_queue_stops_the_host_with_what_to_do(run, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/outbox.db").write_bytes(b"this is no database at all, " * 200)
    (tmp_path / "p.yaml").write_text(DURABLE)
    result = run("serve", tmp_path / "p.yaml", "--port", "0")
    assert result.returncode == 1
    assert "the queue 'data/outbox.db' can't be opened" in result.stderr and "name another file" in result.stderr


@pytest.mark.parametrize("policy, code", [("reject", "busy"), ("drop", None)])
def test_a_full_queue_on_disk_does_what_when_full_says(serve, policy, code):
    host = serve(LOCKABLE.replace("queue: outbox", f"queue: outbox, capacity: 5, when_full: {policy}"))
    with the_database_locked(host) as connection:
        answers = []
        for number in range(8):
            connection.send(json.dumps({"prompt": str(number)}))
            answers.append(receive_json(connection))
    codes = [answer.get("error", {}).get("code") for answer in answers]
    assert codes == [None] * 5 + [code] * 3
    wait_until(lambda: waiting(host) == 0, "the queue to be empty")
    assert [row["prompt"] for row in host.rows()] == ["before", *map(str, range(5))]


def test_a_full_disk_is_an_error_to_the_client_and_passes_without_a_restart(serve):
    """The file size limit of the process stands in for the disk's end: writes past it fail in the same place."""
    host = serve(DURABLE)
    with host.connect() as connection:
        receive_json(connection)
        connection.send(json.dumps({"prompt": "first"}))
        receive_json(connection)
        host.wait_for_rows(1)
        resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
        answered, error = ["first"], None
        for number in range(2_000):
            connection.send(json.dumps({"prompt": f"{number} " + "x" * 2_000}))
            answer = receive_json(connection)
            if answer["type"] == "error":
                error = answer["error"]
                break
            answered.append(f"{number} " + "x" * 2_000)
        assert error and error["code"] == "database_unavailable", error
        resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

        def works_again():
            connection.send(json.dumps({"prompt": "again"}))
            return receive_json(connection)["type"] == "response"

        wait_until(works_again, "the queue to take messages again")
        answered.append("again")
    assert [row["prompt"] for row in host.wait_for_rows(len(answered))] == answered


def test_respond_behind_a_queue_that_outlives_the_process_is_an_error(run, tmp_path):
    (tmp_path / "p.yaml").write_text(DURABLE.replace("  - respond", "  - respond:\n    async: {queue: outbox}"))
    result = run("check", tmp_path / "p.yaml")
    assert result.returncode == 1 and "can't stand behind a queue that outlives the process" in result.stderr


def test_an_answer_before_the_queue_is_a_warning(run, tmp_path):
    text = DURABLE.replace("  - respond\n", "").replace("  - persist:", "  - respond\n  - persist:")
    (tmp_path / "p.yaml").write_text(text)
    result = run("check", tmp_path / "p.yaml")
    assert result.returncode == 0 and "move it above 'respond'" in result.stderr


def test_a_fast_client_never_misses_its_own_last_turn(serve, ai):
    host = serve(
        """
pipeline: memory
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: "${OPENAI_API_KEY}"}}
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive
  - recall: {turns: 3}
  - complete
  - persist:
    async: true
  - respond
""",
        env={"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": "sk-test"})
    with host.connect() as connection:
        for number in range(30):
            connection.send(f"prompt {number}")
            connection.recv(timeout=DEADLINE)
    for number, request in enumerate(call["body"] for call in ai.calls):
        wanted = [f"prompt {earlier}" for earlier in range(max(0, number - 3), number)]
        turns = [(turn["role"], turn["content"]) for turn in request["messages"]]
        assert turns == [pair for prompt in wanted for pair in [("user", prompt), ("assistant", prompt)]] + [
            ("user", f"prompt {number}")]


def test_dead_letters_are_kept_with_their_error_and_can_be_replayed(serve, run):
    text = DURABLE.replace("queue: outbox", "queue: outbox, dead_letter: data/dead.jsonl")
    host = serve(text)
    host.wait_for_rows(0)
    with host.database() as database:
        database.execute("create trigger refuse before insert on requests when new.prompt = 'bad' "
                         "begin select raise(abort, 'refused'); end")
    with host.connect() as connection:
        receive_json(connection)
        for prompt in ["good", "bad", "better"]:
            connection.send(json.dumps({"prompt": prompt, "metadata": {"k": [1, None]}}))
            assert receive_json(connection)["type"] == "response"
    assert [row["prompt"] for row in host.wait_for_rows(2)] == ["good", "better"]
    path = host.folder / "data/dead.jsonl"
    wait_until(path.exists, "the dead letter")
    [letter] = map(json.loads, path.read_text().splitlines())
    assert letter["step"] == "persist" and letter["message"]["prompt"] == "bad"
    assert letter["error"]["code"] == "stage_failed" and "refused" in letter["error"]["detail"]
    pipeline = host.folder / "pipeline-0.yaml"
    still = run("replay", pipeline, path)
    assert still.returncode == 1 and "0 of 1 messages replayed" in still.stdout and path.exists()
    with host.database() as database:
        database.execute("drop trigger refuse")
    done = run("replay", pipeline, path)
    assert done.returncode == 0, done.stderr
    assert "1 of 1 messages replayed" in done.stdout and not path.exists()
    assert {row["prompt"] for row in host.rows()} == {"good", "better", "bad"}


def test_doctor_finds_all_well_and_leaves_nothing_behind(run, tmp_path):
    (tmp_path / "p.yaml").write_text(DURABLE)
    result = run("doctor", tmp_path / "p.yaml")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("✓") == 6 and "3 of 3 answered, stored in order" in result.stdout
    with sqlite3.connect(tmp_path / "data/stagecoach.db") as database:
        assert database.execute("select count(*) from requests").fetchone() == (0,)


def test_doctor_says_what_is_wrong_and_ends_with_1(run, tmp_path):
    (tmp_path / "p.yaml").write_text(
        DURABLE.replace("model: echo", 'model: {openai: {url: "http://127.0.0.1:1/v1", key: k}}'))
    result = run("doctor", tmp_path / "p.yaml")
    assert result.returncode == 1 and "✗ model: " in result.stdout and "check 'url'" in result.stdout
    assert run("doctor", tmp_path / "p.yaml", "--quick").returncode == 0


def test_explain_says_what_the_client_waits_for_and_what_can_be_lost(run, tmp_path):
    (tmp_path / "p.yaml").write_text(DURABLE)
    text = run("explain", tmp_path / "p.yaml").stdout
    assert "complete: the client waits, at most 30s" in text
    assert "persist: runs in the background; the next stage begins once the message is on disk" in text
    assert "nothing is lost when the process is killed" in text
    (tmp_path / "p.yaml").write_text(DURABLE.replace("queue: outbox", "capacity: 7"))
    assert "at most 7 messages) is lost when the process is killed" in run("explain", tmp_path / "p.yaml").stdout


def test_migrate_makes_the_table_twice_and_prints_what_it_runs(run, tmp_path):
    (tmp_path / "p.yaml").write_text(DURABLE)
    for _ in range(2):
        result = run("migrate", tmp_path / "p.yaml")
        assert result.returncode == 0 and "the table 'requests' is ready" in result.stdout, result.stderr
    printed = run("migrate", tmp_path / "p.yaml", "--print").stdout
    with sqlite3.connect(tmp_path / "other.db") as database:
        database.executescript(printed)
        database.execute("insert into requests (id, session_id, prompt, response, updated_at) values ('1', 's', 'p', 'r', '2000')")
        database.execute("update requests set response = 'x'")
        assert database.execute("select updated_at > '2020' from requests").fetchone() == (1,)


def test_check_live_names_a_missing_column_at_its_stage(run, tmp_path):
    (tmp_path / "p.yaml").write_text(DURABLE)
    assert run("check", tmp_path / "p.yaml", "--live").returncode == 0
    with sqlite3.connect(tmp_path / "data/stagecoach.db") as database:
        database.execute("create table requests (id text primary key, session_id text, prompt text)")
    result = run("check", tmp_path / "p.yaml", "--live")
    assert result.returncode == 1
    assert "p.yaml:11:5: error: the table 'requests' has no column 'response'" in result.stderr
