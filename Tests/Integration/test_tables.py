"""Tables as people have them: rows and columns that other programs made, and databases that change under the host."""

import json
import os
import random
import signal
import sqlite3
import threading
import time
import urllib.error
import urllib.request
import uuid

import pytest

from conftest import DEADLINE, ROOT, receive_json, say, wait_until
from postgres import Database
from postgrest_server import SERVICE, PostgREST
from test_metrics import Metrics
from test_postgres import shipped, variables

SESSION = "6f1f2a52-6c1c-4f0e-9c0a-0d6a3a1b2c3d"
NOW = "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')"
FLOW = """
pipeline: flow
resources:
  model: {openai: {url: URL, key: sk-canary-1234567890}}
  database: {sqlite: {path: data/stagecoach.db}}
host: {history: true}
stages:
  - receive: {format: json}
  - limit: {tokens: 1000, period: 24h}
  - recall: {turns: 3}
  - complete
  - persist
  - respond
"""
# The columns as the host makes them, with anything allowed in them.
OPEN = """
create table requests (id, session_id, prompt, response, tokens_used, metadata, username default 'WebUser', user_id,
  created_at, updated_at);
create unique index ids on requests (id);
"""


def database(tmp_path, script=OPEN):
    (tmp_path / "data").mkdir(exist_ok=True)
    with sqlite3.connect(tmp_path / "data" / "stagecoach.db") as connection:
        connection.executescript(script)
    connection.close()


def add(tmp_path, created_at, prompt, tokens="1", id=None, session=SESSION):
    """A row whose time and tokens are SQL."""
    with sqlite3.connect(tmp_path / "data" / "stagecoach.db", timeout=DEADLINE) as connection:
        connection.execute(
            f"insert into requests (id, session_id, prompt, response, tokens_used, created_at) "
            f"values (?, ?, ?, 'r', {tokens}, {created_at})", (id or str(uuid.uuid4()), session, prompt))
    connection.close()


def history(host, session=SESSION):
    with urllib.request.urlopen(f"{host.http}/sessions/{session}", timeout=DEADLINE) as answer:
        return json.loads(answer.read())


def asked(ai):
    """What the model was told last, without its answers."""
    return [turn["content"] for turn in ai.calls[-1]["body"]["messages"] if turn["role"] == "user"]


ODD = ["NULL", "''", "'yesterday'", "x'00ff'", "-9223372036854775808", "9e999", "'9999999999999-1-1T1:1:1.12Z'"]


def test_rows_that_cannot_be_read_are_logged_once_counted_and_left_out(serve, run, ai, tmp_path):
    database(tmp_path)
    for index, time in enumerate(ODD):
        add(tmp_path, time, f"canary-{index}")
    for index, tokens in enumerate(["'n/a'", "x'01'", "1.5", "9e999"]):
        add(tmp_path, NOW, f"canary-tokens-{index}", tokens=tokens)
    add(tmp_path, "'2026-01-31T12:00:00Z'", "good")
    host = serve(FLOW.replace("URL", ai.url))
    with host.connect(f"session={SESSION}") as connection:
        receive_json(connection)
        for round in range(3):
            assert say(connection, f"round {round}")["type"] == "response"
        assert asked(ai) == ["good", "round 0", "round 1", "round 2"]
    assert [row["prompt"] for row in history(host)] == ["good", "round 0", "round 1", "round 2"]
    listed = run("sessions", tmp_path / "pipeline-0.yaml")
    assert listed.returncode == 0 and f"{SESSION}         4  " in listed.stdout, listed
    shown = run("sessions", tmp_path / "pipeline-0.yaml", SESSION)
    assert shown.returncode == 0 and "good" in shown.stdout and "canary" not in shown.stdout + shown.stderr
    assert run("doctor", "--quick", tmp_path / "pipeline-0.yaml").returncode == 0
    metrics = Metrics(host)
    assert metrics.value("stagecoach_rows_unreadable_total", resource="database", column="created_at") >= len(ODD)
    assert metrics.value("stagecoach_rows_unreadable_total", resource="database", column="tokens_used") >= 4
    said = [line for line in host.log if "can't be read" in line]
    assert len(said) == len(ODD) + 4, "each once"
    assert not any("canary" in line for line in host.log)


