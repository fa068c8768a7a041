"""A queue in NATS JetStream: the flow over it, what is on the wire, and what is said where it isn't as the file says."""

import json
import subprocess
import time

import pytest

from conftest import DEADLINE, receive_json, say, wait_until, waiting
from natskeys import Operator
from natsserver import NATSServer

SHARED = """
pipeline: chat
resources:
  model: echo
  database: {sqlite: {path: data/stagecoach.db}}
  outbox: {nats: {url: "${NATS_URL}", size: 64MiB}}
stages:
  - receive: {format: json}
  - complete
  - persist
    async: {queue: outbox}
  - respond
""".replace("- persist\n", "- persist: {table: requests}\n")
PARTITIONS = 16


def environment(server):
    return {"NATS_URL": server.url}


def index(session):
    """The partition of a session, by the rule of the documents: FNV-1a, folded."""
    number = 0xCBF29CE484222325
    for byte in session.encode():
        number = (number ^ byte) * 0x100000001B3 % 2**64
    return (number ^ number >> 32) % PARTITIONS


def test_an_answer_leaves_once_the_stream_has_its_message_and_a_row_follows(serve, nats):
    host = serve(SHARED, env=environment(nats))
    with host.connect() as client, nats.client() as wire:
        receive_json(client)
        for number in range(20):
            assert say(client, f"prompt {number}")["type"] == "response"
        assert [row["prompt"] for row in host.wait_for_rows(20)] == [f"prompt {number}" for number in range(20)]
        wait_until(lambda: wire.count() == 0, "the stream to be empty")
        wait_until(lambda: waiting(host) == 0, "the metric")
        assert wire.stream()["state"]["last_seq"] == 20, "each message once"


def test_what_comes_after_idle_seconds_is_worked_on_at_once(serve, nats):
    host = serve(SHARED, env=environment(nats))
    # Longer than a request for messages lasts.
    time.sleep(6)
    with host.connect() as client:
        receive_json(client)
        start = time.monotonic()
        for number in range(30):
            say(client, str(number))
        host.wait_for_rows(30)
    assert time.monotonic() - start < 4 * DEADLINE / 10, "each but the first waits for the next request"


def test_a_stream_of_work_is_made_that_drops_nothing_by_age_or_count(serve, nats):
    serve(SHARED.replace("size: 64MiB", "size: 64MiB, stream: orders-1"), env=environment(nats))
    with nats.client() as wire:
        made = wire.stream("orders-1")["config"]
        consumers = wait_until(lambda: len(found := wire.consumers("orders-1")) == PARTITIONS and found, "the consumers")
    assert made["subjects"] == ["orders-1.>"] and made["retention"] == "workqueue" and made["discard"] == "new"
    assert made["max_bytes"] == 64 << 20 and made["storage"] == "file" and made["num_replicas"] == 1
    assert made["max_age"] == 0 and made["max_msgs"] == -1
    for consumer in consumers:
        assert consumer["config"]["ack_policy"] == "explicit" and consumer["config"].get("max_deliver", -1) == -1
    assert {consumer["config"]["filter_subject"] for consumer in consumers} == {
        f"orders-1.chat.persist.{number}" for number in range(PARTITIONS)}


def test_subjects_name_pipeline_label_and_partition_and_ids_are_those_of_messages(serve, nats):
    text = SHARED.replace("pipeline: chat", "pipeline: a.chat-ü").replace(
        "- persist: {table: requests}\n", "- persist: {table: requests}\n    label: to.db\n")
    host = serve(text, env=environment(nats), arguments=["--no-work"])
    with host.connect() as client, nats.client() as wire:
        session = receive_json(client)["session_id"]
        answers = [say(client, f"prompt {number}") for number in range(3)]
        stored = wire.stored()
    assert [message["headers"]["Nats-Subject"] for message in stored] == [
        f"stagecoach.a=2Echat-=C3=BC.to=2Edb.{index(session)}"] * 3
    assert [message["headers"]["Nats-Msg-Id"] for message in stored] == [
        f"{answer['message_id']}:a=2Echat-=C3=BC:to=2Edb" for answer in answers]
    records = [json.loads(message["payload"]) for message in stored]
    assert [record["prompt"] for record in records] == ["prompt 0", "prompt 1", "prompt 2"]
    assert all(record["session"] == session and record["completion"] == record["prompt"] for record in records)


