"""Supabase: the shipped file over a stand-in for its REST API, which the public Python client reads and writes too."""

import json
import time
import uuid

import pytest
from postgrest import APIError, SyncPostgrestClient
from postgrest.types import CountMethod

from conftest import DEADLINE, ROOT, receive_json, say, wait_until
from postgrest_server import ANON, SERVICE, PostgREST

FILE = ROOT / "pipelines/supabase.yaml"
OWN_ID = {"code": "23505", "message": 'duplicate key value violates unique constraint "requests_pkey"',
          "details": "Key (id)=(6d1f1f0e-0000-4000-8000-000000000000) already exists.", "hint": None}


@pytest.fixture
def rest(postgres):
    server = PostgREST(postgres.url())
    server.database = postgres
    yield server
    server.stop()


@pytest.fixture
def table(rest, run):
    """The table as the printed SQL makes it."""
    rest.database.psql(run("migrate", FILE, "--print").stdout)
    return rest


def variables(rest, ai=None, key=SERVICE):
    model = {"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": "sk-canary-1234567890"} if ai else {}
    return {"SUPABASE_URL": rest.url, "SUPABASE_KEY": key, **model}


def client(rest, key=SERVICE):
    return SyncPostgrestClient(f"{rest.url}/rest/v1", headers={"apikey": key, "Authorization": f"Bearer {key}"})


def inserts(rest):
    return [call for call in rest.calls if call[0] == "POST"]


def stage(text):
    """The shipped file with JSON frames."""
    return FILE.read_text().replace("receive: {path: /ws}", "receive: {path: /ws, format: json}").replace(
        "[model, database]", text)


@pytest.mark.parametrize("key", [ANON, SERVICE])
def test_the_public_client_sees_the_rows_of_a_conversation_and_the_host_sees_its_rows(table, ai, serve, run, key):
    host = serve(stage("[model, database]"), env=variables(table, ai, key))
    with host.connect() as connection:
        session = receive_json(connection)["session_id"]
        answer = say(connection, "Hello, é 😀")
    wait_until(lambda: table.database.count() == 1, "the row")
    found = client(table, key).from_("requests").select("*").eq("session_id", session).execute().data
    assert [(row["id"], row["prompt"], row["response"]) for row in found] == [
        (answer["message_id"], "Hello, é 😀", answer["response"])]
    assert found[0]["metadata"]["choices"][0]["message"]["content"] == answer["response"]
    assert found[0]["tokens_used"] == found[0]["metadata"]["usage"]["total_tokens"]

    other = {"id": str(uuid.uuid4()), "session_id": "from-python", "prompt": 'a "quoted", (odd) one', "response": "r"}
    client(table, key).from_("requests").insert(other).execute()
    listed = run("sessions", FILE, env=variables(table, ai, key))
    assert session in listed.stdout and "from-python" in listed.stdout, listed
    shown = run("sessions", FILE, "from-python", env=variables(table, ai, key))
    assert 'a "quoted", (odd) one' in shown.stdout
    headers = {name.lower(): value for name, value in inserts(table)[0][2].items()}
    assert headers["apikey"] == key and headers["authorization"] == f"Bearer {key}"
    assert headers["prefer"] == "resolution=ignore-duplicates,return=minimal"


def test_the_stand_in_is_what_the_public_client_expects(table):
    requests = client(table).from_("requests")
    rows = [{"id": str(uuid.uuid4()), "session_id": f"s{index}", "prompt": str(index), "response": "r"}
            for index in range(3)]
    assert [row["prompt"] for row in requests.insert(rows).execute().data] == ["0", "1", "2"]
    again = requests.upsert(rows, on_conflict="id", ignore_duplicates=True).execute()
    assert again.data == []
    requests.update({"response": "new"}).eq("id", rows[0]["id"]).execute()
    newest = requests.select("prompt,response").in_("session_id", ["s0", "s2"]).order("prompt", desc=True).execute()
    assert newest.data == [{"prompt": "2", "response": "r"}, {"prompt": "0", "response": "new"}]
    assert requests.select("id", count=CountMethod.exact).limit(1).execute().count == 3
    requests.delete().neq("session_id", "s1").execute()
    assert [row["session_id"] for row in requests.select("*").execute().data] == ["s1"]
    for call, code in [(requests.insert(rows[1]), "23505"), (requests.select("none"), "42703"),
                       (requests.insert({"none": 1}), "PGRST204"), (client(table).from_("none").select("*"), "PGRST205"),
                       (requests.insert({"id": "x"}), "22P02")]:
        with pytest.raises(APIError) as error:
            call.execute()
        assert error.value.code == code