def test_a_table_whose_counts_no_integer_holds_spends_the_budget(serve, ai, tmp_path):
    database(tmp_path)
    for _ in range(3):
        add(tmp_path, NOW, "x", tokens="9223372036854775807")
    host = serve(FLOW.replace("URL", ai.url))
    with host.connect() as connection:
        receive_json(connection)
        assert say(connection, "x")["error"]["code"] == "budget_spent"


FORMS = [
    "'2026-01-31T12:00:00.000000Z'", "'2026-01-31T13:00:01+01:00'", "'2026-01-31T12:00:02'", "'2026-01-31 12:00:03'",
    "datetime('2026-01-31 12:00:04')", "'2026-01-31T12:00:05.123456789Z'", "'20260131T120006Z'", "'2026-W05-6T12:00:07Z'",
    "1769860808", "julianday('2026-01-31 12:00:09')", "1769860810000", "'2026-01-31T07:00:11-0500'",
    "'1769860812'", "'2026-01-31T12:00:13,5Z'", "'2026-01-31 12:00:14 UTC'",
]


def test_times_in_every_form_and_ids_of_any_kind_are_read_in_the_order_of_time(serve, run, ai, tmp_path):
    database(tmp_path)
    for index, time in reversed(list(enumerate(FORMS))):
        add(tmp_path, time, f"p{index}", id=index if index % 2 else f"message {index}")
    add(tmp_path, "datetime('now')", "of today", tokens="1000", session="another")
    host = serve(FLOW.replace("URL", ai.url).replace("tokens: 1000", "tokens: 1001"))
    assert [row["prompt"] for row in history(host)] == [f"p{index}" for index in range(len(FORMS))]
    assert [row["id"] for row in history(host)][:3] == ["message 0", "1", "message 2"]
    assert history(host)[1]["created_at"] == "2026-01-31T12:00:01.000000Z"
    with host.connect(f"session={SESSION}") as connection:
        receive_json(connection)
        assert say(connection, "next")["type"] == "response"
        assert asked(ai) == ["p12", "p13", "p14", "next"]
        assert say(connection, "over")["error"]["code"] == "budget_spent", "today's counts, in whatever form"
    file = tmp_path / "pipeline-0.yaml"
    assert "p0" in run("sessions", file, SESSION).stdout and SESSION in run("sessions", file).stdout
    assert "can't be read" not in "".join(host.log)


COLUMNS = """id TEXT PRIMARY KEY NOT NULL, session_id TEXT NOT NULL, prompt TEXT NOT NULL, response TEXT NOT NULL,
  tokens_used INTEGER, metadata TEXT, username TEXT, user_id TEXT, created_at TEXT, updated_at TEXT"""


def table(*changes):
    columns = COLUMNS
    for old, new in zip(changes[::2], changes[1::2]):
        assert old in columns
        columns = columns.replace(old, new)
    return f"create table requests ({columns})"


@pytest.mark.parametrize("script, said", [
    (table("updated_at TEXT", "updated_at TEXT, tenant TEXT NOT NULL"), "'tenant'"),
    (table("id TEXT PRIMARY KEY NOT NULL", "id INTEGER PRIMARY KEY"), "INTEGER PRIMARY KEY, which takes no UUID"),
    (table("id TEXT PRIMARY KEY NOT NULL", "id INTEGER"), "no key on 'id': CREATE UNIQUE INDEX"),
    (table("id TEXT PRIMARY KEY NOT NULL", "id TEXT"), "no key on 'id': CREATE UNIQUE INDEX"),
    (table("id TEXT PRIMARY KEY NOT NULL", "id TEXT").replace("updated_at TEXT", "updated_at TEXT, PRIMARY KEY (id, session_id)"),
     "no key on 'id'"),
    (table("prompt TEXT NOT NULL", "prompt TEXT AS (response)"), "'prompt' of the table 'requests' is computed"),
    (table("user_id TEXT", "user_id STRING"), "'007'"),
    (table("metadata TEXT", "metadata BLOB").replace("updated_at TEXT)", "updated_at TEXT) STRICT"), "STRICT"),
    (table("updated_at TEXT", "updated_at TEXT").replace("requests", "others") + "; create view requests as select * from others",
     "is a view"),
    ("create virtual table requests using fts5(id, session_id, prompt)", "is a virtual table"),
    (table("user_id TEXT, ", ""), "ADD COLUMN user_id TEXT"),
])
def test_a_table_that_would_lose_every_row_is_said_at_the_start(run, tmp_path, script, said):
    database(tmp_path, script)
    file = tmp_path / "p.yaml"
    file.write_text(FLOW.replace("URL", "http://127.0.0.1:1"))
    for command in [("check", "--live", file), ("doctor", "--quick", file), ("serve", file, "--port", "0"), ("migrate", file)]:
        done = run(*command)
        assert done.returncode == 1 and said in done.stdout + done.stderr, (command, done)


