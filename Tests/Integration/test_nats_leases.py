"""The lease of a partition: a worker whose consumers are gone has new ones, and rows go on coming whoever comes and goes."""

import os
import signal
import sqlite3

import pytest

from conftest import DEADLINE, wait_until
from test_nats import PARTITIONS, SHARED, environment
from test_nats_workers import Talk, check, count, talk, work

__all__ = ["work"]

# How often the connection is lost.
LOSSES = int(os.environ.get("NATS_LOSSES", "4"))


@pytest.mark.timeout(120)
def test_rows_go_on_coming_however_often_the_connection_is_lost(serve, nats, work, tmp_path):
    host = serve(SHARED, env=environment(nats), arguments=["--no-work"])
    worker = work().ready()
    talks = [Talk(host, 100_000, pause=0.01) for _ in range(8)]
    for one in talks:
        one.start()
    for _ in range(LOSSES):
        before = count(tmp_path)
        wait_until(lambda: count(tmp_path) > before + 50, "rows after the loss before", deadline=15)
        # What the worker has read ahead is another's from here on.
        nats.stop(signal.SIGKILL)
        nats.start()
        wait_until(lambda: worker.metric("stagecoach_queue_partitions") == PARTITIONS, "all partitions", deadline=20)
    for one in talks:
        one.ends.set()
    check(tmp_path, talks, deadline=15)


def names(nats):
    """Those of the consumers."""
    with nats.client() as wire:
        return {consumer["name"] for consumer in wire.consumers()}


def lose(worker, mine, nats):
    """Removes a worker's consumers while it is stopped, as where its lease lapses and a server has just been elected: nothing
    tells it."""
    with nats.client() as wire:
        worker.process.send_signal(signal.SIGSTOP)
        try:
            wait_until(lambda: not any(consumer["num_waiting"] for consumer in wire.consumers() if consumer["name"] in mine),
                       "its requests to end", deadline=20)
            for name in mine:
                wire.call(f"CONSUMER.DELETE.stagecoach.{name}")
        finally:
            worker.process.send_signal(signal.SIGCONT)


def lock(folder):
    """Has the database take no row until it is closed."""
    database = sqlite3.connect(folder / "data/stagecoach.db", isolation_level=None, timeout=DEADLINE)
    database.execute("begin exclusive")
    return database


@pytest.mark.parametrize("state", ["idle", "working", "leaving"])
@pytest.mark.timeout(120)
def test_a_worker_whose_consumers_are_gone_has_new_ones_within_seconds(serve, nats, work, tmp_path, state):
    host = serve(SHARED, env=environment(nats), arguments=["--no-work"])
    worker = work().ready()
    mine = names(nats)
    assert len(mine) == PARTITIONS
    if state == "idle":
        lose(worker, mine, nats)
        talks = talk(host, 8, 5)
    else:
        check(tmp_path, talk(host, 1, 1))
        database = lock(tmp_path)
        talks = talk(host, 16, 10)
        for one in talks:
            one.join(timeout=60)
        if state == "leaving":
            work().ready()
        lose(worker, mine, nats)
        # The database takes nothing yet, and all the same the partitions have consumers again.
        wait_until(lambda: len(names(nats) - mine) == PARTITIONS, "new consumers", deadline=15)
        database.close()
    check(tmp_path, talks, deadline=15)
    with nats.client() as wire:
        wait_until(lambda: wire.count() == 0, "the stream to be empty", deadline=20)
