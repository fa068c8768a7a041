"""What is promised to survive is on disk before it is promised: seen by the system calls, and by what a disk keeps."""

import json
import os
import shutil
import stat

import pytest

from conftest import receive_json, wait_until, waiting
from test_queues import DURABLE

STORED_FIRST = """
pipeline: stored-first
resources:
  model: echo
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive: {format: json}
  - complete
  - persist
  - respond
"""


class Syncs:
    """The syncs of a process, as strace writes them down before the process goes on."""

    def __init__(self, folder):
        if not shutil.which("strace"):
            pytest.fail("strace is missing; scripts/setup --tests installs it")
        self.file = folder / "syncs"
        # -D: the process is the one that was started, and strace its grandchild.
        self.prefix = ["strace", "-D", "-f", "-y", "-e", "trace=fsync,fdatasync", "-o", str(self.file)]

    def of(self, end):
        """How many syncs there were of files whose path ends so."""
        lines = self.file.read_text().splitlines()
        return sum(f"{end}>" in line and ("sync(" in line) for line in lines)


@pytest.mark.preload
@pytest.mark.parametrize("text, file", [(DURABLE, "data/outbox.db-wal"), (STORED_FIRST, "data/stagecoach.db-wal")],
                         ids=["disk queue", "stored first"])
def test_each_answer_leaves_after_a_sync_of_the_file_it_relies_on(serve, tmp_path, text, file):
    syncs = Syncs(tmp_path)
    host = serve(text, prefix=syncs.prefix)
    with host.connect() as client:
        receive_json(client)
        before = syncs.of(file)
        for number in range(30):
            client.send(json.dumps({"prompt": str(number)}))
            assert receive_json(client)["type"] == "response"
            assert syncs.of(file) - before >= number + 1, "an answer left before its sync"


@pytest.mark.preload
def test_a_row_is_synced_before_it_is_removed_from_its_queue(serve, tmp_path):
    syncs = Syncs(tmp_path)
    host = serve(DURABLE, prefix=syncs.prefix)
    with host.connect() as client:
        receive_json(client)
        for number in range(10):
            client.send(json.dumps({"prompt": str(number)}))
            receive_json(client)
            wait_until(lambda: waiting(host) == 0, "the row")
            assert syncs.of("data/stagecoach.db-wal") > number


@pytest.mark.preload
def test_folders_and_files_that_are_made_are_synced_in_the_folder_above(serve, tmp_path):
    syncs = Syncs(tmp_path)
    text = DURABLE.replace("data/stagecoach.db", "rows/deep/stagecoach.db").replace("data/outbox.db", "queue/deep/outbox.db")
    serve(text, prefix=syncs.prefix)
    for folder in ["", "/rows", "/rows/deep", "/queue", "/queue/deep"]:
        assert syncs.of(f"{tmp_path}{folder}") >= 1, folder


def test_what_the_host_keeps_is_for_its_own_user_alone(serve, run, tmp_path):
    text = DURABLE.replace("data/stagecoach.db", "rows/deep/stagecoach.db").replace("data/outbox.db", "queue/deep/outbox.db")
    (tmp_path / "rows").mkdir(mode=0o755)
    old = os.umask(0)
    try:
        (tmp_path / "rows").chmod(0o755)
        host = serve(text)
        with host.connect() as client:
            receive_json(client)
            client.send(json.dumps({"prompt": "x"}))
            receive_json(client)
            files = [path for name in ("rows", "queue") for path in (tmp_path / name).rglob("*")]
            modes = {str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode) for path in files}
    finally:
        os.umask(old)
    assert {name for name in modes if name.endswith(("-wal", ".lock"))} == {
        "rows/deep/stagecoach.db-wal", "queue/deep/outbox.db-wal", "queue/deep/outbox.db.lock"}
    for name, mode in modes.items():
        assert mode == (0o700 if name.endswith("deep") else 0o600), f"{name}: {mode:o}"
    assert stat.S_IMODE((tmp_path / "queue").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "rows").stat().st_mode) == 0o755, "what was there is left alone"