@pytest.mark.parametrize("script, said", [
    (table("tokens_used INTEGER", "tokens_used INTEGER CHECK (tokens_used > 1000000)"), "CHECK constraint failed"),
    (table("updated_at TEXT", "updated_at TEXT") + "; create trigger no before insert on requests begin select raise(abort, 'go away'); end",
     "go away"),
    (table("user_id TEXT", "user_id TEXT NOT NULL"), "NOT NULL constraint failed"),
    ("create table users (id text primary key); " + table("username TEXT", "username TEXT REFERENCES users (id)"), "FOREIGN KEY"),
])
def test_a_table_that_may_refuse_rows_is_said_and_nothing_is_left_of_the_trial(serve, run, ai, tmp_path, script, said):
    database(tmp_path, script)
    host = serve(FLOW.replace("URL", ai.url))
    assert any(said in line for line in host.log), host.log
    done = run("check", "--live", tmp_path / "pipeline-0.yaml")
    assert done.returncode == 0 and "warning" in done.stderr and said in done.stderr, done
    assert host.rows() == []


@pytest.mark.parametrize("script", [
    table("updated_at TEXT", "updated_at TEXT, pk INTEGER PRIMARY KEY", "id TEXT PRIMARY KEY NOT NULL", "id TEXT UNIQUE"),
    table("updated_at TEXT", "updated_at TEXT, tenant TEXT NOT NULL DEFAULT 'x', size INT AS (length(prompt))"),
    table("updated_at TEXT", "updated_at DATETIME", "created_at TEXT", "created_at TIMESTAMP"),
    table("metadata TEXT", "metadata ANY").replace("updated_at TEXT)", "updated_at TEXT) STRICT, WITHOUT ROWID"),
    table("prompt TEXT", "prompt VARCHAR(10)", "user_id TEXT", "user_id NVARCHAR(255)"),
])
def test_tables_that_take_rows_are_taken(serve, run, ai, tmp_path, script):
    database(tmp_path, script)
    host = serve(FLOW.replace("URL", ai.url))
    with host.connect() as connection:
        receive_json(connection)
        answer = say(connection, "a prompt that is longer than ten letters")
    host.wait_for_rows(1)
    assert [row["id"] for row in host.rows()] == [answer["message_id"]]
    checked = run("check", "--live", tmp_path / "pipeline-0.yaml")
    # Who counts for 'limit' is not what the table is about.
    said = [line for line in checked.stderr.splitlines() if line.startswith(str(tmp_path)) and "'limit'" not in line]
    assert checked.returncode == 0 and said == [] and "the table" not in checked.stderr


DOCUMENTED = """
CREATE TABLE requests (id uuid PRIMARY KEY, session_id text NOT NULL, prompt text NOT NULL, response text NOT NULL,
  tokens_used integer, metadata jsonb, username text DEFAULT 'WebUser', user_id text,
  created_at timestamp DEFAULT now(), updated_at timestamp DEFAULT now());
INSERT INTO requests VALUES (gen_random_uuid(), '%s', 'theirs', 'r', 1, NULL, 'ada', NULL, '2026-01-31 12:00:00');
""" % SESSION


