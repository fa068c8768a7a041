"""What is promised to survive is on disk before it is promised: seen by the system calls, and by what a disk keeps."""

import json
import os
import random
import shutil
import signal
import stat
import time

import pytest

import powercut
from conftest import DEADLINE, receive_json, wait_until, waiting
from test_queues import DURABLE, Talker

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


QUEUED = DURABLE.replace("data/outbox.db", "data/queues/deep/outbox.db").replace(
    "queue: outbox", "queue: outbox, dead_letter: data/letters/deep/dead.jsonl")
# How often the power is cut: a few times for each change, 200 times at night.
CUTS = int(os.environ.get("POWER_CUTS", "12"))


class Talkers:
    """Clients that send while the power is cut, every fifth of their prompts one that the table refuses."""

    def __init__(self, host, name):
        self.all = [Talker(host, f"{name}-{index}{'-bad' if index == 4 else ''}") for index in range(5)]
        for talker in self.all:
            talker.start()

    def wait_for_answers(self, host):
        wait_until(lambda: any(talker.answered for talker in self.all) or host.process.poll() is not None, "an answer")

    def end(self):
        for talker in self.all:
            talker.join(timeout=DEADLINE)
        return [answer for talker in self.all for answer in talker.answered]


@pytest.mark.preload
@pytest.mark.parametrize("text", [QUEUED, STORED_FIRST], ids=["disk queue", "stored first"])
def test_a_power_cut_at_any_instant_loses_no_answered_message(serve, library, tmp_path, tmp_path_factory, text):
    host = serve(text)
    with host.database() as database:
        database.execute("create trigger refuse before insert on requests when new.prompt like '%-bad%' "
                         "begin select raise(abort, 'refused'); end")
    host.stop()
    chance, answered, cuts_while_answering = random.Random(len(text)), [], 0
    for round in range(CUTS // 2):
        shadow = tmp_path_factory.mktemp("disk")
        # Half of the cuts come with a call, also while the host starts, the others at any time.
        at = chance.randrange(1, 600) if round % 2 else None
        env = powercut.environment(library, tmp_path, shadow, at, leak=chance.choice([0, 0, 30]))
        try:
            host = serve(text, env=env, ends_well=False)
        except pytest.fail.Exception:
            powercut.cut(tmp_path, shadow)
            continue
        talkers = Talkers(host, str(round))
        talkers.wait_for_answers(host)
        if at is None:
            time.sleep(chance.uniform(0, 0.4))  # the instant of the cut is what varies
            host.process.send_signal(signal.SIGKILL)
        host.process.wait(timeout=DEADLINE)
        new = talkers.end()
        cuts_while_answering += bool(new)
        answered += new
        powercut.cut(tmp_path, shadow)
    host = serve(text)
    wait_until(lambda: waiting(host) == 0, "the queue to be empty", deadline=3 * DEADLINE)
    rows = {row["id"]: (row["session_id"], row["prompt"]) for row in host.rows()}
    file = tmp_path / "data/letters/deep/dead.jsonl"
    letters = [json.loads(line)["message"] for line in file.read_text().splitlines()] if file.exists() else []
    kept = rows | {letter["id"]: (letter["session"], letter["prompt"]) for letter in letters}
    lost = [entry for entry in answered if kept.get(entry[0]) != entry[1:]]
    assert not lost, f"{len(lost)} of {len(answered)} answered messages are lost or changed"
    assert len({prompt for _, prompt in rows.values()}) == len(rows) == len(host.rows()), "a message is stored twice"
    assert not any(letter["id"] in rows for letter in letters)
    assert cuts_while_answering > CUTS / 6 and answered
    assert text is STORED_FIRST or letters