def test_without_address_and_key_clients_hear_that_the_database_is_not_connected(ai, serve, run):
    env = {"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": "sk-canary-1234567890"}
    assert run("check", FILE, env=env).returncode == 0
    host = serve(stage("[model, database]"), env=env)
    with host.connect() as connection:
        receive_json(connection)
        assert say(connection)["error"]["message"] == "Database not connected"
    assert any("SUPABASE_URL" in line for line in host.log)
    live = run("check", "--live", FILE, env=env)
    assert live.returncode == 1 and "SUPABASE_URL" in live.stderr + live.stdout
    wrong = run("check", FILE, env={**env, "SUPABASE_URL": "project.supabase.co"})
    assert wrong.returncode == 1 and "https://PROJECT.supabase.co" in wrong.stderr + wrong.stdout


def test_doctor_and_live_check_say_what_is_missing(rest, ai, run):
    env = variables(rest, ai)

    def said(*command):
        done = run(*command, env=env)
        return done.returncode, done.stdout + done.stderr

    for command in [("check", "--live", FILE), ("doctor", "--quick", FILE)]:
        code, text = said(*command)
        assert code == 1 and "the table 'requests' does not exist" in text and "SQL editor" in text, text
    code, text = said("migrate", FILE)
    assert code == 1 and "--print" in text and "SQL editor" in text
    rest.database.psql(said("migrate", FILE, "--print")[1] * 2)
    assert said("check", "--live", FILE)[0] == 0
    code, text = said("doctor", FILE)
    assert code == 0, text
    assert rest.database.count() == 0, "doctor removes what it wrote"
    rest.database.execute("ALTER TABLE requests DROP COLUMN user_id, ALTER COLUMN metadata TYPE text")
    for command in [("check", "--live", FILE), ("doctor", "--quick", FILE)]:
        code, text = said(*command)
        assert code == 1 and "ADD COLUMN user_id" in text, text
        assert "'metadata'" in text and "is text where jsonb is needed" in text
    env["SUPABASE_KEY"] = "not-the-key-1234567890"
    for command in [("check", "--live", FILE), ("doctor", "--quick", FILE)]:
        code, text = said(*command)
        assert code == 1 and "the key was refused" in text and "service_role" in text
        assert "not-the-key" not in text


def test_a_key_that_policies_keep_out_loses_nothing_and_says_so(table, ai, serve):
    table.database.execute("ALTER TABLE requests ENABLE ROW LEVEL SECURITY")
    text = stage("[model]").replace("async: true", "async: {queue: outbox}").replace(
        "stages:", "  outbox: {disk: {path: data/outbox.db}}\nstages:")
    host = serve(text, env=variables(table, ai, ANON))
    with host.connect() as connection:
        receive_json(connection)
        assert say(connection)["type"] == "response"
    wait_until(lambda: any("row-level security" in line for line in host.log), "the log's line")
    assert any("service_role" in line for line in host.log)
    assert table.database.count() == 0
    table.database.execute("CREATE POLICY all_may ON requests USING (true)")
    wait_until(lambda: table.database.count() == 1, "the row")