@pytest.mark.parametrize("before, said", [
    ({"max_bytes": 1 << 20}, "its size in bytes is 1048576, and must be 67108864"),
    ({"retention": "limits"}, "its retention is limits, and must be work"),
    ({"storage": "memory"}, "its storage is memory, and must be file"),
    ({"max_age": 60_000_000_000}, "its longest age is 60.0 seconds, and must be -1"),
    ({"discard": "old"}, "its discard policy is old, and must be new"),
], ids=lambda value: next(iter(value), "") if isinstance(value, dict) else "")
def test_a_stream_that_differs_from_the_file_is_an_error_that_says_how(run, nats, tmp_path, before, said):
    good = {"subjects": ["stagecoach.>"], "retention": "workqueue", "storage": "file", "discard": "new",
            "max_bytes": 64 << 20, "num_replicas": 1, "allow_direct": True}
    with nats.client() as wire:
        made = wire.call("STREAM.CREATE.stagecoach", name="stagecoach", **{**good, **before})
        assert "error" not in made, made
    (tmp_path / "chat.yaml").write_text(SHARED)
    for command in (["serve", "chat.yaml", "--port", "0"], ["work", "chat.yaml"]):
        done = run(*command, env=environment(nats))
        assert done.returncode == 1 and said in done.stderr, done.stderr
        assert "the stream 'stagecoach' differs from the file" in done.stderr and "nats stream" in done.stderr


def test_a_stream_that_is_missing_and_not_to_be_made_is_an_error_that_says_what_to_run(run, nats, tmp_path):
    (tmp_path / "chat.yaml").write_text(SHARED.replace("size: 64MiB", "size: 64MiB, create: false"))
    done = run("serve", "chat.yaml", "--port", "0", env=environment(nats))
    assert done.returncode == 1 and "there is no stream 'stagecoach' at NATS" in done.stderr
    assert "nats stream add stagecoach --subjects 'stagecoach.>' --retention work" in done.stderr
    with nats.client() as wire:
        assert wire.stream()["error"]["err_code"] == 10059, "it was made"


@pytest.mark.parametrize("settings, said", [
    ("replicas: 3", "set 'replicas: 1' under 'nats'"), ("size: 500GiB", "set a smaller 'size' under 'nats'")],
    ids=["replicas", "size"])
def test_a_stream_that_nats_refuses_to_make_is_an_error_with_a_cure(run, nats, tmp_path, settings, said):
    (tmp_path / "chat.yaml").write_text(SHARED.replace("size: 64MiB", settings))
    done = run("serve", "chat.yaml", "--port", "0", env=environment(nats))
    assert done.returncode == 1 and "the stream 'stagecoach' can't be had: JetStream: " in done.stderr
    assert said in done.stderr, done.stderr


def test_a_server_without_jetstream_is_said_and_gone_on_with_once_it_has_it(serve, nats):
    with open(nats.file) as file:
        whole = file.read()
    nats.stop()
    with open(nats.file, "w") as file:
        file.write("\n".join(line for line in whole.splitlines() if not line.startswith("jetstream")))
    nats.start()
    host = serve(SHARED, env=environment(nats))
    wait_until(lambda: "start nats-server with -js" in "".join(host.log), "the log to say what is missing")
    assert nats.url in "".join(host.log), "which server"
    nats.stop()
    with open(nats.file, "w") as file:
        file.write(whole)
    nats.start()
    with host.connect() as client:
        receive_json(client)
        say(client, "after")
    assert [row["prompt"] for row in host.wait_for_rows(1)] == ["after"]


@pytest.mark.parametrize("settings, said", [
    ("stream: a.b", "must be a name of letters, digits, '_' and '-'"), ("url: \"http://h:4222\"", "must be an address"),
    ("replicas: 6", "replicas"), ("size: 10", "size")], ids=["stream", "url", "replicas", "size"])
def test_settings_that_nats_can_not_have_are_errors_of_check(run, nats, tmp_path, settings, said):
    (tmp_path / "chat.yaml").write_text(
        SHARED.replace("size: 64MiB", settings) if "url" not in settings
        else SHARED.replace('url: "${NATS_URL}"', settings))
    done = run("check", "chat.yaml", env=environment(nats))
    assert done.returncode == 1 and said in done.stderr, done.stderr


