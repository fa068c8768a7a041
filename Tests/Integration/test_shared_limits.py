"""Limits and budgets that several hosts keep together."""

import os
import signal
import threading
import time

import pytest
import requests

from conftest import wait_until

PATIENCE = float(os.environ.get("PATIENCE", "1"))
LIMIT = """
pipeline: limited
resources:
  model: echo
  outbox: {nats: {url: "${NATS_URL}", size: 64MiB}}
stages:
  - receive: {format: json}
  - limit: {per: user, messages: 100, every: 60s, shared: outbox}
  - complete
  - respond
"""
BUDGET = """
pipeline: budget
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: sk-canary-1234567890}}
  database: {sqlite: {path: data/stagecoach.db}}
  outbox: {nats: {url: "${NATS_URL}", size: 64MiB}}
stages:
  - receive: {format: json}
  - limit: {tokens: 2000, period: 24h, shared: outbox}
  - complete: {timeout: 20s}
  - persist: {table: requests}
    async: true
  - respond
"""


@pytest.fixture
def hosts(serve, ai, nats):
    """Starts hosts that are alike."""
    def start(flow, count=3, **options):
        env = {"OPENAI_BASE_URL": ai.url, "NATS_URL": nats.url}
        return [serve(flow, env=env, **options) for _ in range(count)]
    return start


def flood(hosts, count, threads=12, user="ann", prompt="hello", path="/ws"):
    """Posts messages to all hosts at the same time. Returns the statuses and answers."""
    statuses, lock = [], threading.Lock()
    left = iter(range(count))

    def work():
        with requests.Session() as session:
            while True:
                with lock:
                    number = next(left, None)
                if number is None:
                    return
                host = hosts[number % len(hosts)]
                answer = session.post(
                    f"{host.http}{path}?username={user}", json={"prompt": prompt}, timeout=60)
                with lock:
                    statuses.append((answer.status_code, answer.json()))

    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return statuses


def test_three_hosts_keep_one_limit(hosts):
    all_hosts = hosts(LIMIT)
    begun = time.monotonic()
    statuses = flood(all_hosts, 300)
    admitted = sum(status == 200 for status, _ in statuses)
    # What comes back meanwhile counts as well.
    refilled = (time.monotonic() - begun) * 100 / 60
    assert 90 <= admitted <= 110 + refilled, admitted
    refused = [answer for status, answer in statuses if status != 200]
    assert {answer["error"]["code"] for answer in refused} == {"rate_limited"}
    assert all(0 < answer["error"]["retry_after"] <= 60 for answer in refused)
    # Another user has a limit of their own.
    assert flood(all_hosts, 3, user="bob")[0][0] == 200


def test_a_small_limit_is_exact(hosts):
    all_hosts = hosts(LIMIT.replace("messages: 100", "messages: 7").replace("60s", "1h"))
    assert sum(status == 200 for status, _ in flood(all_hosts, 60)) == 7


def test_each_host_keeps_the_limit_by_itself_while_nats_is_away(hosts, nats):
    all_hosts = hosts(LIMIT.replace("messages: 100", "messages: 7").replace("60s", "1h"))
    assert flood(all_hosts, 3, user="eve")[0][0] == 200
    nats.stop()
    assert sum(status == 200 for status, _ in flood(all_hosts, 60)) == 21
    nats.start()

    def is_shared_again():
        name = f"user{time.monotonic_ns()}"
        return sum(status == 200 for status, _ in flood(all_hosts, 30, user=name)) == 7

    wait_until(is_shared_again, "the limit to be shared again")


def test_three_hosts_keep_one_budget_to_one_message(hosts, ai):
    all_hosts = hosts(BUDGET)
    count = int(os.environ.get("BUDGET_REQUESTS", "200"))
    statuses = flood(all_hosts, count, threads=count, prompt="one two three four five")
    used = [answer["tokens_used"] for status, answer in statuses if status == 200]
    assert used and sum(used) >= 2_000, f"refused too early: {sum(used)} of 2000"
    assert sum(used) < 2_000 + max(used), f"one message too many: {sum(used)} of 2000, each {max(used)}"
    assert {answer["error"]["code"] for status, answer in statuses if status != 200} <= {"budget_spent", "busy"}
    assert flood(all_hosts, 3)[0][0] == 429


def test_what_a_dead_host_had_reserved_is_free_again(hosts, ai):
    left, right = hosts(BUDGET, 2, ends_well=False)
    ai.script = ["hang"]

    def ask_in_vain():
        with pytest.raises(requests.ConnectionError):
            requests.post(f"{left.http}/ws?username=ann", json={"prompt": "hello", "id": "ann-0"}, timeout=60)

    asking = threading.Thread(target=ask_in_vain)
    asking.start()
    wait_until(lambda: ai.calls, "the call")
    time.sleep(0.3 * PATIENCE)
    left.stop(signal.SIGKILL)
    asking.join()
    # The first answer says what one costs: nobody else is let through until then, or until its host is known to be dead.
    begun = time.monotonic()
    assert flood([right], 1, 1)[0][0] == 200
    assert time.monotonic() - begun < 15 * PATIENCE