@pytest.mark.parametrize("fault, rows", [
    ((500, "<html>Internal Server Error</html>"), 1),
    ((503, {"code": "PGRST000", "message": "Could not connect with the database", "details": None, "hint": None}), 1),
    ((401, {"message": "Invalid API key", "hint": "Double check"}), 1),
    ((429, {"message": "API rate limit exceeded"}), 1),
    ((409, OWN_ID), 0),
])
def test_each_refusal_of_an_insert_is_mapped(table, ai, serve, fault, rows):
    """A refusal that may pass keeps the row for later; an id that is there already is a row that is stored."""
    host = serve(stage("[model]"), env=variables(table, ai))
    refused = []

    def once(call, body):
        if call.command != "POST" or len(refused) >= 2:
            return None
        refused.append(body)
        return fault

    table.fault = once
    with host.connect() as connection:
        receive_json(connection)
        assert say(connection)["type"] == "response"
        wait_until(lambda: refused, "the refusal")
        if rows:
            wait_until(lambda: table.database.count() == rows, "the row")
    assert host.stop() == 0
    assert table.database.count() == rows
    assert not host.entries("stage_failed"), host.log


def test_a_gateway_that_takes_small_bodies_alone_gets_small_bodies(table, ai, serve):
    host = serve(stage("[model]"), env=variables(table, ai))

    def small(call, body):
        return (413, "<html>Request Entity Too Large</html>") if len(body) > 30_000 else None

    table.fault = small
    with host.connect() as connection:
        receive_json(connection)
        for number in range(40):
            connection.send(json.dumps({"prompt": f"{number} " + "x" * 4_000}))
        for number in range(40):
            assert receive_json(connection)["type"] == "response"
        connection.send(json.dumps({"prompt": "y" * 40_000}))
        error = receive_json(connection)
        assert error["type"] == "error", "longer than the file allows"
    wait_until(lambda: table.database.count() == 40, "the rows")
    assert [row["prompt"].split()[0] for row in table.database.rows()] == [str(number) for number in range(40)]


@pytest.mark.alone
@pytest.mark.parametrize("silent", [False, True])
def test_an_outage_is_heard_within_2_s_and_so_is_its_end(table, ai, serve, silent):
    host = serve(stage("[model, database]"), env=variables(table, ai))
    with host.connect() as connection:
        receive_json(connection)
        assert say(connection)["type"] == "response"
        table.fault = "hang" if silent else (503, "<html>Bad Gateway</html>")
        began = time.monotonic()
        wait_until(lambda: say(connection).get("error", {}).get("message") == "Database not connected", "the error")
        assert time.monotonic() - began < 2
        table.fault = None
        table.released.set()
        began = time.monotonic()
        wait_until(lambda: say(connection)["type"] == "response", "an answer")
        assert time.monotonic() - began < 2


def test_a_project_is_not_asked_while_nobody_needs_it_and_the_next_message_knows_how_it_is(table, ai, serve):
    host = serve(stage("[model, database]"), env=variables(table, ai))
    with host.connect() as connection:
        receive_json(connection)
        assert say(connection)["type"] == "response"
        wait_until(lambda: table.database.count() == 1, "the row")
        time.sleep(2.5)
        before = len(table.calls)
        time.sleep(3)
        assert len(table.calls) == before
        # The state is older than 2 s now: the message waits for one look.
        table.fault = (503, "<html>Bad Gateway</html>")
        assert say(connection)["error"]["message"] == "Database not connected"
        assert len(table.calls) == before + 1
        time.sleep(2.5)
        table.fault = None
        assert say(connection)["type"] == "response"
        # A look that is not answered holds a message for a second at most.
        time.sleep(2.5)
        table.fault = "hang"
        began = time.monotonic()
        assert say(connection)["error"]["message"] == "Database not connected"
        assert time.monotonic() - began < 1 + 0.05 * DEADLINE
        table.fault = None
        table.released.set()


def test_a_server_that_is_gone_and_comes_back_loses_no_row(table, ai, serve):
    text = stage("[model]").replace("async: true", "async: {queue: outbox}").replace(
        "stages:", "  outbox: {disk: {path: data/outbox.db}}\nstages:")
    host = serve(text, env=variables(table, ai))
    with host.connect() as connection:
        receive_json(connection)
        table.fault = "hang"
        for number in range(50):
            assert say(connection, str(number))["type"] == "response"
        table.fault = None
        table.released.set()
        wait_until(lambda: table.database.count() == 50, "the rows", deadline=20)
    assert [row["prompt"] for row in table.database.rows()] == [str(number) for number in range(50)]
