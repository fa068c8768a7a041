"""What a PostgreSQL server does not promise of rows that it has taken is said where an operator looks."""

import json

from conftest import wait_until
from silence import ask

ADVISED = """
pipeline: stored
resources: {model: echo, database: {postgres: {url: "URL", create: true}}}
stages: [receive: {format: json}, complete, persist, respond]
"""

SYNCS = {"synchronous_commit": "before a row is on its disk (synchronous_commit is off)",
         "fsync": "does not sync its files (fsync is off)",
         "full_page_writes": "does not write whole pages (full_page_writes is off)"}


def warnings(host):
    found = [json.loads(line) for line in list(host.log)]
    return [entry["message"] for entry in found if entry["level"] == "warning" and " is off)" in entry["message"]]


def test_what_a_server_does_not_promise_is_a_warning_at_start_and_once_more_where_it_changed(
        serve, run, stoppable_postgres):
    database, server = stoppable_postgres, stoppable_postgres.server

    def reload(settings, host=None):
        (server.data / "postgresql.auto.conf").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        before = len(host.entries("database_unavailable")) if host else 0
        server.stop("fast")
        if host:
            wait_until(lambda: len(host.entries("database_unavailable")) > before, "the end of the server")
        server.start()
        if host:
            wait_until(lambda: ask(host, "a row") is None, "the server to be back")

    well = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
    reload(well | {"synchronous_commit": "off"})
    text = ADVISED.replace("URL", database.url())
    host = serve(text)
    assert len(warnings(host)) == 1 and SYNCS["synchronous_commit"] in warnings(host)[0]
    # The words are those of the commands.
    explained = run("explain", host.folder / "pipeline-0.yaml").stdout
    checked = run("check", "--live", host.folder / "pipeline-0.yaml")
    assert warnings(host)[0] in explained and warnings(host)[0] in checked.stdout + checked.stderr
    reload(well | {"synchronous_commit": "off"}, host)
    assert len(warnings(host)) == 1, "nothing has changed"
    reload(well | {"synchronous_commit": "off", "full_page_writes": "off"}, host)
    wait_until(lambda: len(warnings(host)) == 2, "what has changed")
    assert SYNCS["full_page_writes"] in warnings(host)[1]
    reload(well, host)
    reload(well | {"fsync": "off"}, host)
    wait_until(lambda: len(warnings(host)) == 3, "what has changed")
    assert SYNCS["fsync"] in warnings(host)[2]


def test_a_server_that_promises_all_is_no_warning(serve, stoppable_postgres):
    server = stoppable_postgres.server
    (server.data / "postgresql.auto.conf").write_text("fsync = on\n")
    server.stop("fast")
    server.start()
    host = serve(ADVISED.replace("URL", stoppable_postgres.url()))
    assert ask(host, "hello") is None
    assert not warnings(host) and not any('"level":"warning"' in line for line in host.log)
