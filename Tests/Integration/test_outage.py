"""A database that is away for a while under load, with a queue on disk: no client notices, and no row is lost."""

import os
import threading
import time

import pytest

from conftest import wait_until, waiting
from pace import drive
from severable import SeverableProxy

RATE = int(os.environ.get("OUTAGE_RATE", "300"))
SECONDS = float(os.environ.get("OUTAGE_SECONDS", "4"))
BACKLOG = int(os.environ.get("BACKLOG", "10000"))

DURABLE = """
pipeline: durable
resources:
  model: echo
  database: {{postgres: {{url: "{url}", create: true}}}}
  outbox: {{disk: {{path: data/outbox.db}}}}
stages:
  - receive: {{format: json}}
  - validate: {{resources: [model]}}
  - complete
  - persist:
    async: {{queue: outbox}}
  - respond
"""


@pytest.fixture
def proxy(stoppable_postgres):
    server = SeverableProxy(stoppable_postgres.server.port)
    yield server
    server.stop()


@pytest.mark.alone
@pytest.mark.parametrize("kind", ["stopped", "silent"])
def test_no_client_notices_an_outage_and_all_rows_are_there_afterwards(stoppable_postgres, proxy, serve, kind):
    database, server = stoppable_postgres, stoppable_postgres.server
    host = serve(DURABLE.format(url=database.url(port=proxy.port)))
    calm = drive(host.url(), RATE, SECONDS)

    def outage():
        if kind == "silent":
            proxy.silent = True
        else:
            server.stop()
        time.sleep(SECONDS)
        if kind == "silent":
            proxy.heal()
        else:
            server.start()

    away = threading.Thread(target=outage)
    away.start()
    during = drive(host.url(), RATE, SECONDS)
    away.join()
    assert not calm.errors and not during.errors
    print(f"\np99 without {calm.percentile(0.99) * 1e3:.2f} ms, with the outage {during.percentile(0.99) * 1e3:.2f} ms")
    # Two hundred clients' worth of Python beside the host: a floor for what is its noise.
    assert during.percentile(0.99) <= max(1.2 * calm.percentile(0.99), calm.percentile(0.99) + 0.02)
    answered = calm.answered + during.answered
    wait_until(lambda: database.count() == len(answered), "all rows", deadline=60)
    rows = database.rows()
    assert {str(row["id"]) for row in rows} == {id for id, _, _ in answered}
    order = {}
    for row in rows:
        order.setdefault(row["session_id"], []).append(int(row["prompt"]))
    assert all(numbers == sorted(numbers) for numbers in order.values())


@pytest.mark.alone
@pytest.mark.memory
def test_a_backlog_drains_beside_what_copy_takes_for_the_same_rows(stoppable_postgres, serve):
    database, server = stoppable_postgres, stoppable_postgres.server
    host = serve(DURABLE.format(url=database.url()))
    wait_until(lambda: not host.entries("database_unavailable"), "the connection")
    server.stop("fast")
    made = drive(host.url(), 1_000_000, BACKLOG / 1_000_000, connections=64)
    assert not made.errors
    server.start()
    total = waiting(host)
    wait_until(lambda: waiting(host) < total, "the first rows", deadline=30)
    began, first = time.monotonic(), waiting(host)
    wait_until(lambda: waiting(host) == 0, "an empty queue", deadline=120, pause=0.02)
    drained = first / (time.monotonic() - began)
    assert database.count() == len(made.answered)
    columns = "id, session_id, prompt, response, tokens_used, metadata, username, user_id, created_at"
    file = host.folder / "rows.copy"
    database.psql(f"\\copy requests ({columns}) to '{file}'\nCREATE TABLE twin (LIKE requests INCLUDING ALL);")
    began = time.monotonic()
    database.psql(f"\\copy twin ({columns}) from '{file}'")
    copied = len(made.answered) / (time.monotonic() - began)
    print(f"\ndrained {drained:,.0f} rows/s, copied {copied:,.0f} rows/s, ratio {drained / copied:.2f}")
    assert drained > 0.1 * copied
