"""PostgreSQL: the shipped file with a real server, and what its tables may lack."""

import time

import pytest

from conftest import ROOT, receive_json, say, wait_until, waiting
from severable import SeverableProxy

FILE = ROOT / "pipelines/postgres.yaml"


def variables(url, ai=None):
    model = {"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": "sk-canary-1234567890"} if ai else {}
    return {"DATABASE_URL": url, **model}


def shipped(create=False):
    text = FILE.read_text().replace("receive: {path: /ws}", "receive: {path: /ws, format: json}")
    return text if create else text.replace("create: true, ", "")


def test_a_conversation_is_stored_listed_and_shown(postgres, ai, serve, run):
    env = variables(postgres.url(), ai)
    host = serve(shipped(create=True), env=env)
    with host.connect() as connection:
        session = receive_json(connection)["session_id"]
        answers = [say(connection, prompt) for prompt in ["Hello, é 😀", "a\\u0000b"]]
    assert all(answer["type"] == "response" for answer in answers), answers
    wait_until(lambda: postgres.count() == 2, "the rows")
    rows = postgres.rows()
    assert [str(row["id"]) for row in rows] == [answer["message_id"] for answer in answers]
    assert [row["prompt"] for row in rows] == ["Hello, é 😀", "a\\u0000b"]
    assert rows[0]["session_id"] == session and rows[0]["username"] == "WebUser"
    assert rows[0]["metadata"]["choices"][0]["message"]["content"] == answers[0]["response"] == rows[0]["response"]
    assert rows[0]["tokens_used"] == rows[0]["metadata"]["usage"]["total_tokens"]
    assert rows[0]["created_at"] and rows[0]["updated_at"]
    assert session in run("sessions", FILE, env=env).stdout
    assert "Hello, é 😀" in run("sessions", FILE, session, env=env).stdout


def test_migrate_makes_the_table_and_doctor_finds_all_well(postgres, ai, run, tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text(shipped())
    env = variables(postgres.url(), ai)
    for _ in range(2):
        done = run("migrate", file, env=env)
        assert done.returncode == 0, done.stderr
    indexes = {row["indexname"] for row in postgres.execute("SELECT * FROM pg_indexes WHERE tablename = 'requests'")}
    assert indexes == {"requests_pkey", "idx_requests_session_id", "idx_requests_created_at", "idx_requests_username"}
    postgres.psql(run("migrate", file, "--print", env=env).stdout * 2)
    assert run("check", "--live", file, env=env).returncode == 0
    done = run("doctor", file, env=env)
    assert done.returncode == 0, done.stdout
    assert "✓ a conversation of three" in done.stdout
    assert postgres.count() == 0, "doctor removes what it wrote"


@pytest.mark.parametrize("change, remedy", [
    ("DROP TABLE requests", "stagecoach migrate"),
    ("ALTER TABLE requests DROP COLUMN user_id", 'ALTER TABLE "requests" ADD COLUMN user_id text'),
    ("ALTER TABLE requests ALTER COLUMN tokens_used TYPE text", "is text where integer is needed"),
    ("ALTER TABLE requests DROP CONSTRAINT requests_pkey", 'ALTER TABLE "requests" ADD PRIMARY KEY (id)'),
])
def test_what_a_table_lacks_is_named_with_what_to_do(postgres, run, tmp_path, change, remedy):
    file = tmp_path / "p.yaml"
    file.write_text(shipped())
    env = {**variables(postgres.url()), "OPENAI_API_KEY": "sk-canary-1234567890"}
    assert run("migrate", file, env=env).returncode == 0
    postgres.execute(change)
    for command in [("check", "--live", file), ("doctor", "--quick", file), ("serve", file, "--port", "0")]:
        done = run(*command, env=env)
        assert done.returncode != 0 and remedy in done.stdout + done.stderr, (command, done)


def test_an_index_that_has_the_name_of_ours_is_named(postgres, run, tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text(shipped())
    postgres.execute("CREATE TABLE other (a text); CREATE INDEX idx_requests_username ON other (a)")
    done = run("migrate", file, env=variables(postgres.url()))
    assert done.returncode == 1
    assert "'idx_requests_username'" in done.stderr and "an index of the table other" in done.stderr


def test_a_wrong_password_is_said_and_never_shown(postgres, ai, serve, run):
    postgres.execute("DROP ROLE IF EXISTS careful; CREATE ROLE careful LOGIN PASSWORD 'right'")
    env = variables(postgres.url(user="careful", password="wr0ng-s3cret"), ai)
    for command in [("check", "--live", FILE), ("doctor", "--quick", FILE), ("migrate", FILE), ("sessions", FILE)]:
        done = run(*command, env=env)
        said = done.stdout + done.stderr
        assert done.returncode == 1 and "password authentication failed" in said, (command, said)
        assert "wr0ng-s3cret" not in said
    host = serve(shipped(), env=env)
    with host.connect() as connection:
        receive_json(connection)
        assert say(connection)["error"]["message"] == "Database not connected"
    wait_until(lambda: any("password authentication failed" in line for line in host.log), "the entry")
    assert not any("wr0ng-s3cret" in line for line in host.log)


def test_a_connection_cut_between_commit_and_answer_stores_each_row_once(postgres, ai, serve):
    """The server has committed and the host never hears of it."""
    proxy = SeverableProxy(postgres.server.port)
    try:
        text = shipped(create=True).replace("[model, database]", "[model]")
        host = serve(text, env=variables(postgres.url(port=proxy.port), ai))
        cuts = []

        def swallow(data):
            # CommandComplete of an insertion.
            if b"INSERT 0 " in data and len(cuts) < 5:
                cuts.append(data)
                return True
            return False

        with host.connect() as connection:
            receive_json(connection)
            proxy.swallow = swallow
            ids = [say(connection, str(number))["message_id"] for number in range(100)]
            wait_until(lambda: postgres.count() == 100, "the rows")
        assert cuts
        assert [str(row["id"]) for row in postgres.rows()] == ids
        assert host.stop() == 0 and not host.entries("stage_failed")
    finally:
        proxy.stop()


@pytest.mark.alone
@pytest.mark.parametrize("kind", ["stopped", "silent"])
def test_with_the_database_validated_an_outage_is_heard_within_2_s_and_so_is_its_end(
        stoppable_postgres, ai, serve, kind):
    proxy = SeverableProxy(stoppable_postgres.server.port)
    try:
        host = serve(shipped(create=True), env=variables(stoppable_postgres.url(port=proxy.port), ai))
        with host.connect() as connection:
            receive_json(connection)
            assert say(connection)["type"] == "response"
            began = time.monotonic()
            if kind == "silent":
                proxy.silent = True
            else:
                stoppable_postgres.server.stop()
            wait_until(lambda: say(connection).get("error", {}).get("message") == "Database not connected", "an error")
            assert time.monotonic() - began < 2
            if kind == "silent":
                proxy.heal()
            else:
                stoppable_postgres.server.start()
            began = time.monotonic()
            wait_until(lambda: say(connection)["type"] == "response", "an answer")
            assert time.monotonic() - began < 2
        # The host still has the proxy for what it has answered.
        wait_until(lambda: waiting(host) == 0, "the rows to be stored")
    finally:
        proxy.stop()
