"""Order is meaning (DESIGN 2.1): the same stages in another order give another service. The store is held back by a lock
on its file, so nothing here depends on time."""

import contextlib
import sqlite3

import pytest

from conftest import DEADLINE, ROOT, chat_yaml, receive

ASYNC = "  - persist: {table: requests}\n    async: true\n  - respond\n"
SYNC = "  - persist: {table: requests}\n  - respond\n"
ANSWER_FIRST = "  - respond\n  - persist: {table: requests}\n"


def variant(ending):
    text = chat_yaml()
    assert ASYNC in text
    # A lock that is held for long must not make `validate` say that the database is gone.
    return text.replace(ASYNC, ending).replace("data/stagecoach.db}", "data/stagecoach.db, busy_timeout: 60s}")


@contextlib.contextmanager
def held_store(host):
    database = sqlite3.connect(host.folder / "data" / "stagecoach.db", isolation_level=None, timeout=DEADLINE)
    database.execute("begin immediate")
    try:
        yield
    finally:
        database.execute("rollback")
        database.close()


def start(serve, ai, ending):
    return serve(variant(ending), env={"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": "k"})


def no_frame(client):
    with pytest.raises(TimeoutError):
        client.recv(timeout=0.3)


def test_async_persist_answers_while_the_store_is_held(serve, ai):
    host = start(serve, ai, ASYNC)
    with host.connect() as client:
        with held_store(host):
            for number in range(5):
                client.send(str(number))
                assert receive(client) == str(number)
            assert host.rows() == []
        assert [row["prompt"] for row in host.wait_for_rows(5)] == list("01234")


def test_persist_before_respond_answers_only_what_is_stored(serve, ai):
    host = start(serve, ai, SYNC)
    with host.connect() as client:
        with held_store(host):
            client.send("hello")
            assert ai.arrived.acquire(timeout=DEADLINE)
            no_frame(client)
        assert receive(client) == "hello"
        assert [row["prompt"] for row in host.rows()] == ["hello"]


def test_respond_before_persist_answers_first_and_stores_before_the_next_message(serve, ai):
    host = start(serve, ai, ANSWER_FIRST)
    with host.connect() as client:
        with held_store(host):
            client.send("one")
            assert receive(client) == "one"
            client.send("two")
            no_frame(client)
            assert host.rows() == [] and len(ai.calls) == 1
        assert receive(client) == "two"
        assert [row["prompt"] for row in host.wait_for_rows(2)] == ["one", "two"]


def test_what_was_answered_is_stored_though_the_client_has_left(serve, ai):
    for ending in (ASYNC, ANSWER_FIRST):
        host = start(serve, ai, ending)
        before = len(host.rows())
        with held_store(host):
            with host.connect() as client:
                client.send("hello")
                assert receive(client) == "hello"
        host.wait_for_rows(before + 1)
        assert host.stop() == 0


def test_the_shipped_orders_are_these_orders():
    shipped = {name: (ROOT / f"pipelines/{name}.yaml").read_text() for name in ("stored-first", "answered-first")}
    assert SYNC in shipped["stored-first"] and ANSWER_FIRST in shipped["answered-first"]


def test_a_step_in_the_wrong_order_is_refused_before_the_port_opens(run, tmp_path):
    file = tmp_path / "wrong.yaml"
    lines = chat_yaml().splitlines(keepends=True)
    complete = next(i for i, line in enumerate(lines) if "- complete" in line)
    lines[complete], lines[complete + 1], lines[complete + 2] = lines[complete + 1], lines[complete + 2], lines[complete]
    file.write_text("".join(lines))
    for command in (["check"], ["serve", "--port", "0"]):
        result = run(command[0], file, *command[1:])
        assert result.returncode == 1 and result.stdout == ""
        assert "stage 'persist' needs 'completion', which 'complete' provides later (line" in result.stderr


def test_a_pipeline_that_answers_nothing_reads_on_after_its_queue_was_full(serve, ai):
    text = chat_yaml().replace("  - respond\n", "")
    host = serve(text, env={"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": "k"})
    ai.script = ["gate"]
    with host.connect() as client:
        for number in range(200):
            client.send(str(number))
        ai.released.release()
        host.wait_for_rows(200)
    # As they were stored: several come in one microsecond, which their times don't tell apart.
    with host.database() as database:
        stored = database.execute("select prompt, created_at from requests order by rowid").fetchall()
    assert [prompt for prompt, _ in stored] == [str(number) for number in range(200)]
    assert [time for _, time in stored] == sorted(time for _, time in stored)
