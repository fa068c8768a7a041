"""What somebody removes at NATS under running hosts and workers: a stream, a consumer; and one that is left over."""

import json
import time

import pytest

from conftest import receive_json, say, wait_until
from test_nats import PARTITIONS, SHARED, environment
from test_nats_workers import check, count, readiness, rows, talk, work

__all__ = ["work"]

CONFIGURATION = {"name": "stagecoach", "subjects": ["stagecoach.>"], "retention": "workqueue", "storage": "file",
                 "discard": "new", "max_bytes": 64 << 20, "num_replicas": 1, "allow_direct": True,
                 "duplicate_window": 600_000_000_000}


def removals(log):
    return [line for line in log if "The stream was removed at NATS" in line]


@pytest.mark.timeout(90)
def test_a_stream_that_is_removed_is_made_again_and_work_goes_on(serve, nats, work, tmp_path):
    host = serve(SHARED, env=environment(nats), arguments=["--no-work"])
    with host.connect() as client, nats.client() as wire:
        receive_json(client)
        assert say(client, "lost")["type"] == "response"
        assert wire.call("STREAM.DELETE.stagecoach")["success"]
        client.send(json.dumps({"prompt": "first"}))
        assert receive_json(client)["response"] == "first", "the clients notice nothing"
        wait_until(lambda: readiness(host).endswith(b"outbox: ready\n"), "/readyz")
        worker = work().ready()
        wait_until(lambda: count(tmp_path) == 1, "a row")
        assert wire.call("STREAM.DELETE.stagecoach")["success"]
        for number in range(5):
            say(client, str(number))
        wait_until(lambda: count(tmp_path) == 6, "the rows of all that came after", deadline=20)
        wait_until(lambda: wire.count() == 0, "the stream to be empty")
    assert [prompts for prompts in rows(tmp_path).values()] == [["first", "0", "1", "2", "3", "4"]]
    wait_until(lambda: len(removals(host.log)) == 2, "the host's log")
    assert '"waiting":"1"' in removals(host.log)[0]
    wait_until(lambda: len(removals(worker.log)) == 1, "the worker's log")
    wait_until(lambda: worker.metric("stagecoach_queue_partitions") == PARTITIONS, "all partitions")


@pytest.mark.timeout(90)
def test_a_stream_that_is_removed_and_not_to_be_made_is_waited_for(serve, nats):
    with nats.client() as wire:
        assert "error" not in wire.call("STREAM.CREATE.stagecoach", **CONFIGURATION)
        host = serve(SHARED.replace("size: 64MiB", "size: 64MiB, create: false"), env=environment(nats))
        with host.connect() as client:
            receive_json(client)
            say(client, "before")
            host.wait_for_rows(1)
            assert wire.call("STREAM.DELETE.stagecoach")["success"]
            wait_until(lambda: b"The stream 'stagecoach' at NATS is missing" in readiness(host), "/readyz to say it")
            wait_until(lambda: any("there is no stream 'stagecoach' at NATS" in line for line in host.log), "the log")
            client.send(json.dumps({"prompt": "meanwhile"}))
            time.sleep(1)
            assert "error" in wire.stream(), "it was made"
            assert "error" not in wire.call("STREAM.CREATE.stagecoach", **CONFIGURATION)
            assert receive_json(client)["response"] == "meanwhile", "when_full: wait"
        assert [row["prompt"] for row in host.wait_for_rows(2)] == ["before", "meanwhile"]
    wait_until(lambda: readiness(host).endswith(b"outbox: ready\n"), "/readyz")
    assert len(removals(host.log)) == 1


@pytest.mark.timeout(90)
def test_consumers_that_are_removed_under_a_running_worker_are_made_again(serve, nats, work, tmp_path):
    host = serve(SHARED, env=environment(nats), arguments=["--no-work"])
    work().ready()
    talks = talk(host, 8, 40)
    with nats.client() as wire:
        for _ in range(3):
            for consumer in wire.consumers():
                wire.call(f"CONSUMER.DELETE.stagecoach.{consumer['name']}")
            time.sleep(0.3)
    check(tmp_path, talks, deadline=15)


@pytest.mark.timeout(120)
def test_a_consumer_that_a_dead_worker_has_left_and_the_server_keeps_is_removed(serve, nats, work, tmp_path):
    """As where its servers died while it was made: nothing ever ends its lease."""
    host = serve(SHARED, env=environment(nats), arguments=["--no-work"])
    with nats.client() as wire:
        for partition in range(PARTITIONS):
            name = f"chat_persist_{partition}_dead_1"
            made = wire.call(f"CONSUMER.DURABLE.CREATE.stagecoach.{name}", stream_name="stagecoach", config={
                "durable_name": name, "deliver_policy": "all", "ack_policy": "explicit",
                "filter_subject": f"stagecoach.chat.persist.{partition}"})
            assert "error" not in made, made
    talks = talk(host, 8, 3)
    work()
    check(tmp_path, talks, deadline=40)
