"""Clients that come back, and messages that come twice."""

import json
import shutil
import threading

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from conftest import receive_json, wait_until

FLOW = """
pipeline: flow
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: sk-canary-1234567890}}
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive: {format: json, on_disconnect: {hold: 60s}}
  - validate
  - complete: {stream: true, timeout: 20s}
  - persist: {}
    async: true
  - respond: {stream: true}
"""

ECHOED = """
pipeline: echoed
resources:
  model: echo
stages:
  - receive: {format: json, on_disconnect: {hold: 60s}}
  - complete: {stream: true}
  - respond: {stream: true}
"""


@pytest.fixture
def host(serve, ai):
    return serve(FLOW, env={"OPENAI_BASE_URL": ai.url})


def ask(connection, id, prompt="one two three"):
    connection.send(json.dumps({"prompt": prompt, "id": id}))


def frames(connection, count):
    return [receive_json(connection) for _ in range(count)]


def come_back(host, session, seen):
    # A client that doesn't read what waits for it would not see the host's goodbye either.
    return host.connect(f"session={session}&after={seen}", max_queue=None)


def test_a_client_that_comes_back_gets_what_it_missed_in_order_once(host, ai):
    ai.script = ["stream_gated"]
    with host.connect() as connection:
        session = receive_json(connection)["session_id"]
        ask(connection, "c-1")
        ai.released.release()
        seen = receive_json(connection)["seq"]
    for _ in range(5):
        ai.released.release()
    host.wait_for_rows(1)
    for _ in range(2):
        with come_back(host, session, seen) as connection:
            greeting, *missed = frames(connection, 4)
            assert greeting == {"type": "session", "session_id": session, "resumed": True, "seq": seen}
            assert [frame["seq"] for frame in missed] == [seen + 1, seen + 2, seen + 3]
            assert "".join(frame["text"] for frame in missed[:2]) == "two three"
            assert missed[2]["response"] == "one two three"
    with come_back(host, session, missed[2]["seq"]) as connection:
        receive_json(connection)
        ask(connection, "c-2", "on")
        assert [frame["seq"] for frame in frames(connection, 2)] == [missed[2]["seq"] + 1, missed[2]["seq"] + 2]
    assert len(host.wait_for_rows(2)) == 2 and len(ai.calls) == 2


def test_what_is_said_while_a_client_comes_back_arrives_in_order(host, ai):
    ai.script = ["stream_gated"]
    with host.connect() as connection:
        session = receive_json(connection)["session_id"]
        ask(connection, "c-1", " ".join(map(str, range(200))))
        ai.released.release()
        seen = receive_json(connection)["seq"]
    releasing = threading.Thread(target=lambda: [ai.released.release() for _ in range(202)])
    releasing.start()
    got = []
    while not got or got[-1]["type"] != "response":
        with come_back(host, session, seen) as connection:
            assert receive_json(connection)["type"] == "session"
            for _ in range(17):
                got.append(receive_json(connection))
                seen = got[-1]["seq"]
                if got[-1]["type"] == "response":
                    break
    releasing.join()
    assert [frame["seq"] for frame in got] == list(range(got[0]["seq"], got[0]["seq"] + len(got)))
    assert "".join(frame["text"] for frame in got[:-1]) == " ".join(map(str, range(1, 200)))


def test_a_second_connection_takes_the_session_from_the_first(host, ai):
    with host.connect() as first:
        session = receive_json(first)["session_id"]
        with come_back(host, session, 1) as second:
            assert receive_json(second)["resumed"] is True
            with pytest.raises(ConnectionClosed) as closed:
                receive_json(first)
            assert closed.value.rcvd.code == 1008
            ask(second, "c-1", "hello")
            assert frames(second, 2)[1]["response"] == "hello"


def test_a_session_that_is_not_known_begins_anew(host):
    with come_back(host, "5f350470-f5d5-4d96-93db-8d732a78cfc9", 7) as connection:
        assert receive_json(connection) == {
            "type": "session", "session_id": "5f350470-f5d5-4d96-93db-8d732a78cfc9", "seq": 1}
    with pytest.raises(InvalidStatus) as refused:
        come_back(host, "5f350470-f5d5-4d96-93db-8d732a78cfc9", "x")
    assert refused.value.response.status_code == 400


