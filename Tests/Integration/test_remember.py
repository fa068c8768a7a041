"""Messages that come again: one call and one row, whichever connection or request they come by."""

import concurrent.futures
import hashlib
import json
import signal
import urllib.error
import urllib.request
import uuid

import pytest

from conftest import DEADLINE, receive_json, wait_until

FLOW = """
pipeline: flow
host: {drain: 2s}
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: sk-canary-1234567890}}
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive: {format: json, on_disconnect: cancel}
  - complete: {timeout: 20s}
  - persist: {}
    async: true
  - respond
"""


@pytest.fixture
def flow(serve, ai):
    def start(receive="on_disconnect: cancel", host="drain: 2s"):
        return serve(FLOW.replace("on_disconnect: cancel", receive).replace("drain: 2s", host),
                     env={"OPENAI_BASE_URL": ai.url, "ANN": "ann-key-0123456789", "BOB": "bob-key-0123456789"})

    return start


def new_session():
    return str(uuid.uuid4())


def frame(id="c-1", prompt="one two", **more):
    return json.dumps({"prompt": prompt, "id": id, **more})


def post(host, session, body=None, key=None):
    request = urllib.request.Request(f"{host.http}/ws?session={session}", data=(body or frame()).encode())
    if key:
        request.add_header("authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def ask(host, session, body=None):
    with host.connect(f"session={session}") as connection:
        receive_json(connection)
        connection.send(body or frame())
        return receive_json(connection)


def same(answer, other):
    return {**answer, "seq": 0} == {**other, "seq": 0}


def test_whichever_way_it_comes_again_it_has_one_answer_one_call_and_one_row(flow, ai):
    host, session = flow(), new_session()
    _, first = post(host, session)
    assert same(post(host, session)[1], first)
    assert same(ask(host, session), first) and same(ask(host, session), first)
    assert same(post(host, session)[1], first)
    # Another prompt, session or id is another message.
    for other in [post(host, session, frame(prompt="x"))[1], post(host, new_session())[1],
                  post(host, session, frame(id="c-2"))[1]]:
        assert other["message_id"] != first["message_id"]
    assert len(host.wait_for_rows(4)) == 4 and len(ai.calls) == 4


def test_who_asks_while_it_is_worked_on_gets_that_answer(flow, ai):
    host, session = flow(), new_session()
    ai.script = ["gate"]
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        first = pool.submit(post, host, session)
        assert ai.arrived.acquire(timeout=DEADLINE)
        others = [pool.submit(post, host, session) for _ in range(2)] + [pool.submit(ask, host, session) for _ in "12"]
        concurrent.futures.wait(others, timeout=0.3)
        assert not any(other.done() for other in others)
        ai.released.release()
        answers = [asked.result(DEADLINE) for asked in [first, *others]]
    answers = [answer[1] if isinstance(answer, tuple) else answer for answer in answers]
    assert all(same(answer, answers[0]) for answer in answers) and answers[0]["type"] == "response"
    assert len(host.wait_for_rows(1)) == 1 and len(ai.calls) == 1


@pytest.mark.parametrize("policy", ["finish", "{hold: 60s}"])
def test_who_comes_back_after_a_cut_gets_the_answer_that_was_under_way(flow, ai, policy):
    host, session = flow(f"on_disconnect: {policy}"), new_session()
    ai.script = ["gate"]
    with host.connect(f"session={session}") as connection:
        receive_json(connection)
        connection.send(frame())
        assert ai.arrived.acquire(timeout=DEADLINE)
        connection.socket.close()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        again = pool.submit(post, host, session)
        concurrent.futures.wait([again], timeout=0.3)
        ai.released.release()
        status, answer = again.result(DEADLINE)
    assert status == 200 and answer["response"] == "one two" and same(ask(host, session), answer)
    assert len(host.wait_for_rows(1)) == 1 and len(ai.calls) == 1


def test_where_the_first_was_cancelled_or_left_the_second_is_worked_on(flow, ai):
    host, session = flow(), new_session()
    for end in ["cancel", "leave"]:
        ai.script = ["hang"]
        with host.connect(f"session={session}") as connection, concurrent.futures.ThreadPoolExecutor(2) as pool:
            receive_json(connection)
            connection.send(frame(id=end))
            assert ai.arrived.acquire(timeout=DEADLINE)
            second = pool.submit(post, host, session, frame(id=end))
            concurrent.futures.wait([second], timeout=0.3)
            if end == "cancel":
                connection.send(json.dumps({"type": "cancel", "id": end}))
                assert receive_json(connection)["error"]["code"] == "cancelled"
            else:
                connection.close()
            assert second.result(DEADLINE)[1]["response"] == "one two"
            ai.arrived.acquire(timeout=DEADLINE)
    assert len(host.wait_for_rows(2)) == 2 and len(ai.calls) == 4


def test_the_second_may_be_cancelled_alone(flow, ai):
    host, session = flow(), new_session()
    ai.script = ["gate"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool, host.connect(f"session={session}") as connection:
        first = pool.submit(post, host, session)
        assert ai.arrived.acquire(timeout=DEADLINE)
        receive_json(connection)
        connection.send(frame())
        connection.send(json.dumps({"type": "cancel", "id": "c-1"}))
        assert receive_json(connection)["error"]["code"] == "cancelled"
        ai.released.release()
        assert first.result(DEADLINE)[1]["type"] == "response"
    assert len(ai.calls) == 1


def test_an_error_is_tried_again_also_for_who_waited_for_it(flow, ai):
    host, session = flow(), new_session()
    ai.script = ["500"]
    assert post(host, session)[0] == 502
    assert post(host, session)[0] == 200
    assert len(ai.calls) == 2


def test_prompts_and_ids_are_told_apart_by_their_bytes(flow, ai):
    host, session = flow(), new_session()
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    answers = [post(host, session, frame(prompt=text))[1] for text in [composed, decomposed]]
    assert [answer["response"] for answer in answers] == [composed, decomposed]
    answers = [post(host, session, frame(id=text))[1] for text in [composed, decomposed]]
    assert answers[0]["message_id"] != answers[1]["message_id"]
    long = "x" * 20_000
    answers = [post(host, session, frame(id="long", prompt=long + end))[1] for end in "aab"]
    assert answers[0]["message_id"] == answers[1]["message_id"] != answers[2]["message_id"]
    assert len(ai.calls) == 6


def test_another_user_has_another_message(flow, ai):
    keys = "auth: {keys: [{key: \"${ANN}\", user: ann}, {key: \"${BOB}\", user: bob}]}"
    host, session = flow(host=keys), new_session()
    assert post(host, session, key="ann-key-0123456789")[0] == 200
    request = urllib.request.Request(
        f"{host.http}/ws?session={session}", data=frame().encode(), headers={"authorization": "Bearer bob-key-0123456789"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=DEADLINE)
    assert refused.value.code == 403 and len(ai.calls) == 1
    refused.value.close()


@pytest.mark.parametrize("value, calls", [("off", 2), ("0", 2), ("100ms", 2), ("1h", 1)])
def test_for_how_long_is_a_setting(flow, ai, value, calls):
    host, session = flow(f"remember: {value}"), new_session()
    post(host, session)
    if value == "100ms":
        wait_until(lambda: post(host, session) and len(ai.calls) == 2, "the answer to be forgotten")
    else:
        post(host, session)
    assert len(ai.calls) == calls


STORED = FLOW.replace("on_disconnect: cancel", "remember: stored").replace(
    "complete: {", "complete: {stream: true, ").replace("  - respond", "  - respond: {stream: true}")


def stored_id(session, id, pipeline="flow"):
    """As docs/wire.md has it."""
    digest = hashlib.sha256(b"\0".join(part.encode() for part in [pipeline, session, id])).digest()
    value = bytearray(digest[:16])
    value[6] = value[6] & 0x0F | 0x80
    value[8] = value[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(value)))


@pytest.mark.parametrize("database, queue", [("sqlite", False), ("postgres", False), ("sqlite", True)])
def test_stored_answers_are_known_after_a_restart(serve, ai, request, database, queue):
    flow, env = STORED, {"OPENAI_BASE_URL": ai.url}
    if database == "postgres":
        env["DATABASE_URL"] = request.getfixturevalue("postgres").url()
        flow = flow.replace("sqlite: {path: data/stagecoach.db}", 'postgres: {url: "${DATABASE_URL}", create: true}')
    if queue:
        flow = flow.replace("resources:", "resources:\n  outbox: {disk: {path: data/outbox}}").replace(
            "async: true", "async: {queue: outbox}")
    session = new_session()
    host = serve(flow, env=env, ends_well=False)
    answers = [post(host, session, frame(id=id))[1] for id in ["c-1", "é"]]
    assert [answer["message_id"] for answer in answers] == [stored_id(session, id) for id in ["c-1", "é"]]
    # Until it has ended it has its queue.
    host.stop(signal.SIGKILL if queue else signal.SIGTERM)
    host = serve(flow, env=env)
    again = [post(host, session, frame(id=id))[1] for id in ["c-1", "é"]] + [ask(host, session)]
    assert all(same(one, other) for one, other in zip(again, [*answers, answers[0]]))
    calls = len(ai.calls)
    assert calls == 2
    # Another prompt under a used id is no message, also once only the table knows it.
    status, refused = post(host, session, frame(prompt="other"))
    assert (status, refused["error"]["code"], refused["id"]) == (400, "invalid_message", "c-1")
    host.stop()
    host = serve(flow, env=env)
    assert post(host, session, frame(prompt="other"))[0] == 400 and len(ai.calls) == calls
    assert post(host, new_session())[1]["message_id"] != answers[0]["message_id"]


def test_a_stored_part_of_an_answer_is_none_and_is_replaced(serve, ai):
    host, session = serve(STORED, env={"OPENAI_BASE_URL": ai.url}), new_session()
    ai.script = ["stream_cut"]
    with host.connect(f"session={session}") as connection:
        receive_json(connection)
        connection.send(frame(prompt="one two three four"))
        while (got := receive_json(connection))["type"] == "delta":
            pass
        assert got["type"] == "error"
    assert json.loads(host.wait_for_rows(1)[0]["metadata"])["partial"] is True
    answer = post(host, session, frame(prompt="one two three four"))[1]
    assert answer["response"] == "one two three four"
    wait_until(lambda: host.rows("response")[0]["response"] == "one two three four", "the part to be replaced")
    row, = host.rows()
    assert row["id"] == answer["message_id"] and "partial" not in (row["metadata"] or "")
    host.stop()
    host = serve(STORED, env={"OPENAI_BASE_URL": ai.url})
    assert same(post(host, session, frame(prompt="one two three four"))[1], answer) and len(ai.calls) == 2


def test_a_table_that_cannot_be_asked_is_an_error_before_any_call(serve, ai, stoppable_postgres):
    flow = STORED.replace("sqlite: {path: data/stagecoach.db}", 'postgres: {url: "${DATABASE_URL}", create: true}')
    host, session = serve(flow, env={"OPENAI_BASE_URL": ai.url, "DATABASE_URL": stoppable_postgres.url()},
                          ends_well=False), new_session()
    assert post(host, session)[0] == 200
    stoppable_postgres.server.stop()
    status, error = post(host, session, frame(id="c-2"))
    assert (status, error["error"]["code"], len(ai.calls)) == (503, "database_unavailable", 1)


@pytest.mark.parametrize("value", ["soon", "-1s", "[10m]"])
def test_a_time_that_there_is_not_is_an_error(run, tmp_path, value):
    (tmp_path / "p.yaml").write_text(FLOW.replace("on_disconnect: cancel", f"remember: {value}"))
    checked = run("check", tmp_path / "p.yaml", env={"OPENAI_BASE_URL": "http://127.0.0.1:1"})
    assert checked.returncode == 1 and "remember" in checked.stderr and "8:" in checked.stderr
