"""Budgets of tokens under clients that send at once, and while rows wait."""

import json
import signal
import sqlite3
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import DEADLINE, receive_json, wait_until

FLOW = """
pipeline: flow
resources:
  model: {echo: {delay: 50ms}}
  database: {sqlite: {path: data/stagecoach.db, busy_timeout: 100ms}}
  outbox: {disk: {path: data/outbox.db}}
stages:
  - receive: {format: json, concurrency: 8}
  - limit: {tokens: 100}
  - complete
STORING
"""
STORING = {
    "stored first": "  - persist\n  - respond\n",
    "behind a queue in memory": "  - persist: {}\n    async: true\n  - respond\n",
    "behind a queue on disk": "  - persist: {}\n    async: {queue: outbox}\n  - respond\n",
}
PROMPT = "x" * 20  # 10 tokens: five for the prompt, five for the answer


def flow(storing, limit="{tokens: 100}"):
    return FLOW.replace("STORING\n", STORING[storing]).replace("{tokens: 100}", limit)


def post(host, prompt=PROMPT, **more):
    request = urllib.request.Request(
        f"{host.http}/ws", json.dumps({"prompt": prompt, **more}).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=2 * DEADLINE) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


def together(host, count, **more):
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: post(host, **more), range(count)))


def spent(answers):
    errors = [answer["error"]["code"] for answer in answers if answer["type"] == "error"]
    assert set(errors) <= {"budget_spent"}, errors
    return sum(answer.get("tokens_used", 0) for answer in answers)


@pytest.mark.parametrize("storing", STORING)
def test_forty_at_once_use_the_budget_and_one_answer_at_most(serve, storing):
    """G5"""
    host = serve(flow(storing))
    assert 100 <= spent(together(host, 40)) <= 110
    assert spent(together(host, 5)) == 0, "what came later waits for nobody"


@pytest.mark.parametrize("storing", [name for name in STORING if "queue" in name])
def test_rows_that_wait_count_and_are_not_waited_for(serve, storing):
    host = serve(flow(storing))
    assert spent([post(host)]) == 10
    host.wait_for_rows(1)
    with sqlite3.connect(host.folder / "data" / "stagecoach.db", isolation_level=None) as database:
        database.execute("begin immediate")
        began = time.monotonic()
        answers = [post(host) for _ in range(15)]
        assert 90 <= spent(answers) <= 100 and time.monotonic() - began < DEADLINE
        database.execute("rollback")
    host.wait_for_rows(10)
    assert spent([post(host)]) == 0


def test_a_connection_that_works_on_several_at_once_is_bound_by_it(serve):
    host = serve(flow("stored first"))
    with host.connect("username=ada") as client:
        receive_json(client)
        for number in range(40):
            client.send(json.dumps({"prompt": PROMPT, "id": str(number)}))
        answers = [receive_json(client) for _ in range(40)]
    assert [answer["id"] for answer in answers] == [str(number) for number in range(40)]
    assert 100 <= spent(answers) <= 110


