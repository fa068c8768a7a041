"""Limits of messages and of tokens."""

import json
import os
import sqlite3
import time

import pytest

from conftest import receive_json, wait_until
from test_post import post

# So many names as the case has; more in a nightly run.
NAMES = int(os.environ.get("LIMIT_NAMES", 27_500))

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


@pytest.mark.alone
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


AUTH = "host: {auth: {keys: [{key: key-of-ann, user: ann}]}}\n"


@pytest.mark.parametrize("limit, auth, what", [
    ("{per: user, messages: 2}", "", "'per: user'"), ("{tokens: 9}", "", "'tokens'"),
    ("{tokens: 9}", "host: {auth: none}\n", "'tokens'"), ("{per: user, messages: 2}", AUTH, None),
    ("{tokens: 9}", AUTH, None), ("{per: address, messages: 2}", "", None), ("{messages: 2}", "", None)])
def test_check_warns_where_clients_choose_the_names_that_are_counted(run, tmp_path, limit, auth, what):
    """L3"""
    (tmp_path / "p.yaml").write_text(FLOW.replace("LIMIT", limit) + auth)
    done = run("check", "p.yaml")
    assert done.returncode == 0, done
    if what is None:
        assert done.stderr == ""
    else:
        assert done.stderr.startswith("p.yaml:8:5: warning: " + what) and done.stderr.count("warning") == 1
        assert "'auth'" in done.stderr and "'per: address'" in done.stderr


def test_names_that_clients_give_count_by_themselves_and_those_without_one_by_address(serve):
    host = serve(FLOW.replace("LIMIT", "{per: user, messages: 1, every: 1h}"))
    seen = []
    for query in ["username=a1", "username=a2", "username=a1", "", "", "username=%C3%A9", "username=e%CC%81"]:
        with host.connect(query) as connection:
            receive_json(connection)
            seen.append(say(connection)["type"])
    assert seen == ["response", "response", "error", "response", "error", "response", "response"]


def test_an_ipv6_network_is_one_client(serve):
    """G21: eight addresses of a /64, as a trusted proxy tells them."""
    host = serve(FLOW.replace("LIMIT", "{per: address, messages: 1, every: 1h}") + "host: {trusted_proxies: [127.0.0.1]}\n")

    def status(address):
        return post(host, {"prompt": "x"}, **{"X-Forwarded-For": address})[0].status

    assert [status(f"2001:db8:1:2::{number:x}") for number in range(1, 9)] == [200] + [429] * 7
    assert status("2001:db8:1:3::1") == 200
    assert [status("192.0.2.7"), status("::ffff:192.0.2.7"), status("192.0.2.8")] == [200, 429, 200]


def test_any_number_of_names_costs_what_the_first_did(serve):
    """G12, from one socket: what a message costs the host's processor at the end, beside the beginning."""
    host = serve(FLOW.replace("LIMIT", "{per: user, messages: 20, every: 1h}").replace("  - persist\n", ""))

    def ticks():
        with open(f"/proc/{host.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    costs = []
    with host.connect() as connection:
        receive_json(connection)
        for batch in range(NAMES // 2_500):
            before = ticks()
            for start in range(0, 2_500, 50):
                for number in range(start, start + 50):
                    connection.send(json.dumps({"prompt": "x", "username": f"name {batch} {number}"}))
                for _ in range(50):
                    assert receive_json(connection)["type"] == "response"
            costs.append(ticks() - before)
    first, last = sorted(costs[:3])[1], sorted(costs[-3:])[1]
    assert last <= 3 * first + 10, costs