def test_the_table_of_the_documents_is_taken_in_utc(postgres, ai, serve, run):
    postgres.execute(f"ALTER DATABASE {postgres.name} SET timezone TO 'America/New_York'")
    postgres.execute(DOCUMENTED)
    env = variables(postgres.url(), ai)
    host = serve(shipped().replace("stages:", "host: {history: true}\nstages:"), env=env)
    with host.connect(f"session={SESSION}") as connection:
        receive_json(connection)
        assert say(connection, "ours")["type"] == "response"
    wait_until(lambda: postgres.count() == 2, "the row")
    rows = history(host)
    assert [row["prompt"] for row in rows] == ["theirs", "ours"]
    assert rows[0]["created_at"] == "2026-01-31T12:00:00.000000Z"
    stored = postgres.execute("SELECT abs(extract(epoch FROM created_at - (now() AT TIME ZONE 'UTC'))) AS age, "
                              "abs(extract(epoch FROM updated_at - (now() AT TIME ZONE 'UTC'))) AS changed FROM requests "
                              "WHERE prompt = 'ours'")[0]
    assert stored["age"] < 60 and stored["changed"] < 60, "UTC, whatever the session's time zone"
    file = host.folder / "pipeline-0.yaml"
    done = run("doctor", file, env=env)
    assert done.returncode == 0 and "has no time zone" in done.stdout, done
    done = run("check", "--live", file, env=env)
    assert done.returncode == 0 and "warning" in done.stderr and "USING created_at AT TIME ZONE 'UTC'" in done.stderr
    done = run("migrate", file, env=env)
    assert done.returncode == 0 and "USING updated_at AT TIME ZONE 'UTC'" in done.stdout
    kinds = postgres.execute("SELECT data_type FROM information_schema.columns WHERE column_name = 'created_at'")
    assert kinds == [{"data_type": "timestamp without time zone"}], "offered, not forced"


def test_what_is_wrong_with_a_table_is_a_line_each_said_once(postgres, run, tmp_path):
    postgres.execute("CREATE TABLE requests (id text, prompt text NOT NULL, extra int NOT NULL)")
    file = tmp_path / "p.yaml"
    file.write_text(shipped())
    env = {**variables(postgres.url()), "OPENAI_API_KEY": "sk-canary-1234567890"}
    for command in [("check", "--live", file), ("doctor", "--quick", file), ("serve", file, "--port", "0"), ("migrate", file)]:
        done = run(*command, env=env)
        said = done.stdout + done.stderr
        assert done.returncode == 1 and ";;" not in said
        for words in ["'response'", "'id' of the table", "'extra'", "no key on 'id'", "'user_id'"]:
            lines = [line for line in said.splitlines() if words in line and "ALTER TABLE" in line]
            assert len(lines) == 1 and lines[0].count("ALTER TABLE") == 1, (command, words, said)


def test_a_server_that_does_not_wait_for_its_disk_says_so(postgres, run, tmp_path):
    postgres.execute(f"ALTER DATABASE {postgres.name} SET synchronous_commit TO off")
    file = tmp_path / "p.yaml"
    file.write_text(shipped())
    env = {**variables(postgres.url()), "OPENAI_API_KEY": "sk-canary-1234567890"}
    assert run("migrate", file, env=env).returncode == 0
    for command in [("explain", file), ("check", "--live", file), ("doctor", "--quick", file)]:
        done = run(*command, env=env)
        assert done.returncode == 0 and "synchronous_commit is off" in done.stdout + done.stderr, (command, done)
    away = run("explain", file, env={**env, "DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/x"})
    assert away.returncode == 0 and "does not answer" in away.stdout and "hunter2" not in away.stdout


STORED_FIRST = """
pipeline: stored
resources:
  model: echo
  database: {sqlite: {path: PATH}}
stages:
  - receive: {format: json}
  - complete
  - persist
  - respond
"""


def ids(*files):
    """The ids that each file holds, which must be whole."""
    found = []
    for file in files:
        with sqlite3.connect(file, timeout=DEADLINE) as connection:
            assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
            found.append([row[0] for row in connection.execute("select id from requests")])
        connection.close()
    return found


