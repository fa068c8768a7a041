"""Workers of a shared queue: each message is worked on once and in order, whoever of them is killed, started or upgraded."""

import collections
import json
import os
import queue
import re
import signal
import sqlite3
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

from conftest import DEADLINE, metrics, program, receive_json, say, wait_until, waiting
from test_nats import PARTITIONS, SHARED, environment

# The rows of all of them are in one file here; on several machines they are in PostgreSQL.
MESSAGES = int(os.environ.get("NATS_MESSAGES", "300"))


class Worker:
    """A running `stagecoach work`."""

    def __init__(self, folder, env, text=SHARED, arguments=("--port", "0"), name="worker.yaml"):
        file = folder / name
        file.write_text(text)
        clean = {"PATH": os.environ["PATH"], "HOME": str(folder), **env}
        self.log = []
        self.process = subprocess.Popen([os.path.abspath(program()), "work", str(file), *arguments], cwd=folder, env=clean,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        for stream, put in ((self.process.stdout, self.lines.put), (self.process.stderr, self.log.append)):
            threading.Thread(target=self._read, args=(stream, put), daemon=True).start()

    @staticmethod
    def _read(stream, put):
        for line in stream:
            put(line.rstrip("\n"))

    def line(self):
        try:
            return self.lines.get(timeout=DEADLINE)
        except queue.Empty:
            pytest.fail(f"the worker said nothing: {self.log}")

    def ready(self):
        self.announcement = self.line()
        self.http = re.match(r"listening on (http://\S+)", self.line())[1]
        return self

    def metric(self, name):
        text = urllib.request.urlopen(f"{self.http}/metrics", timeout=DEADLINE).read().decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(f"{name}{{"))

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=DEADLINE)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=40)


@pytest.fixture
def work(tmp_path, nats):
    workers = []

    def start(**options):
        worker = Worker(tmp_path, environment(nats), **options)
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        if worker.process.poll() is None:
            worker.kill()


def rows(folder):
    """Prompts by session, in the order in which they were stored."""
    with sqlite3.connect(folder / "data/stagecoach.db", timeout=DEADLINE) as database:
        found = database.execute("select session_id, prompt from requests order by rowid").fetchall()
    sessions = collections.defaultdict(list)
    for session, prompt in found:
        sessions[session].append(prompt)
    return sessions


def count(folder, sessions=None):
    """How many rows there are, or those sessions have."""
    try:
        return sum(len(prompts) for session, prompts in rows(folder).items() if sessions is None or session in sessions)
    except sqlite3.OperationalError:
        return 0


class Talk(threading.Thread):
    """A client that asks one thing after the other, and notes what was answered."""

    def __init__(self, host, number, pause=0):
        super().__init__(daemon=True)
        self.host, self.number, self.answered, self.session = host, number, [], None
        self.pause, self.ends = pause, threading.Event()

    def run(self):
        with self.host.connect() as client:
            self.session = receive_json(client)["session_id"]
            for prompt in map(str, range(self.number)):
                if self.ends.wait(self.pause):
                    break
                frame = say(client, prompt)
                if frame["type"] == "response":
                    self.answered.append(prompt)


def talk(host, clients, number):
    talks = [Talk(host, number) for _ in range(clients)]
    for one in talks:
        one.start()
    return talks


def check(folder, talks, deadline=30):
    """Every answered message is stored once, and those of a session in order."""
    for one in talks:
        one.join(timeout=60)
    answered = sum(len(one.answered) for one in talks)
    sessions = {one.session for one in talks}
    wait_until(lambda: count(folder, sessions) >= answered, f"{answered} rows", deadline=max(deadline, DEADLINE))
    stored = rows(folder)
    for one in talks:
        assert stored[one.session] == one.answered, "in order, each once"


