"""A message that ends each process that works on it: it is given up after some, with its dead letter, and no other is."""

import json
import sqlite3
import sys

import pytest

from conftest import DEADLINE, receive_json, say, wait_until
from test_nats import SHARED, environment
from test_nats_workers import Worker, rows

# Deaths that are counted, and the very first, which is not.
DEATHS = 3 + 1

# It is slow with some, so that they are under way when the process dies; and begins once it is told to.
KILLER = """
import json, os, pathlib, sys, time
for line in sys.stdin:
    request = json.loads(line)
    prompt = request.get("fields", {}).get("prompt", "")
    while prompt and not pathlib.Path("begin").exists():
        time.sleep(0.01)
    if prompt.startswith("slow"):
        time.sleep(0.4)
    if prompt.startswith("poison"):
        time.sleep(0.1)
        os.kill(os.getppid(), 9)
        time.sleep(60)
    print(json.dumps({"id": request["id"], "fields": {}}), flush=True)
"""

STAGE = """  - background:
      stages: [{exec: {command: ["PYTHON", killer.py], reads: [prompt], processes: 3}}, {persist: {table: requests}}]
      queue: outbox
      workers: 3
      dead_letter: dead.jsonl
    label: persist
""".replace("PYTHON", sys.executable)

NATS = SHARED.replace("  - persist: {table: requests}\n    async: {queue: outbox}\n", STAGE)
DISK = NATS.replace('{nats: {url: "${NATS_URL}", size: 64MiB}}', "{disk: {path: data/outbox.db}}")


def fill(host):
    """A session with the message, and others whose messages are under way with it."""
    prompts = [["before", "poison", "after", "after that"], ["slow one"], ["slow two", "two"]]
    for session in prompts:
        with host.connect() as client:
            receive_json(client)
            for prompt in session:
                assert say(client, prompt)["type"] == "response"
    return prompts


def end_leases(nats):
    """Nobody has to wait until the lease of a dead worker ends."""
    with nats.client() as wire:
        for consumer in wire.consumers():
            wire.call(f"CONSUMER.DELETE.stagecoach.{consumer['name']}")


def letters(folder):
    file = folder / "dead.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def judge(folder, prompts):
    wait_until(lambda: sum(map(len, rows(folder).values())) == 6, "the rows of all others", deadline=2 * DEADLINE)
    assert sorted(rows(folder).values()) == sorted([["before", "after", "after that"], *prompts[1:]])
    assert [letter["message"]["prompt"] for letter in letters(folder)] == ["poison"]
    assert "the process ended 3 times while it worked on this message" in json.dumps(letters(folder)[0]["error"])


@pytest.mark.timeout(150)
def test_a_message_that_ends_each_worker_is_given_up_and_no_other(serve, nats, tmp_path):
    (tmp_path / "killer.py").write_text(KILLER)
    host = serve(NATS, env=environment(nats), arguments=["--no-work"])
    prompts = fill(host)
    (tmp_path / "begin").touch()
    ended = 0
    while True:
        worker = Worker(tmp_path, environment(nats), text=NATS)
        try:
            wait_until(lambda: worker.process.poll() is not None or letters(tmp_path), "its end", deadline=2 * DEADLINE)
            if letters(tmp_path):
                judge(tmp_path, prompts)
                break
        finally:
            if worker.process.poll() is None:
                worker.stop() if letters(tmp_path) else worker.kill()
        ended += 1
        assert ended <= DEATHS + 2, "it comes for ever"
        end_leases(nats)
    assert ended == DEATHS - 1, "it was there when the first worker came, so that its first death counts, too"
    with nats.client() as wire:
        wait_until(lambda: wire.count() == 0, "the stream to be empty")


@pytest.mark.timeout(150)
def test_a_message_that_ends_each_host_is_given_up_and_no_other(serve, tmp_path):
    (tmp_path / "killer.py").write_text(KILLER)
    host = serve(DISK, ends_well=False)
    prompts = fill(host)
    (tmp_path / "begin").touch()
    host.process.wait(timeout=DEADLINE)
    ended = 1
    while True:
        host = serve(DISK, ends_well=False)
        wait_until(lambda: host.process.poll() is not None or letters(tmp_path), "its end", deadline=2 * DEADLINE)
        if letters(tmp_path):
            break
        ended += 1
        assert ended <= DEATHS, "it comes for ever"
    judge(tmp_path, prompts)
    assert ended == DEATHS


@pytest.mark.timeout(120)
@pytest.mark.parametrize("queue", ["nats", "disk"])
def test_who_is_killed_while_a_database_is_down_gives_nothing_up(request, serve, tmp_path, queue):
    """However often: the messages wait, and have not ended anything."""
    text = NATS if queue == "nats" else DISK
    nats = request.getfixturevalue("nats") if queue == "nats" else None
    env = environment(nats) if nats else {}
    (tmp_path / "killer.py").write_text(KILLER)
    (tmp_path / "begin").touch()
    text = text.replace("stagecoach.db}", "stagecoach.db, busy_timeout: 50ms}")
    host = serve(text, env=env, ends_well=False)
    with host.connect() as client:
        receive_json(client)
        say(client, "first")
        host.wait_for_rows(1)
        with sqlite3.connect(tmp_path / "data/stagecoach.db", timeout=DEADLINE, isolation_level=None) as database:
            database.execute("begin exclusive")
            for number in range(3):
                say(client, str(number))
            for _ in range(DEATHS + 1):
                wait_until(lambda: any("messages wait until it is back" in line for line in host.log), "the outage")
                host.process.kill()
                host.process.wait(timeout=DEADLINE)
                if nats:
                    end_leases(nats)
                host = serve(text, env=env, ends_well=False)
            database.rollback()
    wait_until(lambda: sum(map(len, rows(tmp_path).values())) == 4, "the rows", deadline=2 * DEADLINE)
    assert not letters(tmp_path)