def talk(connection, count):
    answers = [say(connection, str(number)) for number in range(count)]
    assert [answer["type"] for answer in answers] == ["response"] * count, answers
    return [answer["message_id"] for answer in answers]


def test_a_database_file_that_is_deleted_takes_no_row_that_is_answered_later(serve, tmp_path):
    host = serve(STORED_FIRST.replace("PATH", "data/stagecoach.db"))
    with host.connect() as connection:
        receive_json(connection)
        talk(connection, 3)
        for name in ["stagecoach.db", "stagecoach.db-wal", "stagecoach.db-shm"]:
            (tmp_path / "data" / name).unlink()
        later = talk(connection, 3)
    assert ids(tmp_path / "data/stagecoach.db") == [later]
    assert len([line for line in host.log if "moved away or deleted" in line]) == 1


def test_a_database_file_that_is_moved_has_the_rows_of_before_and_the_new_one_those_after(serve, tmp_path):
    host = serve(STORED_FIRST.replace("PATH", "data/stagecoach.db"))
    with host.connect() as connection:
        receive_json(connection)
        before = talk(connection, 3)
        (tmp_path / "data/stagecoach.db").rename(tmp_path / "moved.db")
        later = talk(connection, 3)
        # Read while the host runs: nothing of it is in a file beside another database.
        assert ids(tmp_path / "moved.db", tmp_path / "data/stagecoach.db") == [before, later]
    assert any("moved away" in line and "stagecoach.db-wal.replaced-1" in line for line in host.log)


def test_a_backup_that_is_moved_over_the_database_is_not_spoiled(serve, tmp_path):
    file, backup = tmp_path / "data/stagecoach.db", tmp_path / "backup.db"
    host = serve(STORED_FIRST.replace("PATH", "data/stagecoach.db"))
    with host.connect() as connection:
        receive_json(connection)
        before = talk(connection, 20)
        with sqlite3.connect(file) as source, sqlite3.connect(backup) as target:
            source.backup(target)
        source.close(), target.close()
        talk(connection, 30)
        backup.rename(file)
        later = talk(connection, 10)
        assert ids(file) == [before + later]
    assert any("was replaced" in line and "stagecoach.db-wal.replaced-1" in line for line in host.log)
    assert host.stop() == 0
    assert ids(file) == [before + later]


def test_a_wal_file_that_is_deleted_costs_no_row(serve, tmp_path):
    file = tmp_path / "data/stagecoach.db"
    host = serve(STORED_FIRST.replace("PATH", "data/stagecoach.db"), ends_well=False)
    with host.connect() as connection:
        receive_json(connection)
        stored = []
        for name in ["stagecoach.db-wal", "stagecoach.db-shm"]:
            stored += talk(connection, 3)
            (tmp_path / "data" / name).unlink()
            stored += talk(connection, 3)
    host.stop(signal.SIGKILL)
    assert ids(file) == [stored]


def test_under_load_no_answered_row_is_lost_when_the_file_is_moved(serve, tmp_path):
    host = serve(STORED_FIRST.replace("PATH", "data/stagecoach.db"))
    answered, problems, over = [], [], threading.Event()

    def client():
        try:
            with host.connect() as connection:
                receive_json(connection)
                while not over.is_set():
                    answered.extend(talk(connection, 1))
        except Exception as problem:
            problems.append(problem)

    clients = [threading.Thread(target=client) for _ in range(8)]
    for thread in clients:
        thread.start()
    moved = []
    for number in range(int(os.environ.get("MOVES", "20"))):
        seen = len(answered)
        wait_until(lambda: len(answered) >= seen + 20 or problems, "answers")
        assert not problems, (problems, host.log)
        time.sleep(random.random() / 100)
        moved.append(tmp_path / f"moved-{number}.db")
        (tmp_path / "data/stagecoach.db").rename(moved[-1])
        wait_until((tmp_path / "data/stagecoach.db").exists, "a new file")
    over.set()
    for thread in clients:
        thread.join(DEADLINE)
    assert not problems and len(answered) > 200
    assert host.stop() == 0
    stored = set().union(*ids(*moved, tmp_path / "data/stagecoach.db"))
    assert set(answered) - stored == set()


