"""A database that takes what is sent and says nothing: whoever asks hears so soon, however many ask."""

import json
import sqlite3
import time

import psycopg
import pytest
from websockets.exceptions import ConnectionClosed

from conftest import DEADLINE, receive_json, wait_until
from postgrest_server import SERVICE, PostgREST
from severable import SeverableProxy
from silence import SLACK, WAYS, ask, at_once, by_history, by_post, by_websocket

GUARDED = """
pipeline: guarded
host: {auth: {keys: [{key: key-of-ann, user: ann}, {key: key-of-bob, user: bob}]}, history: true}
resources: {model: echo, database: DATABASE}
stages: [receive: {format: json}, complete, persist: {}, respond]
"""

OPEN = """
pipeline: open
resources: {model: echo, database: DATABASE}
stages: [receive: {format: json}, complete, persist, respond]
"""


@pytest.fixture
def proxy(postgres_server):
    server = SeverableProxy(postgres_server.port)
    yield server
    server.stop()


@pytest.fixture
def through(postgres, proxy):
    """The database as a pipeline file has it."""
    return f'{{postgres: {{url: "{postgres.url(port=proxy.port)}", create: true, timeout: 3s}}}}'


@pytest.fixture
def project(postgres, run, tmp_path):
    """A Supabase project with its table, and as a pipeline file has it."""
    rest = PostgREST(postgres.url())
    rest.words = f'{{supabase: {{url: "{rest.url}", key: "{SERVICE}"}}}}'
    (tmp_path / "migrated.yaml").write_text(OPEN.replace("DATABASE", rest.words))
    postgres.psql(run("migrate", tmp_path / "migrated.yaml", "--print").stdout)
    yield rest
    rest.fault = None
    rest.released.set()
    rest.stop()


def assert_all_hear_503_soon(host, clients):
    answers = at_once([lambda way=way: way(host) for way in WAYS.values() for _ in range(clients)])
    assert {answer for _, answer in answers} == {503}
    assert max(seconds for seconds, _ in answers) < 2 + SLACK
    # Now that it is known nobody waits.
    again = at_once([lambda way=way: way(host) for way in WAYS.values()])
    assert [answer for _, answer in again] == [503] * 3
    assert max(seconds for seconds, _ in again) < 0.2 + 0.3 * SLACK


@pytest.mark.parametrize("clients", [3, 20, 100])
@pytest.mark.parametrize("kind", ["silent", "cut"])
def test_look_ups_in_a_silent_database_are_answered_503_soon_however_many_there_are(
        serve, through, proxy, clients, kind):
    host = serve(GUARDED.replace("DATABASE", through))
    assert by_post(host) == 200
    proxy.silent = True
    if kind == "cut":
        # New connections are taken and nothing is heard of them.
        proxy.cut()
    assert_all_hear_503_soon(host, clients)
    proxy.heal()
    wait_until(lambda: [way(host) for way in WAYS.values()] == [101, 200, 404], "the answers of a healthy database")


@pytest.mark.parametrize("clients", [3, 20])
def test_look_ups_at_a_silent_api_are_answered_503_soon(serve, project, clients):
    host = serve(GUARDED.replace("DATABASE", project.words))
    assert by_post(host) == 200
    project.fault = "hang"
    assert_all_hear_503_soon(host, clients)


def test_a_host_that_starts_while_the_database_is_silent_answers_503_at_once(serve, through, proxy):
    proxy.silent = True
    host = serve(GUARDED.replace("DATABASE", through))
    answers = at_once([lambda way=way: way(host) for way in WAYS.values() for _ in range(5)])
    assert {answer for _, answer in answers} == {503}
    assert max(seconds for seconds, _ in answers) < 0.2 + 0.3 * SLACK


def test_who_says_by_the_first_message_who_it_is_hears_soon_that_nothing_can_be_looked_up(serve, through, proxy):
    host = serve(GUARDED.replace("DATABASE", through))
    assert by_post(host) == 200
    proxy.silent = True

    def enter():
        with host.connect("session=5f350470-f5d5-4d96-93db-8d732a78cfc9") as client:
            client.send(json.dumps({"type": "auth", "token": "key-of-ann"}))
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=DEADLINE)
            return closed.value.rcvd.code, closed.value.rcvd.reason

    heard = at_once([enter] * 10)
    assert {close for _, close in heard} == {(1013, "it can't be looked up now whose session this is")}
    assert max(seconds for seconds, _ in heard) < 2 + SLACK