def test_a_session_is_forgotten_after_its_time(serve, ai):
    host = serve(FLOW.replace("60s", "100ms"), env={"OPENAI_BASE_URL": ai.url})
    with host.connect() as connection:
        session = receive_json(connection)["session_id"]

    def is_forgotten():
        with come_back(host, session, 1) as connection:
            return "resumed" not in receive_json(connection)

    threading.Event().wait(0.3)  # nobody says that the time has passed, and coming back begins it anew
    wait_until(is_forgotten, "the session to be forgotten")


@pytest.mark.parametrize("policy", ["{hold: 60s}", "cancel"])
def test_a_message_that_comes_twice_is_answered_alike_and_stored_once(serve, ai, policy):
    host = serve(FLOW.replace("{hold: 60s}", policy), env={"OPENAI_BASE_URL": ai.url})
    ai.script = ["stream_gated"]
    with host.connect() as connection:
        session = receive_json(connection)["session_id"]
        ask(connection, "c-1")
        assert ai.arrived.acquire(timeout=5)
        ask(connection, "c-1")
        for _ in range(6):
            ai.released.release()
        *_, answer = frames(connection, 4)
        ask(connection, "c-1")
        again = receive_json(connection)
        assert {**again, "seq": 0} == {**answer, "seq": 0} and again["seq"] == answer["seq"] + 1
        if policy != "cancel":
            connection.close()
            with come_back(host, session, again["seq"]) as returned:
                receive_json(returned)
                ask(returned, "c-1")
                assert receive_json(returned)["message_id"] == answer["message_id"]
    assert len(host.wait_for_rows(1)) == 1 and len(ai.calls) == 1


def test_another_prompt_under_the_same_id_is_another_message(host):
    with host.connect() as connection:
        receive_json(connection)
        for prompt in ["first", "second"]:
            ask(connection, "c-1", prompt)
            assert frames(connection, 2)[1]["response"] == prompt


def test_an_error_is_tried_again_under_the_same_id(host, ai):
    ai.script = ["500"]
    with host.connect() as connection:
        receive_json(connection)
        ask(connection, "c-1", "hello")
        assert receive_json(connection)["type"] == "error"
        ask(connection, "c-1", "hello")
        assert frames(connection, 2)[1]["response"] == "hello"


@pytest.mark.parametrize("value", ["later", "{hold: 0s}", "{hold: soon}", "{keep: 60s}"])
def test_a_policy_that_there_is_not_is_an_error(run, tmp_path, value):
    (tmp_path / "p.yaml").write_text(FLOW.replace("{hold: 60s}", value))
    checked = run("check", tmp_path / "p.yaml", env={"OPENAI_BASE_URL": "http://127.0.0.1:1"})
    assert checked.returncode == 1 and "on_disconnect" in checked.stderr and "7:" in checked.stderr


@pytest.mark.parametrize("policy", ["{hold: 60s}", "cancel"])
def test_frames_that_are_sent_together_share_a_write(serve, tmp_path, policy):
    """Also those of a session that is retained: the host's system calls show it."""
    if not shutil.which("strace"):
        pytest.fail("strace is missing; scripts/setup --tests installs it")
    log = tmp_path / "writes"
    host = serve(ECHOED.replace("{hold: 60s}", policy),
                 prefix=["strace", "-D", "-f", "-e", "trace=sendto,sendmsg,writev", "-o", str(log)])
    with host.connect() as connection:
        session = receive_json(connection)["session_id"]
        before = log.read_text().count("\n")
        ask(connection, "c-1", " ".join(map(str, range(100))))
        *words, answer = frames(connection, 101)
        assert "".join(word["text"] for word in words) == answer["response"]
        assert log.read_text().count("\n") - before < 5
        if policy == "cancel":
            return
        before = log.read_text().count("\n")
        with come_back(host, session, 1) as returned:
            assert [frame["seq"] for frame in frames(returned, 102)] == list(range(1, 103))
            # The handshake, what was missed, and the former connection's Close.
            assert log.read_text().count("\n") - before < 8