def test_a_worker_stores_what_a_host_without_work_has_answered(serve, nats, work, tmp_path):
    host = serve(SHARED, env=environment(nats), arguments=["--no-work"])
    talks = talk(host, 4, 10)
    for one in talks:
        one.join(timeout=60)
    assert count(tmp_path) == 0 and waiting(host) == 40
    worker = work()
    worker.ready()
    assert worker.announcement == "working on outbox: persist"
    check(tmp_path, talks)
    assert urllib.request.urlopen(f"{worker.http}/readyz", timeout=DEADLINE).status == 200
    assert worker.metric("stagecoach_queue_partitions") == PARTITIONS
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{worker.http}/ws", timeout=DEADLINE)
    assert refused.value.code == 404, "a worker serves no clients"
    assert worker.stop() == 0, worker.log


def test_what_was_answered_is_stored_though_the_host_is_killed(serve, nats, work, tmp_path):
    host = serve(SHARED, env=environment(nats), arguments=["--no-work"], ends_well=False)
    with host.connect() as client:
        receive_json(client)
        say(client, "answered")
        host.process.kill()
    work().ready()
    wait_until(lambda: count(tmp_path) == 1, "the row")


def test_workers_share_the_partitions_evenly_and_again_when_one_comes_or_goes(serve, nats, work):
    first = work().ready()
    assert first.metric("stagecoach_queue_partitions") == PARTITIONS
    second = work().ready()

    def shares(*workers):
        return [worker.metric("stagecoach_queue_partitions") for worker in workers]

    wait_until(lambda: shares(first, second) == [8, 8], "half each")
    third = work().ready()
    wait_until(lambda: sorted(shares(first, second, third)) == [5, 5, 6], "a third each")
    assert second.stop() == 0
    wait_until(lambda: shares(first, third) == [8, 8], "half each again")