def test_two_pipelines_on_one_file_and_another_program_that_closes_it_lose_no_row(serve, tmp_path):
    text = STORED_FIRST.replace("PATH", "data/stagecoach.db")
    host = serve(text, text.replace("pipeline: stored", "pipeline: other").replace("receive: {", "receive: {path: /other, "),
                 ends_well=False)
    # Who closes a file ends its process's locks on it, and the last that closes a database takes its -wal away.
    with host.connect() as connection, host.connect(path="/other") as other:
        receive_json(connection), receive_json(other)
        stored = []
        for _ in range(3):
            stored += talk(connection, 2) + talk(other, 2)
            ids(tmp_path / "data/stagecoach.db")
            assert (tmp_path / "data/stagecoach.db-wal").exists()
    assert not any("was deleted or replaced" in line for line in host.log)
    host.stop(signal.SIGKILL)
    assert sorted(ids(tmp_path / "data/stagecoach.db")[0]) == sorted(stored)


@pytest.mark.parametrize("path", ["taken/deeper/stagecoach.db", "/proc/nowhere/stagecoach.db"])
def test_a_folder_that_cannot_be_made_is_one_sentence_said_once(serve, run, tmp_path, path):
    (tmp_path / "taken").write_text("a file")
    host = serve(STORED_FIRST.replace("PATH", path))
    time.sleep(2.5)
    said = [line for line in host.log if "can't be made" in line]
    assert len(said) == 1 and "NSCocoa" not in said[0], host.log
    assert f"the folder '{path.rsplit('/', 1)[0]}" in said[0] or "the folder 'taken" in said[0]
    done = run("check", "--live", tmp_path / "pipeline-0.yaml")
    assert done.returncode == 1 and "can't be made" in done.stderr


def ready(host):
    try:
        with urllib.request.urlopen(f"{host.http}/readyz", timeout=DEADLINE) as answer:
            return answer.status == 200
    except urllib.error.HTTPError as refusal:
        assert refusal.code == 503
        return False


REFUSING = """
CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER no BEFORE INSERT ON requests FOR EACH ROW EXECUTE FUNCTION no()
"""


@pytest.mark.parametrize("kind", ["setting", "new sessions", "standby", "full disk"])
def test_a_server_that_takes_no_rows_is_not_ready_until_it_does(stoppable_postgres, ai, serve, kind):
    database = stoppable_postgres
    server = database.server
    host = serve(shipped(create=True).replace("[model, database]", "[model]"), env=variables(database.url(), ai))
    asked = []
    with host.connect() as connection:
        receive_json(connection)

        def talk():
            asked.append(say(connection, "x")["message_id"])
            return True

        assert talk() and ready(host)
        wait_until(lambda: database.count() == 1, "the row")
        if kind == "setting":
            database.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            database.execute("SELECT pg_reload_conf()")
        elif kind == "new sessions":
            database.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
            database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stagecoach'")
        elif kind == "standby":
            server.stop("fast")
            (server.data / "standby.signal").touch()
            server.start()
        else:
            database.execute(REFUSING)
        began = time.monotonic()
        # Only a row can tell that a disk is full.
        wait_until(lambda: not ready(host) or (kind == "full disk" and talk() and False), "it to be not ready")
        assert time.monotonic() - began < 2 * float(os.environ.get("PATIENCE", "1"))
        talk()
        end = time.monotonic() + 2
        while time.monotonic() < end:
            assert not ready(host), "ready while no insert works"
            time.sleep(0.02)
        if kind == "setting":
            database.execute("ALTER SYSTEM RESET default_transaction_read_only")
            database.execute("SELECT pg_reload_conf()")
        elif kind == "new sessions":
            Database(server, "postgres").execute(f"ALTER DATABASE {database.name} RESET default_transaction_read_only")
        elif kind == "standby":
            server.run("pg_ctl", "-D", server.data, "-w", "promote")
        else:
            database.execute("DROP TRIGGER no ON requests")
        wait_until(lambda: ready(host), "it to be ready")
        talk()
        wait_until(lambda: database.count() == len(asked), "all rows")
    assert [str(row["id"]) for row in database.rows()] == asked


