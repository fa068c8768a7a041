"""Stored sessions whose rows are long: what is shown of them, and what clients who do not read them make the host hold."""

import json
import socket
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import DEADLINE, memory, wait_until

MIB = 1 << 20
PIPELINE = """
pipeline: long
resources:
  model: echo
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive
  - complete
  - persist: {}
  - respond
host: {history: true, limits: {write: 2s}}
"""


@pytest.fixture
def session(stored):
    """A host, and the session of 60 rows of half a megabyte each."""
    return stored()


@pytest.fixture
def stored(serve):
    return lambda limits="write: 2s": with_rows(serve(PIPELINE.replace("write: 2s", limits)))


def with_rows(host):
    session = str(uuid.uuid4())
    with host.database() as database:
        for number in range(60):
            database.execute(
                "insert into requests (id, session_id, prompt, response, created_at) values (?, ?, ?, ?, ?)",
                (str(uuid.uuid4()), session, f"{number} ".ljust(MIB // 2, "x"), "ok",
                 f"2026-01-31T12:00:{number:02}.000000Z"))
    return host, session


def shown(host, session, limit=100):
    """The rows' numbers, and whether older ones are left out."""
    with urllib.request.urlopen(f"{host.http}/sessions/{session}?limit={limit}", timeout=DEADLINE) as answer:
        numbers = [int(row["prompt"].split(" ")[0]) for row in json.load(answer)]
        return numbers, "stagecoach-older-rows" in answer.headers


def test_of_long_rows_the_last_that_fit_are_shown(session):
    numbers, is_cut = shown(*session)
    assert is_cut and numbers == list(range(60 - len(numbers), 60)) and len(numbers) == 15
    assert shown(*session, limit=3) == ([57, 58, 59], False)


@pytest.mark.memory
def test_clients_who_do_not_read_them_cost_a_bounded_part_of_memory_and_keep_nobody_out(session):
    host, id = session
    shown(host, id)
    before = memory(host, "VmHWM")
    deaf = []
    for _ in range(24):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", host.port))
        client.sendall(f"GET /sessions/{id} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        deaf.append(client)

    def answered():
        try:
            return shown(host, id)[0][-1] == 59
        except urllib.error.HTTPError as refused:
            assert refused.code == 503
            return False

    wait_until(answered, "the clients who do not read to be closed", pause=0.1)
    assert memory(host, "VmHWM") - before < 64 * MIB
    for client in deaf:
        client.close()


def test_who_waits_for_a_turn_for_longer_than_a_handshake_may_take_is_answered(stored):
    host, id = stored("handshake: 300ms")
    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(lambda _: shown(host, id, limit=4)[0], range(12))) == [[56, 57, 58, 59]] * 12


def test_sessions_are_not_read_for_clients_who_have_left(session):
    host, id = session
    for _ in range(300):
        with socket.create_connection(("127.0.0.1", host.port)) as client:
            client.sendall(f"GET /sessions/{id} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    assert shown(host, id)[0][-1] == 59
