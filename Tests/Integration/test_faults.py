"""What goes wrong upstream, with the key, and with the database: each its code, its text, one log entry."""

import json
import re

import pytest

from conftest import DEADLINE, ROOT, chat_yaml, receive, receive_json, wait_until
from fakeai import FakeAI

CANARY = "sk-canary-1234567890"
SHORT = chat_yaml().replace("timeout: 30s", "timeout: 500ms")


@pytest.fixture
def short(serve, ai):
    return serve(SHORT, env={"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": CANARY})


def test_without_a_key_the_client_is_told_and_the_connection_lives_on(serve, ai):
    host = serve(ROOT / "pipelines/chat.yaml", env={"OPENAI_BASE_URL": ai.url})
    with host.connect() as client:
        client.send("hello")
        assert receive(client) == "OpenAI client not initialized"
        wait_until(lambda: host.entries("model_key_missing"), "the log entry")
        assert len(host.entries("model_key_missing")) == 1
        client.send("again")
        assert receive(client) == "OpenAI client not initialized"
    assert ai.calls == [] and host.rows() == []
    with host.connect("format=json") as client:
        receive(client)
        client.send("{\"prompt\": \"x\", \"id\": \"c-1\"}")
        assert receive_json(client) == {
            "type": "error", "id": "c-1", "seq": 2,
            "error": {"code": "model_key_missing", "message": "OpenAI client not initialized", "stage": "validate",
                      "retryable": False}}


@pytest.mark.parametrize(
    ("fault", "code", "retryable"),
    [("401", "model_unauthorized", False), ("429", "model_rate_limited", True), ("500", "model_unavailable", True),
     ("503html", "model_unavailable", True), ("404", "model_bad_response", False),
     ("invalid_json", "model_bad_response", False), ("empty_choices", "model_bad_response", False),
     ("null_content", "model_bad_response", False), ("deep_json", "model_bad_response", False),
     ("huge", "model_bad_response", False), ("closed_early", "model_unavailable", True),
     ("reset", "model_unavailable", True), ("hang", "model_timeout", True), ("hang_mid_body", "model_timeout", True),
     ("drip", "model_timeout", True)])
def test_an_upstream_fault_has_its_code_one_log_entry_and_no_row(short, ai, fault, code, retryable):
    # A connection that the API resets is tried once more by the HTTP client where it was kept from an earlier call.
    ai.script = [fault] * (2 if fault == "reset" else 1)
    with short.connect("format=json") as client:
        receive(client)
        client.send("{\"prompt\": \"hello\", \"id\": \"c-1\"}")
        frame = receive_json(client)
        assert (frame["type"], frame["id"]) == ("error", "c-1")
        assert (frame["error"]["code"], frame["error"]["retryable"]) == (code, retryable)
        assert frame["error"]["stage"] == "complete"
        assert fault != "404" or frame["error"]["message"] == "The model's API refused the request"
        assert code != "model_timeout" or frame["error"]["message"] == "The model did not answer in time"
        ai.script = []
        client.send("{\"prompt\": \"next\"}")
        assert receive_json(client)["response"] == "next"
        (row,) = short.wait_for_rows(1)
        assert row["prompt"] == "next"
    short.stop()
    (entry,) = short.entries(code)
    assert entry["level"] == "error" and re.fullmatch(r"[0-9a-f-]{36}", entry["message_id"])
    everything = short.line + "".join(short.log) + json.dumps(frame)
    assert CANARY not in everything and str(ai.port) not in json.dumps(frame)


def test_an_answer_without_usage_is_an_answer(chat, ai):
    ai.script = ["no_usage"]
    with chat.connect("format=json") as client:
        receive(client)
        client.send("{\"prompt\": \"hello\"}")
        assert receive_json(client)["tokens_used"] is None
    assert chat.wait_for_rows(1)[0]["tokens_used"] is None


def test_an_unreachable_model_is_unavailable(serve):
    host = serve(ROOT / "pipelines/chat.yaml", env={"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": CANARY})
    with host.connect("format=json") as client:
        receive(client)
        client.send("{\"prompt\": \"hello\"}")
        error = receive_json(client)["error"]
        assert error["code"] == "model_unavailable" and "127.0.0.1" not in error["message"]


def test_a_redirect_never_carries_the_key_elsewhere(short, ai):
    elsewhere = FakeAI()
    ai.redirect_port = elsewhere.port
    ai.script = ["redirect"]
    with short.connect("format=json") as client:
        receive(client)
        client.send("{\"prompt\": \"hello\"}")
        assert receive_json(client)["error"]["code"] == "model_bad_response"
    assert elsewhere.calls == []
    elsewhere.stop()


def test_a_client_that_leaves_ends_the_upstream_call_and_leaves_no_row(chat, ai):
    ai.script = ["hang"]
    with chat.raw() as client:
        client.sendall(b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                       b"\x81\x82\x00\x00\x00\x00hi")
        assert ai.arrived.acquire(timeout=10)
    assert ai.closed_by_client.wait(0.1 * DEADLINE), "the upstream call goes on"
    with chat.connect() as other:
        other.send("next")
        assert receive(other) == "next"
    assert [row["prompt"] for row in chat.wait_for_rows(1)] == ["next"]


def test_a_database_that_cannot_be_opened_is_told_and_comes_back(serve, tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")
    host = serve(ROOT / "pipelines/offline.yaml")
    with host.connect() as client:
        client.send("hello")
        assert receive(client) == "Database not connected"
        (tmp_path / "data").unlink()

        def answered():
            client.send("again")
            return receive(client) == "again"

        wait_until(answered, "the database to be back", deadline=0.4 * DEADLINE)
    assert host.wait_for_rows(1)


def test_a_database_that_vanishes_is_made_anew(offline, tmp_path):
    with offline.connect() as client:
        client.send("one")
        receive(client)
        offline.wait_for_rows(1)
        for file in (tmp_path / "data").iterdir():
            file.unlink()

        def has_table():
            # The file is there before what is in it.
            path = tmp_path / "data" / "stagecoach.db"
            if not path.exists():
                return False
            with offline.database() as database:
                return database.execute("select 1 from sqlite_master where name = 'requests'").fetchone()

        wait_until(has_table, "a new database")
        client.send("two")
        receive(client)
    assert [row["prompt"] for row in offline.wait_for_rows(1)] == ["two"]


def test_a_table_without_a_needed_column_stops_the_start(run, tmp_path):
    import sqlite3
    (tmp_path / "data").mkdir()
    with sqlite3.connect(tmp_path / "data" / "stagecoach.db") as database:
        database.execute("create table requests (id text primary key, session_id text not null)")
    result = run("serve", ROOT / "pipelines/offline.yaml", "--port", "0")
    assert result.returncode == 1 and result.stdout == ""
    assert "no column 'prompt'" in result.stderr and "ALTER TABLE requests ADD COLUMN prompt" in result.stderr
