"""Limits and budgets that several hosts keep together, while what is between them fails."""

import json
import os
import random
import signal
import struct
import threading
import time

import pytest
import requests

from conftest import wait_until
from severable import SeverableProxy
from test_nats_cluster import Cluster
from test_shared_limits import BUDGET, LIMIT, flood

PATIENCE = float(os.environ.get("PATIENCE", "1"))
HOURLY = LIMIT.replace("60s", "1h")


class Lossy:
    """A way to NATS on which some writes of a limit, and some answers to them, are lost with their connection."""

    def __init__(self, port, lost=(), share=0.0, seed=0):
        self.lost, self.share, self.random = list(lost), share, random.Random(seed)
        self.count = 0
        self.proxy = SeverableProxy(port)
        self.proxy.lose = lambda data: b"PUB $KV." in data and self.next("write")
        self.proxy.swallow = lambda data: b'"stream":"KV_' in data and self.next("answer")
        self.url = f"nats://127.0.0.1:{self.proxy.port}"

    def next(self, kind):
        if kind in self.lost:
            self.lost.remove(kind)
        elif self.random.random() >= self.share:
            return False
        self.count += 1
        return True


@pytest.fixture
def lossy(nats):
    ways = []

    def make(**options):
        ways.append(Lossy(nats.port, **options))
        return ways[-1]

    yield make
    for way in ways:
        way.proxy.stop()
        way.proxy.cut()


def used(statuses):
    return [answer["tokens_used"] for status, answer in statuses if status == 200]


@pytest.mark.parametrize("kind", ["write", "answer"])
def test_a_write_that_is_lost_or_not_answered_counts_a_message_once(serve, ai, lossy, kind):
    way = lossy()
    host = serve(BUDGET, env={"OPENAI_BASE_URL": ai.url, "NATS_URL": way.url})
    ask = {"prompt": "one two three four five"}
    cost = flood([host], 1, prompt=ask["prompt"])[0][1]["tokens_used"]
    count = 2_000 // cost
    begun = time.monotonic()
    for number in range(3):
        wait_until(lambda: requests.get(f"{host.http}/readyz", timeout=10).ok, "the connection", deadline=10 * PATIENCE)
        # That of the message's start, or that of its answer.
        way.lost = [kind]
        assert flood([host], 1, prompt=ask["prompt"])[0][0] == 200, f"the {kind} {number} blocks its user"
        wait_until(lambda: not way.lost, "the loss", deadline=10 * PATIENCE)
    assert way.count == 3 and time.monotonic() - begun < 20 * PATIENCE
    # Nothing is counted twice, and nothing stays reserved.
    spent = sum(used(flood([host], count, threads=8, prompt=ask["prompt"]))) + 4 * cost
    assert 2_000 <= spent < 2_000 + cost, f"{spent} of 2000, each {cost}"


@pytest.mark.timeout(120)
def test_limits_of_three_hosts_are_kept_while_writes_and_answers_are_lost(serve, ai, lossy):
    ways = [lossy(share=0.03, seed=seed) for seed in range(3)]
    hosts = [serve(HOURLY.replace("format: json", "format: json, path: /limited"),
                   BUDGET.replace("format: json", "format: json, path: /budget"), env={"OPENAI_BASE_URL": ai.url, "NATS_URL": way.url}) for way in ways]
    admitted = sum(status == 200 for status, _ in flood(hosts, 200, path="/limited"))
    assert 90 <= admitted <= 110
    count = int(os.environ.get("BUDGET_REQUESTS", "120"))
    threads = count if "BUDGET_REQUESTS" in os.environ else 24
    tokens = used(flood(hosts, count, threads=threads, path="/budget", prompt="one two three four five"))
    print(f"{admitted} of 100 messages, {sum(tokens)} of 2000 tokens, {sum(way.count for way in ways)} losses")
    assert 2_000 <= sum(tokens) < 2_000 + max(tokens)
    assert sum(way.count for way in ways) > 3, "nothing was lost"


@pytest.fixture
def cluster():
    servers = Cluster()
    yield servers
    servers.end()


def leader(cluster, name):
    """The server that leads a stream, by the beginning of its name."""
    for server in cluster.servers:
        if server.process.poll() is None:
            with server.client() as wire:
                for stream in wire.call("STREAM.NAMES").get("streams") or []:
                    if stream.startswith(name):
                        found = wire.stream(stream).get("cluster", {}).get("leader")
                        return cluster.servers[int(found[1:])] if found else None
    return None


def servers_have_chosen(hosts, cluster, kind):
    """Until then each host keeps limits by itself."""
    wait_until(lambda: flood(hosts, 3, user="bob") and leader(cluster, f"KV_stagecoach-{kind}"), "a leader", deadline=60)
    time.sleep(1.2)
    flood(hosts, 3, user="eve")