@pytest.mark.parametrize("clients", [3, 20])
def test_look_ups_in_a_file_that_another_program_has_locked_wait_for_nobody(serve, clients):
    host = serve(GUARDED.replace("DATABASE", "{sqlite: {path: data/stagecoach.db}}"))
    session = "5f350470-f5d5-4d96-93db-8d732a78cfc9"
    assert by_post(host, session) == 200
    lock = sqlite3.connect(host.folder / "data/stagecoach.db", isolation_level=None, timeout=DEADLINE)
    lock.execute("begin immediate")
    time.sleep(1.2)  # the host looks whether it can write, and waits for the lock
    answers = at_once([lambda: by_websocket(host)] * clients + [lambda: by_history(host, session)] * clients)
    lock.rollback()
    lock.close()
    assert [answer for _, answer in answers] == [101] * clients + [200] * clients
    assert max(seconds for seconds, _ in answers) < 0.5 + SLACK


READING = {
    "recall": "receive: {format: json}, recall, complete",
    "remember": "receive: {format: json, remember: stored}, complete",
    "limit": "receive: {format: json}, {limit: {tokens: 1000000}}, complete",
}


@pytest.mark.parametrize("kind", ["postgres", "supabase"])
@pytest.mark.parametrize("name", READING)
def test_stages_that_read_a_silent_database_fail_soon_however_many_wait(serve, through, proxy, project, name, kind):
    database = through if kind == "postgres" else project.words
    text = f"stages: [{READING[name]}, {{persist: {{}}, async: {{dead_letter: dead.jsonl}}}}, respond]\nhost: {{drain: 500ms}}\n"
    host = serve(f"pipeline: p\nresources: {{model: echo, database: {database}}}\n{text}")
    assert ask(host, "before", id="0") is None
    wait_until(lambda: proxy.pairs or project.calls, "a connection")
    proxy.silent = True
    project.fault = "hang"

    def one(number):
        return lambda: ask(host, f"meanwhile {number}", id=f"{number}")

    heard = at_once([one(number + 1) for number in range(20)])
    assert {code for _, code in heard} == {"database_unavailable"}
    assert max(seconds for seconds, _ in heard) < 2 + SLACK
    again = at_once([one(number + 100) for number in range(3)])
    assert {code for _, code in again} == {"database_unavailable"}
    assert max(seconds for seconds, _ in again) < 0.2 + 0.3 * SLACK


def test_clients_whose_rows_wait_for_a_silent_database_hear_so_after_its_timeout_however_many_wait(
        serve, run, postgres, through, proxy):
    host = serve(OPEN.replace("DATABASE", through))
    assert "persist: the client waits, at most 3s" in run("explain", host.folder / "pipeline-0.yaml").stdout
    assert ask(host, "before") is None
    # The others come before the silence is known, and most of them wait for a connection.
    proxy.silent = True
    heard = at_once([lambda number=number: ask(host, f"meanwhile {number}") for number in range(20)])
    assert [code for _, code in heard] == ["database_unavailable"] * 20
    assert max(seconds for seconds, _ in heard) < 3 + SLACK / 2
    proxy.heal()
    wait_until(lambda: ask(host, "after") is None, "the database to be back")
    prompts = [row["prompt"] for row in postgres.rows()]
    assert prompts.count("before") == 1 and prompts.count("after") == 1


def test_rows_that_wait_for_a_table_that_somebody_has_locked_have_no_more_than_the_timeout(serve, postgres, through):
    """The server answers, and not for this table: rows wait for a connection behind rows that wait for the lock."""
    host = serve(OPEN.replace("DATABASE", through))
    assert ask(host, "before") is None
    with psycopg.connect(postgres.url()) as lock:
        lock.execute("LOCK TABLE requests IN ACCESS EXCLUSIVE MODE")
        heard = at_once([lambda number=number: ask(host, f"meanwhile {number}") for number in range(20)])
        lock.rollback()
    assert [code for _, code in heard] == ["database_unavailable"] * 20
    assert max(seconds for seconds, _ in heard) < 3 + SLACK / 2
    wait_until(lambda: ask(host, "after") is None, "the database to be back")


def test_a_connection_that_fell_silent_is_not_used_again(serve, through, proxy):
    """The way to the server has forgotten the connections that it had, as address translators do."""
    host = serve(GUARDED.replace("DATABASE", through))
    assert {answer for _, answer in at_once([lambda: by_post(host)] * 8)} == {200}
    old = list(proxy.pairs)
    proxy.silent = True
    wait_until(lambda: by_history(host) == 503, "the silence to be known")
    # New connections pass; of the old ones nothing is heard, and they are not closed.
    proxy.forget(old)
    wait_until(lambda: by_post(host) == 200, "a new connection")
    answers = at_once([lambda: by_post(host)] * 8 + [lambda: by_history(host)] * 8)
    assert [answer for _, answer in answers] == [200] * 8 + [404] * 8
    assert max(seconds for seconds, _ in answers) < SLACK