def test_another_worker_takes_over_from_one_that_was_killed(serve, nats, work, tmp_path):
    host = serve(SHARED, env=environment(nats), arguments=["--no-work"])
    workers = [work().ready(), work().ready()]
    wait_until(lambda: [worker.metric("stagecoach_queue_partitions") for worker in workers] == [8, 8], "half each")
    talks = talk(host, 16, MESSAGES // 16)
    wait_until(lambda: count(tmp_path) > 20, "some rows")
    workers[0].kill()
    start = time.monotonic()
    check(tmp_path, talks)
    wait_until(lambda: workers[1].metric("stagecoach_queue_partitions") == PARTITIONS, "all partitions", deadline=20)
    assert time.monotonic() - start < 15 + (DEADLINE - 10), "takeover within 15 s"
    with nats.client() as wire:
        wait_until(lambda: wire.count() == 0, "the stream to be empty")


def test_a_server_that_is_started_again_is_gone_on_with(serve, nats, tmp_path):
    host = serve(SHARED, env=environment(nats))
    with host.connect() as client:
        receive_json(client)
        say(client, "before")
        nats.stop(signal.SIGKILL)
        wait_until(lambda: b"Database not connected" in readiness(host), "/readyz to say it")
        client.send(json.dumps({"prompt": "meanwhile"}))
        nats.start()
        assert receive_json(client)["response"] == "meanwhile", "when_full: wait"
        say(client, "after")
    assert [row["prompt"] for row in host.wait_for_rows(3)] == ["before", "meanwhile", "after"]
    wait_until(lambda: readiness(host).endswith(b"outbox: ready\n"), "/readyz")


def readiness(host):
    try:
        return urllib.request.urlopen(f"{host.http}/readyz", timeout=DEADLINE).read()
    except urllib.error.HTTPError as error:
        return error.read()


@pytest.mark.parametrize("policy", ["reject", "drop"])
def test_while_nats_is_away_new_messages_are_treated_as_the_file_says(serve, nats, policy):
    host = serve(SHARED.replace("{queue: outbox}", f"{{queue: outbox, when_full: {policy}}}"), env=environment(nats))
    with host.connect() as client:
        receive_json(client)
        say(client, "before")
        nats.stop(signal.SIGKILL)
        frame = say(client, "meanwhile")
        if policy == "reject":
            assert frame["error"]["code"] == "busy" and frame["error"]["retryable"], frame
        else:
            assert frame["type"] == "response"
            wait_until(lambda: len(host.entries("busy")) == 1, "the log")
        nats.start()
        wait_until(lambda: readiness(host).endswith(b"outbox: ready\n"), "/readyz")
        assert say(client, "after")["type"] == "response"
    assert "meanwhile" not in [row["prompt"] for row in host.wait_for_rows(2)]


@pytest.mark.parametrize("policy", ["wait", "reject", "drop"])
def test_a_full_stream_does_what_the_file_says(serve, nats, work, tmp_path, policy):
    text = SHARED.replace("size: 64MiB", "size: 1MiB").replace(
        "{queue: outbox}", f"{{queue: outbox, when_full: {policy}}}").replace(
        "receive: {format: json}", "receive: {format: json}\n  - validate: {max_length: 100000}")
    host = serve(text, env=environment(nats), arguments=["--no-work"])
    prompt = "x" * 60_000
    with host.connect() as client:
        receive_json(client)
        for _ in range(5):
            assert say(client, prompt)["type"] == "response"
        if policy == "wait":
            client.send(json.dumps({"prompt": prompt + "y"}))
            wait_until(lambda: stored_bytes(nats) > 500_000, "a full stream")
            work(text=text).ready()
            assert receive_json(client)["type"] == "response"
            wait_until(lambda: count(tmp_path) == 6, "the rows")
        else:
            frames = [say(client, prompt) for _ in range(8)]
            if policy == "reject":
                assert frames[-1]["error"]["code"] == "busy"
            else:
                assert frames[-1]["type"] == "response"
                wait_until(lambda: host.entries("busy"), "the log")


def stored_bytes(nats):
    with nats.client() as wire:
        return wire.stream()["state"]["bytes"]


OLD = SHARED
# The version after it makes a field that the stage behind the queue needs.
NEW = SHARED.replace("  - persist: {table: requests}\n    async: {queue: outbox}\n", """  - transform: {mood: "good"}
  - background:
      stages: [{transform: {prompt: "{{prompt}} ({{mood}})"}}, persist: {table: requests}]
      queue: outbox
    label: persist
""").replace("[{transform: {prompt: \"{{prompt}} ({{mood}})\"}}, persist: {table: requests}]",
             "[{transform: {prompt: \"{{prompt}} ({{mood}})\"}}, {persist: {table: requests}}]")


def test_a_message_of_another_version_is_worked_on_by_a_worker_that_can(serve, nats, work, tmp_path):
    host = serve(OLD, env=environment(nats), arguments=["--no-work"])
    new = work(text=NEW, name="new.yaml").ready()
    with host.connect() as client:
        receive_json(client)
        say(client, "of the old file")
    wait_until(lambda: new.metric("stagecoach_queue_given_back_total") > 0, "it to be given back")
    assert count(tmp_path) == 0
    old = work(text=OLD, name="old.yaml").ready()
    wait_until(lambda: count(tmp_path) == 1, "the row", deadline=40)
    assert sum("another version of the file" in line for line in new.log) == 1, "said once"
    assert not [line for line in new.log if '"level":"error"' in line], "no attempt"
    assert old.stop() == 0


@pytest.mark.parametrize("text, said", [
    (SHARED.replace("outbox: {nats: {url: \"${NATS_URL}\", size: 64MiB}}", "outbox: {disk: {path: data/outbox.db}}"),
     "no stage behind a queue that a worker can share"),
    (SHARED.replace("    async: {queue: outbox}\n", "    async: true\n"), "no stage behind a queue that a worker can share"),
], ids=["disk", "memory"])
def test_a_file_without_a_shared_queue_is_an_error_that_says_so(run, nats, tmp_path, text, said):
    (tmp_path / "chat.yaml").write_text(text)
    done = run("work", "chat.yaml", env=environment(nats))
    assert done.returncode == 1 and said in done.stderr and "chat.yaml: error:" in done.stderr and not done.stdout


def test_several_pipelines_are_worked_on_together(nats, work, tmp_path):
    (tmp_path / "other.yaml").write_text(SHARED.replace("pipeline: chat", "pipeline: other"))
    worker = work(arguments=(str(tmp_path / "other.yaml"), "--port", "0")).ready()
    assert worker.announcement == "working on outbox: chat/persist, other/persist"
    with nats.client() as wire:
        consumers = [consumer["config"] for consumer in wire.consumers()]
    # What a worker has given back stays unacknowledged: so there is no more of it.
    assert {consumer["max_ack_pending"] for consumer in consumers} == {2_048}
    subjects = {consumer["filter_subject"] for consumer in consumers}
    assert subjects == {f"stagecoach.{name}.persist.{number}" for name in ("chat", "other") for number in range(PARTITIONS)}


def test_a_worker_that_starts_before_nats_waits_for_it(nats, work):
    nats.stop()
    worker = work()
    wait_until(lambda: any("NATS can't be used yet" in line for line in worker.log), "the log")
    assert worker.lines.empty(), "not ready yet"
    nats.start()
    assert worker.line() == "working on outbox: persist"


SLOW = SHARED.replace("  - persist: {table: requests}\n    async: {queue: outbox}\n  - respond\n",
                      "  - respond\n"
                      "  - exec: {command: [sh, slow.sh], reads: [prompt], timeout: 20s}\n    async: {queue: outbox}\n")


def test_a_worker_that_is_told_to_stop_says_what_it_waits_for(tmp_path, serve, nats):
    (tmp_path / "slow.sh").write_text(
        'while read -r line; do touch begun; sleep 2.5; echo "$line" | sed \'s/.*"id":\\([0-9]*\\).*/{"id":\\1,"fields":{}}/\'; done')
    host = serve(SLOW, env=environment(nats), arguments=["--no-work"])
    worker = Worker(tmp_path, environment(nats), text=SLOW).ready()
    try:
        with host.connect() as client:
            receive_json(client)
            assert say(client, "one")["type"] == "response"
        wait_until((tmp_path / "begun").exists, "the message to be worked on")
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(timeout=DEADLINE) == 0
        wait_until(lambda: "Stopped" in worker.log[-1], f"the end of {worker.log}")
        said = [json.loads(line)["message"] for line in worker.log if line.startswith("{")]
        waits = [message for message in said if message.startswith("stopping: 1 message in a stage; ")]
        assert 1 <= len(waits) <= 6 and re.search(r"; 2\ds left$", waits[0]), said
        with nats.client() as wire:
            assert wire.count() == 0, "what has ended is done for other workers, too"
    finally:
        worker.kill()


def test_a_second_signal_ends_a_worker_at_once(tmp_path, serve, nats):
    (tmp_path / "slow.sh").write_text("while read -r line; do touch begun; sleep 15; done")
    host = serve(SLOW, env=environment(nats), arguments=["--no-work"])
    worker = Worker(tmp_path, environment(nats), text=SLOW).ready()
    try:
        with host.connect() as client:
            receive_json(client)
            say(client, "one")
        wait_until((tmp_path / "begun").exists, "the message to be worked on")
        worker.process.send_signal(signal.SIGTERM)
        wait_until(lambda: any("Stopping" in line for line in worker.log), "the stop")
        begun = time.monotonic()
        while worker.process.poll() is None and time.monotonic() - begun < 10:
            worker.process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
        assert worker.process.wait(timeout=DEADLINE) == 1 and time.monotonic() - begun < 5
        # The message is still there for others.
        with nats.client() as wire:
            assert wire.count() == 1
    finally:
        worker.kill()


def test_acknowledgement_times_are_a_histogram(serve, nats):
    host = serve(SHARED, env=environment(nats))
    with host.connect() as client:
        receive_json(client)
        for number in range(7):
            say(client, f"{number}")
    name = "stagecoach_queue_acknowledging_seconds"
    found = dict(re.findall(rf'^{name}_(\w+{{[^}}]*}}) (\S+)$', metrics(host), re.M))
    buckets = [float(value) for key, value in found.items() if key.startswith("bucket")]
    labels = 'pipeline="chat",stage="persist"'
    assert float(found[f"count{{{labels}}}"]) == 7 == buckets[-1] and buckets == sorted(buckets) and len(buckets) == 17
    assert 0 < float(found[f"sum{{{labels}}}"]) < 60
    assert f'# TYPE {name} histogram' in metrics(host)
    assert f'stagecoach_queue_acknowledged_total{{{labels}}} 7' in metrics(host)
