"""Sessions that several hosts share: resumed, cancelled, answered again and refused on another host than they began at."""

import json
import os
import random
import signal
import threading
import time

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus

from conftest import receive_json, say, wait_until

PATIENCE = float(os.environ.get("PATIENCE", "1"))
FLOW = """
pipeline: flow
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: sk-canary-1234567890}}
  database: {sqlite: {path: data/stagecoach.db}}
  outbox: {nats: {url: "${NATS_URL}", size: 64MiB}}
stages:
  - receive: {format: json, on_disconnect: {hold: 60s, shared: outbox}}
  - complete: {stream: true, timeout: 20s}
  - persist: {table: requests}
    async: true
  - respond: {stream: true}
"""
AUTH = 'host: {history: true, auth: {keys: [{key: "key-of-ann-12345678", user: ann}, {key: "key-of-bob-12345678", user: bob}]}}\n'


@pytest.fixture
def hosts(serve, ai, nats):
    """Starts hosts that are alike."""
    def start(count=2, flow=FLOW, **options):
        env = {"OPENAI_BASE_URL": ai.url, "NATS_URL": nats.url}
        return [serve(flow, env=env, **options) for _ in range(count)]
    return start


def ask(connection, id, prompt="one two three"):
    connection.send(json.dumps({"prompt": prompt, "id": id}))


def frames(connection, count):
    return [receive_json(connection) for _ in range(count)]


def come_back(host, session, seen, **options):
    return host.connect(f"session={session}&after={seen}", max_queue=None, **options)


def key(user):
    return {"Authorization": f"Bearer key-of-{user}-12345678"}


def post(host, session, id, prompt, **options):
    return requests.post(f"{host.http}/ws?session={session}", json={"prompt": prompt, "id": id}, timeout=30, **options)


def test_a_client_that_comes_back_to_another_host_gets_what_it_missed_and_goes_on_there(hosts, ai):
    left, right = hosts()
    with left.connect() as connection:
        session = receive_json(connection)["session_id"]
        ask(connection, "c-1")
        seen = frames(connection, 2)[-1]["seq"]
        frames(connection, 2)
    with come_back(right, session, seen) as connection:
        greeting, *missed = frames(connection, 3)
        assert greeting == {"type": "session", "session_id": session, "resumed": True, "seq": seen}
        assert [frame["seq"] for frame in missed] == [seen + 1, seen + 2]
        assert missed[1]["response"] == "one two three"
        ask(connection, "c-2", "on")
        assert [frame["seq"] for frame in frames(connection, 2)] == [seen + 3, seen + 4]
    with come_back(left, session, seen + 2) as connection:
        assert [frame["seq"] for frame in frames(connection, 3)] == [seen + 2, seen + 3, seen + 4]
    assert len(ai.calls) == 2


def test_an_answer_that_is_being_made_goes_on_at_the_host_to_which_its_client_came(hosts, ai):
    left, right = hosts()
    ai.script = ["stream_gated"]
    with left.connect() as connection:
        session = receive_json(connection)["session_id"]
        ask(connection, "c-1")
        ai.released.release()
        seen = receive_json(connection)["seq"]
        with come_back(right, session, seen) as other:
            assert receive_json(other)["resumed"] is True
            with pytest.raises(ConnectionClosed) as closed:
                receive_json(connection)
            assert closed.value.rcvd.code == 1008
            # It does not know whether its message came.
            ask(other, "c-1")
            for _ in range(5):
                ai.released.release()
            rest = frames(other, 3)
            assert [frame["seq"] for frame in rest] == [seen + 1, seen + 2, seen + 3]
            assert rest[2]["response"] == "one two three" and rest[2]["id"] == "c-1"
            ask(other, "c-2", "on")
            assert frames(other, 2)[1]["id"] == "c-2"
    assert len(ai.calls) == 2 and len(left.wait_for_rows(2)) == 2


def test_a_client_cancels_on_another_host_what_it_asked_on_the_first(hosts, ai):
    left, right = hosts()
    ai.script = ["stream_gated"]
    with left.connect() as connection:
        session = receive_json(connection)["session_id"]
        ask(connection, "c-1")
        ai.released.release()
        seen = receive_json(connection)["seq"]
    with come_back(right, session, seen) as connection:
        receive_json(connection)
        connection.send(json.dumps({"type": "cancel", "id": "c-1"}))
        error = receive_json(connection)
        assert error["error"]["code"] == "cancelled" and error["id"] == "c-1" and error["seq"] == seen + 1
        assert say(connection, "on")["type"] == "delta"


