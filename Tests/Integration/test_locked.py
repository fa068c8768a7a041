"""Locks: a SQLite file that another program has locked, and a queue's lock file that is a link."""

import json
import sqlite3
import threading
import time

from conftest import DEADLINE, receive_json

STORED_FIRST = """
pipeline: stored
resources: {model: echo, database: {sqlite: {path: data/stagecoach.db, busy_timeout: 1s}}}
stages: [receive: {format: json}, complete, persist, respond]
"""


def test_clients_of_a_locked_database_hear_so_after_its_timeout_however_many_wait(serve, run):
    host = serve(STORED_FIRST)
    assert "persist: the client waits, at most 1s" in run("explain", host.folder / "pipeline-0.yaml").stdout
    heard = []

    def ask(prompt):
        with host.connect() as client:
            receive_json(client)
            began = time.monotonic()
            client.send(json.dumps({"prompt": prompt}))
            frame = json.loads(client.recv(timeout=60))
            heard.append((time.monotonic() - began, frame.get("error", {}).get("code")))

    ask("before")
    lock = sqlite3.connect(host.folder / "data/stagecoach.db", isolation_level=None, timeout=DEADLINE)
    lock.execute("begin immediate")
    threads = [threading.Thread(target=ask, args=(f"meanwhile {number}",)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lock.rollback()
    lock.close()
    ask("after")
    assert [code for _, code in heard] == [None] + ["database_unavailable"] * 20 + [None]
    late = max(seconds for seconds, _ in heard)
    assert late < 1 + 0.2 * DEADLINE, f"the last heard after {late:.1f} s"
    assert [row["prompt"] for row in host.wait_for_rows(2)] == ["before", "after"]


def test_a_lock_file_that_is_a_link_is_not_written_through(run, tmp_path):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "queue.db.lock").symlink_to(tmp_path / "precious")
    (tmp_path / "p.yaml").write_text(
        "pipeline: p\nresources: {model: echo, outbox: {disk: {path: queue.db}}}\nstages:\n  - receive\n  - complete\n"
        "  - log:\n    async: {queue: outbox}\n  - respond\n")
    result = run("serve", tmp_path / "p.yaml", "--port", "0")
    assert result.returncode == 1 and "'queue.db' can't be locked" in result.stderr
    assert (tmp_path / "precious").read_text() == "precious"
