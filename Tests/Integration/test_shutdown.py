"""A graceful stop: what was begun ends, queues are flushed, clients are told, the exit code is 0."""

import signal
import sqlite3
import threading

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from conftest import DEADLINE, ROOT, receive, wait_until


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


def test_new_clients_are_not_taken_while_the_host_drains(chat, ai):
    ai.script = ["gate"]
    with chat.connect() as busy:
        busy.send("in flight")
        assert ai.arrived.acquire(timeout=DEADLINE)
        chat.process.send_signal(signal.SIGTERM)
        wait_until(lambda: any("Stopping" in line for line in chat.log), "the host to begin to stop")

        def is_refused():
            try:
                with chat.connect():
                    return False
            except (OSError, InvalidHandshake):
                return True

        wait_until(is_refused, "the host to refuse clients")
        ai.released.release()
        assert receive(busy) == "in flight"
    assert chat.process.wait(timeout=DEADLINE) == 0


def test_the_drain_has_its_limit(serve, ai):
    text = (ROOT / "pipelines/chat.yaml").read_text() + "\nhost: {drain: 500ms}\n"
    host = serve(text, env={"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": "k"})
    ai.script = ["hang"]
    with host.connect() as client:
        client.send("never answered")
        assert ai.arrived.acquire(timeout=DEADLINE)
        host.process.send_signal(signal.SIGTERM)
        assert host.process.wait(timeout=5) == 0


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

        wait_until(again, "the host to end", deadline=2)
        assert host.process.returncode == 1


def test_a_port_that_is_taken_is_said(offline, run):
    result = run("serve", ROOT / "pipelines/offline.yaml", "--port", offline.port)
    assert result.returncode == 1 and f"can't listen on 127.0.0.1:{offline.port}" in result.stderr