def test_replay_puts_a_dead_letter_back_under_a_new_number(serve, run, nats, tmp_path):
    text = SHARED.replace("{queue: outbox}", "{queue: outbox, dead_letter: dead.jsonl}")
    host = serve(text, env=environment(nats), arguments=["--no-work"])
    with host.connect() as client, nats.client() as wire:
        receive_json(client)
        answer = say(client, "again")
        first = wire.stored()[0]
        record = json.loads(first["payload"])
        letter = {"error": {"code": "stage_failed", "message": "it failed"}, "failed_at": "2026-01-01T00:00:00Z",
                  "message": record, "step": "persist"}
        (tmp_path / "dead.jsonl").write_text(json.dumps(letter) + "\n")
        # Its table must be there, as it is where a worker has run.
        done = run("replay", "pipeline-0.yaml", "dead.jsonl", env=environment(nats))
        assert done.returncode == 0 and done.stdout == "1 of 1 messages replayed\n", done.stderr
        again = wire.stored()
        assert len(again) == 2 and again[0]["headers"]["Nats-Subject"] == again[1]["headers"]["Nats-Subject"]
        ids = [message["headers"]["Nats-Msg-Id"] for message in again]
        assert ids[0] == f"{answer['message_id']}:chat:persist" and ids[1].startswith(ids[0] + ":")


def test_a_message_that_comes_twice_is_stored_once(serve, nats):
    host = serve(SHARED, env=environment(nats), arguments=["--no-work"])
    with host.connect() as client, nats.client() as wire:
        receive_json(client)
        say(client, "once")
        stored = wire.stored()[0]
        subject = stored["headers"]["Nats-Subject"]
        same = wire.request(subject, stored["payload"], {"Nats-Msg-Id": stored["headers"]["Nats-Msg-Id"]})
        assert json.loads(same["payload"])["duplicate"] is True
        other = wire.request(subject, stored["payload"], {"Nats-Msg-Id": "another"})
        assert "error" not in json.loads(other["payload"])
    serve(SHARED, env=environment(nats))
    with nats.client() as wire:
        wait_until(lambda: wire.count() == 0, "the stream to be empty")
    assert [row["prompt"] for row in host.rows()] == ["once"]


def test_what_is_no_message_stays_in_the_stream_and_is_said_once(serve, nats):
    host = serve(SHARED, env=environment(nats))
    with nats.client() as wire, host.connect() as client:
        session = receive_json(client)["session_id"]
        for text in (b"no message", b"{}"):
            wire.request(f"stagecoach.chat.persist.{index(session)}", text)
        say(client, "a good one")
        host.wait_for_rows(1)
        wait_until(lambda: sum("can't be read" in line for line in host.log) == 1, "the log")
        wait_until(lambda: wire.count() == 2, "the good one to leave")


def test_tls_and_its_files(serve, run, tmp_path):
    for name in ("good", "other"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout",
                        tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.pem", "-subj", "/CN=127.0.0.1",
                        "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    server = NATSServer(f'tls {{cert_file: "{tmp_path}/good.pem", key_file: "{tmp_path}/good.key"}}')
    try:
        host = serve(SHARED.replace("size: 64MiB", "size: 64MiB, tls: {ca: good.pem}"), env=environment(server))
        with host.connect() as client:
            receive_json(client)
            say(client, "over TLS")
        host.wait_for_rows(1)
        text = SHARED.replace("size: 64MiB", "size: 64MiB, tls: {ca: other.pem}")
        with serve(text, env=environment(server)).connect() as client:
            receive_json(client)
            client.send(json.dumps({"prompt": "never"}))
            with pytest.raises(TimeoutError):
                client.recv(timeout=1)
        (tmp_path / "chat.yaml").write_text(SHARED.replace("size: 64MiB", "tls: {ca: none.pem}"))
        done = run("serve", "chat.yaml", "--port", "0", env=environment(server))
        assert done.returncode == 1 and "the file 'none.pem' of 'tls: ca' can't be read" in done.stderr
    finally:
        server.end()


def test_a_file_of_credentials_lets_the_host_in(serve, run, tmp_path):
    operator = Operator()
    server = NATSServer(operator.configuration)
    try:
        (tmp_path / "host.creds").write_text(operator.credentials())
        host = serve(SHARED.replace("size: 64MiB", "size: 64MiB, credentials: host.creds"), env=environment(server))
        with host.connect() as client:
            receive_json(client)
            say(client, "let in")
        host.wait_for_rows(1)
        other = serve(SHARED, env=environment(server))
        wait_until(lambda: any("NATS can't be used yet" in line for line in other.log), "the log")
        seed = operator.credentials().splitlines()[5]
        assert not any(seed in line for line in host.log + other.log)
    finally:
        server.end()


def test_the_library_is_loaded_only_by_a_host_whose_file_has_the_queue(serve, nats, offline):
    def has_library(host):
        with open(f"/proc/{host.process.pid}/maps") as maps:
            return "libnats" in maps.read()

    assert not has_library(offline)
    assert has_library(serve(SHARED, env=environment(nats)))
