"""A queue in NATS JetStream: the flow over it, what is on the wire, and what is said where it isn't as the file says."""

import json
import signal

import pytest

from conftest import receive_json, say, wait_until, waiting
from natsserver import NATSServer, Wire

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
