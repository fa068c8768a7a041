"""A graceful stop: what was begun ends, queues are flushed, clients are told, the exit code says whether
anything was lost."""

import json
import re
import signal
import sqlite3
import threading
import urllib.error
import urllib.request

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from conftest import DEADLINE, ROOT, receive, receive_json, wait_until


def locked_database(host):
    """A connection to the host's database; while it is there and does not roll back, the host can't write."""
    database = sqlite3.connect(host.folder / "data" / "stagecoach.db", isolation_level=None, timeout=DEADLINE)
    database.execute("begin immediate")
    return database


def have_ten_answered(host):
    with host.connect() as client:
        for number in range(10):
            client.send(str(number))
            receive(client)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_message_in_flight_is_answered_and_clients_get_1001(chat, ai, number):
    ai.script = ["gate"]
    with chat.connect() as busy, chat.connect() as idle:
        busy.send("in flight")
        assert ai.arrived.acquire(timeout=DEADLINE)
        chat.process.send_signal(number)
        with pytest.raises(ConnectionClosed) as closed:
            idle.recv(timeout=DEADLINE)
        assert closed.value.rcvd.code == 1001
        ai.released.release()
        assert receive(busy) == "in flight"
        with pytest.raises(ConnectionClosed) as closed:
            busy.recv(timeout=DEADLINE)
        assert closed.value.rcvd.code == 1001
    assert chat.process.wait(timeout=DEADLINE) == 0
    assert [row["prompt"] for row in chat.rows()] == ["in flight"]


def test_the_queue_is_flushed(offline):
    database = sqlite3.connect(offline.folder / "data" / "stagecoach.db", isolation_level=None, timeout=DEADLINE)
    database.execute("begin immediate")
    with offline.connect() as client:
        for number in range(100):
            client.send(str(number))
            receive(client)
    offline.process.send_signal(signal.SIGTERM)
    wait_until(lambda: any("Stopping" in line for line in offline.log), "the host to begin to stop")
    database.execute("rollback")
    assert offline.process.wait(timeout=DEADLINE) == 0
    assert [row["prompt"] for row in offline.rows()] == [str(number) for number in range(100)]


def get(host, path):
    try:
        with urllib.request.urlopen(host.http + path, timeout=DEADLINE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_readiness_turns_false_and_new_clients_get_503_while_the_host_drains(chat, ai):
    ai.script = ["gate"]
    with chat.connect() as busy:
        busy.send("in flight")
        assert ai.arrived.acquire(timeout=DEADLINE)
        assert get(chat, "/readyz")[0] == 200
        chat.process.send_signal(signal.SIGTERM)
        wait_until(lambda: get(chat, "/readyz")[0] == 503, "readiness to turn false")
        assert "stopping" in get(chat, "/readyz")[1] and get(chat, "/healthz")[0] == 200
        with pytest.raises(InvalidStatus) as refused:
            chat.connect()
        assert refused.value.response.status_code == 503
        request = urllib.request.Request(chat.http + "/ws", data=b'{"prompt": "late"}')
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=DEADLINE)
        assert refused.value.code == 503 and json.load(refused.value)["error"]["code"] == "stopping"
        ai.released.release()
        assert receive(busy) == "in flight"
    assert chat.process.wait(timeout=DEADLINE) == 0
    assert [row["prompt"] for row in chat.rows()] == ["in flight"]


def test_a_stop_waits_for_what_was_answered_and_is_not_stored(serve):
    """Stages after the answer go on for a client that has left."""
    text = (ROOT / "pipelines/offline.yaml").read_text()
    stages = "  - respond\n  - persist: {table: requests}\n"
    host = serve(re.sub(r"  - persist:.*\n(    .*\n)*  - respond\n", stages, text))
    database = locked_database(host)
    with host.connect() as client:
        client.send("answered")
        receive(client)
    host.process.send_signal(signal.SIGTERM)
    wait_until(lambda: get(host, "/readyz")[0] == 503, "the host to begin to stop")
    database.execute("rollback")
    assert host.process.wait(timeout=DEADLINE) == 0
    assert [row["prompt"] for row in host.rows()] == ["answered"]


def test_what_the_drain_has_no_time_for_is_told_to_clients_and_makes_the_exit_code_1(serve, ai):
    text = (ROOT / "pipelines/chat.yaml").read_text() + "\nhost: {drain: 500ms}\n"
    host = serve(text, env={"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": "k"}, ends_well=False)
    ai.script = ["hang"]
    with host.connect("format=json") as client:
        receive(client)
        for number in range(3):
            client.send(json.dumps({"id": str(number), "prompt": "never answered"}))
        assert ai.arrived.acquire(timeout=DEADLINE)
        host.process.send_signal(signal.SIGTERM)
        answers = [receive_json(client) for _ in range(3)]
        assert [(answer["id"], answer["error"]["code"]) for answer in answers] == [
            ("0", "stopping"), ("1", "stopping"), ("2", "stopping")]
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=DEADLINE)
        assert closed.value.rcvd.code == 1001
    assert host.wait() == 1
    assert host.log[-1].endswith("3 messages were lost: 2 not begun, 1 in a stage")


def test_what_waits_in_memory_and_can_not_be_stored_in_time_makes_the_exit_code_1(serve):
    text = (ROOT / "pipelines/offline.yaml").read_text() + "\nhost: {drain: 500ms}\n"
    host = serve(text, ends_well=False)
    database = locked_database(host)
    have_ten_answered(host)
    assert host.stop() == 1
    assert host.log[-1].endswith("10 messages were lost: 10 waited for 'persist' of pipeline offline")


def test_what_can_not_be_stored_in_time_is_in_the_dead_letters_and_not_lost(serve, run):
    text = (ROOT / "pipelines/offline.yaml").read_text().replace(
        "async: true", "async: {dead_letter: data/dead.jsonl}") + "\nhost: {drain: 500ms}\n"
    assert "dead_letter" in text
    host = serve(text)
    database = locked_database(host)
    have_ten_answered(host)
    assert host.stop() == 0
    assert any("10 messages waiting; they are in data/dead.jsonl" in line for line in host.log)
    database.execute("rollback")
    replayed = run("replay", host.folder / "pipeline-0.yaml", host.folder / "data/dead.jsonl")
    assert "10 of 10 messages replayed" in replayed.stdout, replayed.stderr
    assert sorted(row["prompt"] for row in host.rows()) == [str(number) for number in range(10)]


def test_a_second_signal_ends_the_host_at_once(serve, ai):
    host = serve(
        ROOT / "pipelines/chat.yaml", env={"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": "k"}, ends_well=False)
    ai.script = ["hang"]
    with host.connect() as client:
        client.send("never answered")
        assert ai.arrived.acquire(timeout=DEADLINE)
        host.process.send_signal(signal.SIGTERM)
        wait_until(lambda: any("Stopping" in line for line in host.log), "the host to begin to stop")
        stopper = threading.Event()

        def again():
            host.process.send_signal(signal.SIGTERM)
            stopper.wait(0.05)
            return host.process.poll() is not None

        wait_until(again, "the host to end", deadline=0.2 * DEADLINE)
        assert host.process.returncode == 1


def test_a_port_that_is_taken_is_said(offline, run):
    result = run("serve", ROOT / "pipelines/offline.yaml", "--port", offline.port)
    assert result.returncode == 1 and f"can't listen on 127.0.0.1:{offline.port}" in result.stderr
