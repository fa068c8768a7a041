"""A rolling upgrade: workers of two versions of the file share a stream, and the messages of a session stay in order."""

import json
import random
import time
import uuid

import pytest

from conftest import receive_json, say, wait_until
from test_nats import SHARED, environment, index
from test_nats_workers import NEW, OLD, count, rows, work

__all__ = ["work"]


class Stream:
    """Puts messages of both versions into the stream, as hosts of both versions do."""

    def __init__(self, serve, nats):
        host = serve(NEW, env=environment(nats), arguments=["--no-work"])
        with host.connect() as client, nats.client() as wire:
            receive_json(client)
            say(client, "one")
            self.record = json.loads(wire.stored()[0]["payload"])
            assert self.record["fields"] == {"mood": "good"}
            assert wire.call("STREAM.PURGE.stagecoach")["success"]
        self.nats, self.sent = nats, {}

    def put(self, session, version):
        sent = self.sent.setdefault(session, [])
        record = {**self.record, "session": session, "prompt": str(len(sent)), "id": str(uuid.uuid4())}
        if version == "old":
            del record["fields"]
        with self.nats.client() as wire:
            answer = wire.request(f"stagecoach.chat.persist.{index(session)}", json.dumps(record).encode(),
                                  {"Nats-Msg-Id": record["id"]})
            assert "error" not in json.loads(answer["payload"])
        sent.append(record["prompt"])

    def stored(self, folder):
        return {session: [prompt.split()[0] for prompt in prompts] for session, prompts in rows(folder).items()}


def sessions_of(partition, number):
    return [name for name in (f"session-{number}" for number in range(1_000)) if index(name) == partition][:number]


@pytest.mark.timeout(150)
def test_the_messages_of_a_session_stay_in_order_between_workers_of_two_versions(serve, nats, work, tmp_path):
    stream = Stream(serve, nats)
    mixed, new, *others = sessions_of(3, 2) + sessions_of(5, 2) + sessions_of(11, 2)
    worker = work(text=NEW, name="new.yaml").ready()
    for number in range(12):
        stream.put(mixed, "old" if number in (2, 5, 6) else "new")
        stream.put(new, "new")
    wait_until(lambda: len(stream.stored(tmp_path).get(new, [])) == 12, "the rows of the other session", deadline=20)
    # Nobody can work on the third: longer than it is given back for.
    time.sleep(11)
    assert stream.stored(tmp_path)[mixed] == ["0", "1"], "those before the one that waits"
    assert stream.stored(tmp_path)[new] == stream.sent[new]
    old = work(text=OLD, name="old.yaml").ready()
    chance = random.Random(5)
    for _ in range(40):
        for session in (mixed, *others):
            stream.put(session, chance.choice(["old", "new"]))
        time.sleep(0.05)
    total = sum(map(len, stream.sent.values()))
    wait_until(lambda: count(tmp_path) == total, f"{total} rows", deadline=60)
    assert stream.stored(tmp_path) == stream.sent, "in order, each once"
    for one in (worker, old):
        assert not [line for line in one.log if '"level":"error"' in line], "no attempt"
    with nats.client() as wire:
        wait_until(lambda: wire.count() == 0, "the stream to be empty")


@pytest.mark.timeout(90)
def test_what_waits_for_a_message_that_somebody_removed_is_worked_on(serve, nats, work, tmp_path):
    stream = Stream(serve, nats)
    work(text=NEW, name="new.yaml").ready()
    for version in ("old", "new", "new"):
        stream.put("one", version)
    with nats.client() as wire:
        first = wire.stream()["state"]["first_seq"]
        time.sleep(1)
        assert count(tmp_path) == 0
        assert wire.call("STREAM.MSG.DELETE.stagecoach", seq=first)["success"]
    wait_until(lambda: stream.stored(tmp_path).get("one") == ["1", "2"], "what followed it", deadline=30)
