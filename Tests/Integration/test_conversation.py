"""The documented flow: a prompt, an answer, a row."""

import contextlib
import json
import re
import uuid
from datetime import datetime, timedelta, timezone

import pytest
from websockets.exceptions import InvalidStatus

from conftest import receive, receive_json


def test_a_prompt_is_answered_and_stored_with_every_column_right(chat, ai):
    with chat.connect("username=ada") as client:
        session = client.response.headers["Stagecoach-Session"]
        client.send("What is 2+2?")
        assert receive(client) == "What is 2+2?"
    (row,) = chat.wait_for_rows(1)
    assert uuid.UUID(row["id"]).version == 7
    assert row["session_id"] == session and uuid.UUID(session).version == 4
    assert (row["prompt"], row["response"], row["tokens_used"]) == ("What is 2+2?", "What is 2+2?", 42)
    assert json.loads(row["metadata"]) == ai.answer_to("What is 2+2?")
    assert (row["username"], row["user_id"]) == ("ada", None)
    for column in ("created_at", "updated_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", row[column])
    created = datetime.fromisoformat(row["created_at"])
    assert abs(datetime.now(timezone.utc) - created) < timedelta(minutes=1)
    call = ai.calls[0]
    assert call["line"] == "POST /v1/chat/completions HTTP/1.1"
    assert call["headers"]["authorization"] == "Bearer sk-canary-1234567890"
    assert call["body"] == {"model": "gpt-3.5-turbo", "messages": [{"role": "user", "content": "What is 2+2?"}]}


def test_the_table_is_the_documented_one(offline):
    with offline.database() as database:
        columns = {row[1]: (row[2], row[3], row[5]) for row in database.execute("pragma table_info(requests)")}
        indexes = {row[1] for row in database.execute("pragma index_list(requests)")}
    assert columns == {
        "id": ("TEXT", 1, 1), "session_id": ("TEXT", 1, 0), "prompt": ("TEXT", 1, 0), "response": ("TEXT", 1, 0),
        "tokens_used": ("INTEGER", 0, 0), "metadata": ("TEXT", 0, 0), "username": ("TEXT", 0, 0),
        "user_id": ("TEXT", 0, 0), "created_at": ("TEXT", 0, 0), "updated_at": ("TEXT", 0, 0)}
    assert {"idx_requests_session_id", "idx_requests_created_at", "idx_requests_username"} <= indexes


def test_json_format_greets_answers_and_counts(chat):
    with chat.connect("format=json") as client:
        greeting = receive_json(client)
        assert greeting == {"type": "session", "session_id": client.response.headers["Stagecoach-Session"], "seq": 1}
        client.send(json.dumps({"prompt": "2 + 2 \"=\" \n", "id": "c-1", "username": "bob", "metadata": {"a": [1]}}))
        answer = receive_json(client)
        message_id = answer.pop("message_id")
        assert answer == {
            "type": "response", "id": "c-1", "session_id": greeting["session_id"], "response": "2 + 2 \"=\" \n",
            "tokens_used": 42, "finish_reason": "stop", "seq": 2}
        client.send(json.dumps({"prompt": "again", "unknown": 1}))
        second = receive_json(client)
        assert "id" not in second and second["seq"] == 3
    rows = chat.wait_for_rows(2)
    assert rows[0]["id"] == message_id
    assert [row["username"] for row in rows] == ["bob", "WebUser"]


@pytest.mark.parametrize(
    ("frame", "code", "client_id"),
    [("nope", "invalid_json", None), ("{\"prompt\":", "invalid_json", None), ("[1]", "invalid_message", None),
     ("{\"id\":\"c\"}", "invalid_message", "c"), ("{\"prompt\":5,\"id\":\"c\"}", "invalid_message", "c"),
     ("{\"prompt\":\"\",\"id\":\"c\"}", "invalid_message", "c")])
def test_a_frame_that_is_no_message_is_an_error_and_the_next_one_works(chat, frame, code, client_id):
    with chat.connect("format=json") as client:
        receive(client)
        client.send(frame)
        error = receive_json(client)
        assert (error["type"], error["error"]["code"], error.get("id")) == ("error", code, client_id)
        assert code != "invalid_json" or error["error"]["message"].startswith("Message is not valid JSON")
        client.send(json.dumps({"prompt": "works"}))
        assert receive_json(client)["response"] == "works"


def test_a_session_is_continued_and_its_id_is_checked(offline):
    session = str(uuid.uuid4())
    for _ in range(2):
        with offline.connect(f"session={session}") as client:
            assert client.response.headers["Stagecoach-Session"] == session
            client.send("hello")
            receive(client)
    assert {row["session_id"] for row in offline.wait_for_rows(2)} == {session}
    for bad in ("x", str(uuid.uuid1()), session + "0", "%00"):
        with pytest.raises(InvalidStatus) as refusal:
            offline.connect(f"session={bad}")
        assert refusal.value.response.status_code == 400


def test_a_prompt_that_is_too_long_is_refused_and_counted_in_characters(offline):
    with offline.connect("format=json") as client:
        receive(client)
        client.send(json.dumps({"prompt": "é" * 8000}))
        assert receive_json(client)["type"] == "response"
        client.send(json.dumps({"prompt": "é" * 8001}))
        error = receive_json(client)["error"]
        assert (error["code"], error["stage"], error["retryable"]) == ("too_long", "validate", False)


def test_many_clients_are_answered_in_order_and_stored_once(offline):
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(offline.connect()) for _ in range(64)]
        for number in range(20):
            for index, client in enumerate(clients):
                client.send(f"{index}/{number}")
        for index, client in enumerate(clients):
            assert [receive(client) for _ in range(20)] == [f"{index}/{number}" for number in range(20)]
    rows = offline.wait_for_rows(1280)
    assert len({row["id"] for row in rows}) == 1280
    by_session = {}
    for row in rows:
        by_session.setdefault(row["session_id"], []).append(int(row["prompt"].split("/")[1]))
    assert all(numbers == list(range(20)) for numbers in by_session.values()) and len(by_session) == 64


def test_what_a_client_sends_is_stored_byte_for_byte(offline):
    corpus = ["'; drop table requests; --", "\"", "\\", "%s %d ${PATH} {{prompt}}", "\u202e\ufeff\U0001f600", "a\tb\r\nc",
              "{\"prompt\": 1}", "null", "<script>alert(1)</script>", "\x1b[31mred"]
    with offline.connect() as client:
        for text in corpus:
            client.send(text)
            assert receive(client) == text
    assert [row["prompt"] for row in offline.wait_for_rows(len(corpus))] == corpus