@pytest.mark.parametrize("url, said", [
    ("postgresql+asyncpg://u:hunter2@127.0.0.1/x", "'postgresql+asyncpg://'"),
    ("postgresql://u:hunter2@127.0.0.1/x?pgbouncer=true", "'pgbouncer'"),
    ("postgresql://u:hunter2@127.0.0.1/x?schema=public", "options=-csearch_path"),
    ("postgresql://u:a/hunter2@127.0.0.1/x", "%2F"),
])
def test_a_connection_string_says_which_part_is_not_understood_without_the_password(serve, run, tmp_path, url, said):
    file = tmp_path / "p.yaml"
    file.write_text(shipped())
    env = {"DATABASE_URL": url, "OPENAI_API_KEY": "sk-canary-1234567890"}
    for command in [("check", "--live", file), ("doctor", "--quick", file), ("explain", file)]:
        done = run(*command, env=env)
        assert said in done.stdout + done.stderr and "hunter2" not in done.stdout + done.stderr, (command, done)
    host = serve(shipped(), env=env)
    wait_until(lambda: any(said in line for line in host.log), "the log")
    assert not any("hunter2" in line for line in host.log)


def test_line_ends_around_a_connection_string_are_trimmed(postgres, run, tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text(shipped())
    env = {"DATABASE_URL": f"{postgres.url()}\r\n", "OPENAI_API_KEY": "sk-canary-1234567890"}
    assert run("migrate", file, env=env).returncode == 0
    assert run("check", "--live", file, env=env).returncode == 0


def test_supabase_takes_the_table_of_the_documents_and_leaves_odd_rows_out(postgres, ai, serve, run):
    rest = PostgREST(postgres.url())
    try:
        postgres.execute(DOCUMENTED + "ALTER TABLE requests ALTER tokens_used TYPE numeric;"
                         "INSERT INTO requests (id, session_id, prompt, response, tokens_used, created_at) VALUES "
                         f"(gen_random_uuid(), '{SESSION}', 'canary', 'r', '1e300', '2026-01-31 12:00:01'),"
                         f"(gen_random_uuid(), '{SESSION}', 'canary', 'r', 'NaN', '2026-01-31 12:00:02'),"
                         f"(gen_random_uuid(), '{SESSION}', 'canary', 'r', 1, 'infinity'),"
                         f"(gen_random_uuid(), '{SESSION}', 'canary', 'r', 1, NULL)")
        env = {"SUPABASE_URL": f"{rest.url}\r\n", "SUPABASE_KEY": f"{SERVICE}\n", "OPENAI_BASE_URL": ai.url,
               "OPENAI_API_KEY": "sk-canary-1234567890"}
        text = (ROOT / "pipelines/supabase.yaml").read_text().replace(
            "receive: {path: /ws}", "receive: {path: /ws, format: json}").replace("stages:", "host: {history: true}\nstages:")
        host = serve(text, env=env)
        file = host.folder / "pipeline-0.yaml"
        with host.connect(f"session={SESSION}") as connection:
            receive_json(connection)
            assert say(connection, "ours")["type"] == "response"
        wait_until(lambda: postgres.count() == 6, "the row")
        rows = history(host)
        assert [row["prompt"] for row in rows] == ["theirs", "ours"]
        assert rows[0]["created_at"] == "2026-01-31T12:00:00.000000Z"
        age = postgres.execute("SELECT abs(extract(epoch FROM created_at - (now() AT TIME ZONE 'UTC'))) AS age "
                               "FROM requests WHERE prompt = 'ours'")[0]["age"]
        assert age < 60
        assert len([line for line in host.log if "can't be read" in line]) == 4
        assert not any("canary" in line for line in host.log)
        done = run("check", "--live", file, env=env)
        assert done.returncode == 0 and "USING created_at AT TIME ZONE 'UTC'" in done.stderr, done
        assert "AT TIME ZONE 'UTC'" in run("migrate", file, "--print", env=env).stdout
        assert run("doctor", "--quick", file, env=env).returncode == 0
    finally:
        rest.stop()