def test_two_pipelines_that_count_in_one_table_share_the_budget(serve):
    one = flow("stored first")
    two = one.replace("pipeline: flow", "pipeline: other").replace("format: json,", "format: json, path: /other,")
    host = serve(one, two.replace("data/outbox.db", "data/other.db"))
    with ThreadPoolExecutor(40) as pool:
        def send(number):
            request = urllib.request.Request(
                f"{host.http}{'/ws' if number % 2 else '/other'}", json.dumps({"prompt": PROMPT}).encode(),
                {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=2 * DEADLINE) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                return json.load(error)
        answers = list(pool.map(send, range(40)))
    assert 100 <= spent(answers) <= 110


def test_what_fails_or_is_cancelled_gives_its_reservation_back(serve):
    text = flow("stored first").replace("delay: 50ms", "delay: 50ms, fail: [ok, model_timeout, cut]")
    host = serve(text)
    codes = [answer.get("error", {}).get("code", "answered") for answer in together(host, 40)]
    assert set(codes) <= {"answered", "model_timeout", "model_unavailable", "model_bad_response", "budget_spent"}, codes
    assert codes.count("answered") in (10, 11) or "budget_spent" not in codes
    assert host.stop() == 0
    slow = serve(flow("stored first").replace("delay: 50ms", "delay: 1h"))
    with slow.connect("username=ada") as client, slow.connect("username=ada") as other:
        receive_json(client), receive_json(other)
        client.send(json.dumps({"prompt": PROMPT, "id": "a"}))
        time.sleep(0.1)
        other.send(json.dumps({"prompt": PROMPT, "id": "b"}))
        other.send(json.dumps({"type": "cancel", "id": "b"}))
        answer = receive_json(other)
        assert answer["error"]["code"] == "cancelled" and answer["id"] == "b", "who waits can be cancelled"


def test_a_client_that_leaves_wakes_who_waits_for_it(serve, ai):
    ai.usual = "hang"
    host = serve(at(ai, flow("stored first")))
    with host.connect("username=ada") as waiting:
        receive_json(waiting)
        with host.connect("username=ada") as leaving:
            receive_json(leaving)
            leaving.send(json.dumps({"prompt": PROMPT}))
            wait_until(lambda: len(ai.calls) == 1, "the first call")
            waiting.send(json.dumps({"prompt": PROMPT, "id": "second"}))
            time.sleep(0.2)
            assert len(ai.calls) == 1, "nobody knows yet what an answer costs"
        wait_until(lambda: len(ai.calls) == 2, "the second one's call")
        waiting.send(json.dumps({"type": "cancel", "id": "second"}))
        assert receive_json(waiting)["error"]["code"] == "cancelled"


def at(ai, text):
    return text.replace("{echo: {delay: 50ms}}", f'{{openai: {{url: "{ai.url}", key: k}}}}')


def test_a_model_that_counts_no_tokens_is_not_slowed_down(serve, ai):
    ai.usual = "no_usage"
    host = serve(at(ai, flow("stored first")))
    assert all(answer["type"] == "response" for answer in together(host, 20))


def test_several_limits_and_a_reload_lose_no_reservation(serve):
    text = flow("behind a queue in memory").replace(
        "  - limit: {tokens: 100}\n", "  - limit: {tokens: 100}\n  - limit: {tokens: 60, period: 1h}\n"
        "  - limit: {tokens: 1000}\n    label: third\n")
    host = serve(text, arguments=["--watch"])
    assert 60 <= spent(together(host, 30)) <= 70
    (host.folder / "pipeline-0.yaml").write_text(text.replace("tokens: 60", "tokens: 90"))
    wait_until(lambda: post(host)["type"] == "response", "the new budget")
    assert spent(together(host, 30)) <= 30


def test_rows_that_an_earlier_process_left_count(serve):
    host = serve(flow("behind a queue on disk", "{tokens: 50}"), ends_well=False)
    assert spent([post(host)]) == 10
    host.wait_for_rows(1)
    with sqlite3.connect(host.folder / "data" / "stagecoach.db", isolation_level=None) as database:
        database.execute("begin immediate")
        assert spent([post(host) for _ in range(3)]) == 30
        host.stop(signal.SIGKILL)
        again = serve(flow("behind a queue on disk", "{tokens: 50}"))
        assert spent([post(again) for _ in range(3)]) == 10, "40 are used"
        database.execute("rollback")
    again.wait_for_rows(5)


def test_counts_of_any_size_that_an_earlier_process_left_are_counted(serve):
    """Two of them are more than a number can hold."""
    host = serve(flow("behind a queue on disk"), ends_well=False)
    assert spent([post(host)]) == 10
    host.wait_for_rows(1)
    with sqlite3.connect(host.folder / "data" / "stagecoach.db", isolation_level=None) as database:
        database.execute("begin immediate")
        assert spent([post(host) for _ in range(2)]) == 20
        host.stop(signal.SIGKILL)
        with sqlite3.connect(host.folder / "data" / "outbox.db") as queue:
            assert queue.execute("update messages set tokens_used = 9223372036854775807").rowcount >= 2
        again = serve(flow("behind a queue on disk"))
        assert spent([post(again)]) == 0, "far more than 100 are used"
        database.execute("rollback")
    again.wait_for_rows(3)