def test_the_same_message_at_another_host_gets_the_same_answer_and_one_call(hosts, ai):
    left, right = hosts()
    with left.connect() as connection:
        session = receive_json(connection)["session_id"]
        ask(connection, "c-1")
        first = frames(connection, 4)[-1]
        again = post(right, session, "c-1", "one two three").json()
        assert again["message_id"] == first["message_id"] and again["response"] == first["response"]
        # A message by POST leaves the session to the connection.
        ask(connection, "c-2", "on")
        assert frames(connection, 2)[-1]["response"] == "on"
    answers = [post(host, session, "c-3", "three").json()["message_id"] for host in (right, left, right)]
    assert len(set(answers)) == 1 and len(ai.calls) == 3


def test_a_message_that_comes_to_three_hosts_at_one_instant_is_worked_on_once(hosts, ai):
    all_hosts = hosts(3)
    for round in range(10):
        session = f"5f350470-f5d5-4d96-93db-8d732a78{round:04x}"
        answers = []
        threads = [threading.Thread(target=lambda host=host: answers.append(post(host, session, "c", f"q{round}")))
                   for host in all_hosts for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
        assert len({answer.json()["message_id"] for answer in answers}) == 1
        assert len(ai.calls) == round + 1


def test_a_session_is_its_users_on_every_host(hosts):
    left, right = hosts(flow=AUTH + FLOW)
    with left.connect(additional_headers=key("ann")) as connection:
        session = receive_json(connection)["session_id"]
        ask(connection, "c-1")
        frames(connection, 4)
        with pytest.raises(InvalidStatus) as refused:
            come_back(right, session, 1, additional_headers=key("bob"))
        assert refused.value.response.status_code == 403
        assert post(right, session, "c-1", "one two three", headers=key("bob")).status_code == 403
        left.wait_for_rows(1)
        assert requests.get(f"{right.http}/sessions/{session}", headers=key("bob"), timeout=10).status_code == 404
        assert len(requests.get(f"{right.http}/sessions/{session}", headers=key("ann"), timeout=10).json()) == 1
        with come_back(right, session, 1, additional_headers=key("ann")) as other:
            assert len(frames(other, 5)) == 5
        with pytest.raises(InvalidStatus) as refused:
            come_back(left, session, 1, additional_headers=key("bob"))
        assert refused.value.response.status_code == 403


def test_what_was_under_way_at_a_host_that_was_killed_ends_once_and_the_session_goes_on(hosts, ai):
    left, middle, right = hosts(3, ends_well=False)
    ai.script = ["stream_gated"]
    with left.connect() as connection:
        session = receive_json(connection)["session_id"]
        ask(connection, "c-1")
        ask(connection, "c-2", "waits behind it")
        ai.released.release()
        seen = receive_json(connection)["seq"]
        time.sleep(0.2 * PATIENCE)
        left.stop(signal.SIGKILL)
    begun = time.monotonic()
    with come_back(middle, session, seen) as other:
        greeting, *errors = frames(other, 3)
        assert time.monotonic() - begun < 5 * PATIENCE
        assert greeting["resumed"] is True
        assert [(error["error"]["code"], error["error"]["retryable"], error["id"], error["seq"]) for error in errors] == [
            ("stopping", True, "c-1", seen + 1), ("stopping", True, "c-2", seen + 2)]
        ask(other, "c-1")
        assert frames(other, 4)[-1]["response"] == "one two three"
    with come_back(right, session, seen + 2) as other:
        assert [frame["type"] for frame in frames(other, 5)] == ["session", "delta", "delta", "delta", "response"]


def test_a_client_hears_of_the_death_of_the_host_that_still_works_for_it(hosts, ai):
    left, right = hosts(ends_well=False)
    ai.script = ["stream_gated"]
    with left.connect() as connection:
        session = receive_json(connection)["session_id"]
        ask(connection, "c-1")
        ai.released.release()
        seen = receive_json(connection)["seq"]
        time.sleep(0.2 * PATIENCE)
        with come_back(right, session, seen) as other:
            receive_json(other)
            left.stop(signal.SIGKILL)
            error = receive_json(other)
            assert error["error"]["code"] == "stopping" and error["id"] == "c-1"
            ask(other, "c-1")
            assert frames(other, 4)[-1]["response"] == "one two three"


def test_a_host_that_stops_leaves_its_sessions_to_the_others(hosts, ai):
    left, right = hosts(flow=FLOW + "host: {drain: 1s}\n", ends_well=False)
    with left.connect() as connection:
        session = receive_json(connection)["session_id"]
        ask(connection, "c-1")
        seen = receive_json(connection)["seq"]
        frames(connection, 3)
        ai.script = ["stream_gated"]
        ask(connection, "c-2", "never ends")
        ai.released.release()
        last = receive_json(connection)["seq"]
        left.stop()
        heard = []
        with pytest.raises(ConnectionClosed):
            while True:
                heard.append(receive_json(connection))
    assert [frame["error"]["code"] for frame in heard] in ([], ["stopping"])
    with come_back(right, session, seen) as other:
        assert receive_json(other)["resumed"] is True
        missed = frames(other, last - seen + 1)
        assert [frame["seq"] for frame in missed] == list(range(seen + 1, last + 2))
        assert missed[-1]["error"]["code"] == "stopping" and missed[-1]["id"] == "c-2"
        assert post(right, session, "c-1", "one two three").json()["response"] == "one two three"
        assert len(ai.calls) == 2


def test_sessions_outlive_an_outage_of_nats(hosts, nats, ai):
    left, right = hosts()
    with left.connect() as connection:
        session = receive_json(connection)["session_id"]
        ask(connection, "c-1", "one")
        seen = frames(connection, 2)[-1]["seq"]
        nats.stop()
        # Where the session is it goes on, by the connection and by another.
        ask(connection, "c-2", "two")
        assert frames(connection, 2)[-1]["response"] == "two"
        with come_back(left, session, seen) as again:
            assert len(frames(again, 3)) == 3
        with right.connect() as fresh:
            receive_json(fresh)
            ask(fresh, "c-1", "new")
            assert frames(fresh, 2)[-1]["response"] == "new"
        with pytest.raises(InvalidStatus) as refused:
            come_back(right, session, seen)
        assert refused.value.response.status_code == 503
        assert requests.get(f"{right.http}/readyz", timeout=10).status_code == 503
    nats.start()

    def is_back():
        try:
            with come_back(right, session, seen) as other:
                return [frame["seq"] for frame in frames(other, 3)] == [seen, seen + 1, seen + 2]
        except InvalidStatus:
            return False

    wait_until(is_back, "the session to be found by another host")


def test_clients_that_hop_between_hosts_lose_and_repeat_nothing(hosts, ai):
    all_hosts = hosts(3)
    chance = random.Random(int(os.environ.get("SEED", "1")))
    problems = []

    def wander(name):
        try:
            session, seen, answers = None, 0, {}
            for number in range(15):
                host = chance.choice(all_hosts)
                query = f"session={session}&after={seen}" if session else ""
                with host.connect(query, max_queue=None) as connection:
                    greeting = receive_json(connection)
                    session = greeting["session_id"]
                    assert not query or greeting.get("resumed"), "the session was not found"
                    seen = greeting["seq"]
                    ask(connection, f"c-{number}", f"{name} {number}")
                    # Half of them leave before the answer, and ask again elsewhere.
                    while number % 2 == 0 and f"c-{number}" not in answers:
                        frame = receive_json(connection)
                        assert frame["seq"] == seen + 1, f"{frame} after {seen}"
                        seen = frame["seq"]
                        if frame["type"] == "response":
                            assert frame["id"] not in answers
                            answers[frame["id"]] = frame["response"]
            with all_hosts[0].connect(f"session={session}&after={seen}", max_queue=None) as connection:
                while len(answers) < 15:
                    frame = receive_json(connection)
                    if frame["type"] == "response":
                        assert frame["id"] not in answers
                        answers[frame["id"]] = frame["response"]
                    elif frame["type"] == "error":
                        # Where a host was too slow to be asked. It may be tried again, and was not worked on.
                        assert frame["error"]["code"] == "stopping" and frame["error"]["retryable"], frame
                        ask(connection, frame["id"], f"{name} {frame['id'][2:]}")
            assert answers == {f"c-{number}": f"{name} {number}" for number in range(15)}
        except Exception as problem:
            problems.append(f"{name}: {problem!r}")

    threads = [threading.Thread(target=wander, args=(f"client{index}",)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert len(ai.calls) == 6 * 15


def test_check_has_nothing_to_say_of_a_file_that_shares(run, tmp_path):
    (tmp_path / "a.yaml").write_text(FLOW)
    checked = run("check", "a.yaml", env={"OPENAI_BASE_URL": "http://127.0.0.1:1", "NATS_URL": "nats://127.0.0.1:1"})
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("shared, words", [
    ("outbux", ["there is no resource 'outbux'", "did you mean 'outbox'"]),
    ("database", ["needs a resource of type nats", "'database' is of type sqlite", "nats: {url: nats://127.0.0.1:4222}"]),
])
def test_check_says_what_shared_must_name(run, tmp_path, shared, words):
    (tmp_path / "a.yaml").write_text(FLOW.replace("shared: outbox", f"shared: {shared}"))
    checked = run("check", "a.yaml", env={"OPENAI_BASE_URL": "http://127.0.0.1:1", "NATS_URL": "nats://127.0.0.1:1"})
    assert checked.returncode == 1
    for word in words:
        assert word in checked.stderr, checked.stderr
    assert "^" * 3 in checked.stderr or "^~" in checked.stderr