@pytest.mark.timeout(120)
def test_a_limit_is_exact_with_replicas(serve, cluster):
    """NATS 2.9 acknowledges both of two writes that compare the same value at the same time."""
    text = HOURLY.replace("size: 64MiB", "size: 64MiB, replicas: 3").replace("messages: 100", "messages: 40")
    hosts = [serve(text, env={"NATS_URL": cluster.url}) for _ in range(3)]
    servers_have_chosen(hosts, cluster, "limit")
    for user in ("ann", "cat", "dan"):
        assert sum(status == 200 for status, _ in flood(hosts, 60, threads=12, user=user)) == 40


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["limit", "budget"])
def test_the_server_that_leads_may_be_killed(serve, ai, cluster, kind):
    text = (HOURLY if kind == "limit" else BUDGET).replace("size: 64MiB", "size: 64MiB, replicas: 3")
    hosts = [serve(text, env={"OPENAI_BASE_URL": ai.url, "NATS_URL": cluster.url}) for _ in range(3)]
    ask = {"prompt": "one two three four five"}
    servers_have_chosen(hosts, cluster, kind)
    first = flood(hosts, 45, **ask)
    begun = time.monotonic()
    leader(cluster, f"KV_stagecoach-{kind}").stop(signal.SIGKILL)
    found = flood(hosts, 400, threads=24, **ask)
    print("with the leader's death it took", time.monotonic() - begun)
    if kind == "limit":
        admitted = sum(status == 200 for status, _ in first + found)
        print(f"{admitted} of 100 messages")
        assert 90 <= admitted <= 110
    else:
        tokens = used(first + found)
        print(f"{sum(tokens)} of 2000 tokens")
        assert 2_000 <= sum(tokens) < 2_000 + max(tokens), f"{sum(tokens)} of 2000, each {max(tokens)}"


def test_hosts_whose_clocks_differ_keep_one_limit(serve, ai, nats, library, tmp_path):
    text = LIMIT.replace("messages: 100", "messages: 20").replace("60s", "4s")
    clock = tmp_path / "clock"
    clock.write_bytes(struct.pack("q", 1))
    right = serve(text, env={"NATS_URL": nats.url})
    ahead = serve(text, env={
        "NATS_URL": nats.url, "LD_PRELOAD": library("wallclock"), "WALLCLOCK_FILE": str(clock)})
    for first, second in ((right, ahead), (ahead, right)):
        user = f"user{first.port}"
        begun = time.monotonic()
        admitted = sum(status == 200 for status, _ in flood([first], 40, user=user))
        admitted += sum(status == 200 for status, _ in flood([second], 20, user=user))
        assert 20 <= admitted <= 22 + (time.monotonic() - begun) * 5
        time.sleep(0.5)
        # What has come back since is there for both.
        assert flood([second], 1, user=user)[0][0] == 200


def test_a_host_that_is_killed_with_reservations_stops_nobody(serve, ai, nats):
    env = {"OPENAI_BASE_URL": ai.url, "NATS_URL": nats.url}
    dying = serve(BUDGET, env=env, ends_well=False)
    hosts = [serve(BUDGET, env=env) for _ in range(2)]
    cost = used(flood([dying], 1, prompt="one two three four five"))[0]
    ai.script = ["hang"] * 8

    def ask(number):
        with pytest.raises(requests.ConnectionError):
            requests.post(f"{dying.http}/ws?username=ann", json={"prompt": "x", "id": f"dead-{number}"}, timeout=60)

    asking = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in asking:
        thread.start()
    wait_until(lambda: len(ai.calls) == 9, "the calls", deadline=20 * PATIENCE)
    # They have reserved nearly nothing of the budget; a host that is asked still answers for them.
    dying.stop(signal.SIGKILL)
    for thread in asking:
        thread.join()
    tokens = sum(used(flood(hosts, 2_000 // cost + 20, threads=12, prompt="one two three four five"))) + cost
    assert 2_000 <= tokens < 2_000 + cost


def test_one_client_that_is_contended_leaves_the_limits_of_others_alone(serve, nats, lossy):
    """Another program is always faster, with one client's value."""
    way = lossy()
    hosts = [serve(HOURLY.replace("messages: 100", "messages: 7"), env={"NATS_URL": way.url}) for _ in range(3)]
    assert [status for status, _ in flood(hosts, 3, user="ann")] == [200] * 3
    with nats.client() as wire:
        stream = next(name for name in wire.call("STREAM.NAMES")["streams"] if "limit" in name)
        subjects = [message["headers"]["Nats-Subject"] for message in wire.stored(stream)]
        subject = next(subject for subject in subjects if "clock" not in subject)
        overtaken = []

        def overtake(data):
            if b"PUB " + subject.encode() in data:
                overtaken.append(subject)
                last = wire.request(f"$JS.API.DIRECT.GET.{stream}", json.dumps({"last_by_subj": subject}).encode())
                wire.request(subject, last["payload"])
            return False

        way.proxy.lose = overtake
        answers = []
        asking = threading.Thread(target=lambda: answers.extend(flood(hosts, 30, threads=30, user="ann")))
        asking.start()
        number = 0
        while asking.is_alive():
            number += 1
            assert sum(status == 200 for status, _ in flood(hosts, 21, user=f"other{number}")) == 7
        asking.join()
        assert {(status, answer["error"]["code"]) for status, answer in answers} == {(429, "busy")}
        assert len(overtaken) > 3 and number > 0
        way.proxy.lose = lambda data: False
    assert sum(status == 200 for status, _ in flood(hosts, 30, user="ann")) == 4
