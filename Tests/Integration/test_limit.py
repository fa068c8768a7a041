"""Limits of messages and of tokens."""

import json
import sqlite3
import time

import pytest

from conftest import receive_json, wait_until
from test_post import post

FLOW = """
pipeline: flow
resources:
  model: echo
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive: {format: json}
  - limit: LIMIT
  - complete
  - persist
  - respond
"""


def say(connection, prompt="x" * 20, **more):
    connection.send(json.dumps({"prompt": prompt, **more}))
    return receive_json(connection)


def test_a_session_may_send_so_many_messages_at_once_and_then_at_their_pace(serve):
    host = serve(FLOW.replace("LIMIT", "{messages: 3, every: 600ms}"))
    with host.connect() as connection, host.connect() as other:
        receive_json(connection), receive_json(other)
        answers = [say(connection) for _ in range(4)]
        assert [answer["type"] for answer in answers] == ["response"] * 3 + ["error"]
        error = answers[3]["error"]
        assert error["code"] == "rate_limited" and error["stage"] == "limit" and error["retryable"]
        assert error["retry_after"] == 1 and "try again in 1s" in error["message"]
        assert say(other)["type"] == "response", "another session has its own"
        began = time.monotonic()
        wait_until(lambda: say(connection)["type"] == "response", "the next message")
        assert time.monotonic() - began < 0.5


@pytest.mark.parametrize("scope, same, other", [("user", "username=ada", "username=bob"), ("address", "", None)])
def test_users_and_addresses_share_a_limit(serve, scope, same, other):
    host = serve(FLOW.replace("LIMIT", f"{{per: {scope}, messages: 1, every: 1h}}"))
    kinds = []
    for query in [same, same, other]:
        if query is not None:
            with host.connect(query) as connection:
                receive_json(connection)
                kinds.append(say(connection)["type"])
    assert kinds == ["response", "error", "response"][: len(kinds)]


def test_a_budget_outlives_a_restart_and_ends_with_its_period(serve):
    text = FLOW.replace("LIMIT", "{tokens: 30, period: 24h}")
    host = serve(text)
    with host.connect("username=ada") as connection:
        receive_json(connection)
        answers = []
        wait_until(lambda: answers.append(say(connection)) or answers[-1]["type"] == "error", "the budget's end")
        error = answers[-1]["error"]
        assert error["code"] == "budget_spent" and 0 < error["retry_after"] <= 86_400
        assert len(answers) >= 3
    assert host.stop() == 0
    again = serve(text)
    with again.connect("username=ada") as connection, again.connect("username=bob") as other:
        receive_json(connection), receive_json(other)
        assert say(connection)["error"]["code"] == "budget_spent"
        assert say(other)["type"] == "response"
        with sqlite3.connect(again.folder / "data" / "stagecoach.db") as database:
            database.execute("update requests set created_at = '2020-01-01T00:00:00.000000Z' where username = 'ada'")
        wait_until(lambda: say(connection)["type"] == "response", "the next period")


def test_a_budget_holds_for_who_sends_quickly(serve):
    host = serve(FLOW.replace("LIMIT", "{tokens: 10}"))
    with host.connect("username=ada") as connection:
        receive_json(connection)
        used, answers = 0, []
        while len(answers) < 20:
            answers.append(say(connection))
            used += answers[-1].get("tokens_used", 0)
            assert answers[-1]["type"] == ("response" if used - answers[-1].get("tokens_used", 0) < 10 else "error")


def test_over_http_a_limit_is_429(serve):
    host = serve(FLOW.replace("LIMIT", "{per: address, messages: 1}"))
    assert post(host, {"prompt": "x"})[0].status == 200
    response, text = post(host, {"prompt": "x"})
    assert response.status == 429 and response.headers["Retry-After"] == "60"
    assert json.loads(text)["error"]["code"] == "rate_limited"


@pytest.mark.parametrize("limit, problem", [("{}", "limits nothing"), ("{messages: 0}", "must be 1 or more")])
def test_a_limit_that_limits_nothing_does_not_start(serve, run, tmp_path, limit, problem):
    (tmp_path / "p.yaml").write_text(FLOW.replace("LIMIT", limit))
    done = run("serve", tmp_path / "p.yaml", "--port", "0")
    assert done.returncode == 1 and problem in done.stderr, done
