"""Regular expressions and the other tests of `when`, as attackers and clients meet them."""

import json
import os
import threading
import time
import urllib.request

import pytest

from conftest import DEADLINE, receive, receive_json

FLOW = """
pipeline: flow
resources: {model: echo}
stages:
  - receive: {format: json, path: /ws}
  - route:
      - when: {prompt: {TEST}}
        stages: [{transform: {completion: "matched"}}]
      - stages: [{transform: {completion: "passed by"}}]
  - respond
"""
SLOW = [
    (r'"^(\\w+\\s?)*$"', "a" * 24 + "!"),
    (r'"^(a+)+$"', "a" * 30_000 + "!"),
    (r"'(.*a){20}'", "a" * 30_000),
    (r"'^(\p{L}+\s?)*$'", "ä" * 10_000 + "!"),
    (r"'\w+@\w+\.com'", "a" * 60_000),
]


def flow(test):
    return FLOW.replace("TEST", test)


@pytest.mark.parametrize("pattern, prompt", SLOW)
def test_no_expression_keeps_the_host_from_others(serve, pattern, prompt):
    """L1: the attack on as many connections as there are cores, again and again."""
    host = serve(flow(f"matches: {pattern}"))
    stop = threading.Event()
    attacked = []

    def attack():
        with host.connect() as client:
            while not stop.is_set():
                client.send(json.dumps({"prompt": prompt}))
                assert receive_json(client)["response"] in ("matched", "passed by")
                attacked.append(1)

    def quiet():
        try:
            attack()
        except Exception as error:
            attacked.append(error)

    def receive_json(client):
        while True:
            frame = json.loads(receive(client))
            if frame["type"] != "session":
                return frame

    attackers = [threading.Thread(target=quiet) for _ in range(os.cpu_count() or 2)]
    for attacker in attackers:
        attacker.start()
    slowest = 0
    with host.connect() as client:
        for _ in range(10):
            begun = time.monotonic()
            client.send(json.dumps({"prompt": "hello"}))
            receive_json(client)
            with urllib.request.urlopen(f"{host.http}/healthz", timeout=DEADLINE) as answer:
                assert answer.status == 200
            slowest = max(slowest, time.monotonic() - begun)
    stop.set()
    for attacker in attackers:
        attacker.join(timeout=DEADLINE)
    assert not [error for error in attacked if error != 1] and len(attacked) >= len(attackers)
    assert slowest < DEADLINE / 2
    assert host.stop() == 0


@pytest.mark.parametrize("test, prompt, matches", [
    ("matches: secret", "secret\u0301", True),
    ("starts_with: /help", "/help\u200d", True),
    (r"matches: '\n'", "a\r\nb", True),
    ("matches: '^é$'", "e\u0301", False),
    ('equals: "é"', "e\u0301", False),
    ('one_of: [x, "é"]', "e\u0301", False),
    ('equals: "é"', "é", True),
    (r"matches: '^\w+$'", "über", True),
    (r"matches: '\bber\b'", "über", False),
    (r"matches: '^a\x00b$'", "a\u0000b", True),
])
def test_tests_of_when_work_on_scalars(serve, test, prompt, matches):
    with serve(flow(test)).connect() as client:
        assert receive_json(client)["type"] == "session"
        client.send(json.dumps({"prompt": prompt}))
        assert receive_json(client)["response"] == ("matched" if matches else "passed by")


@pytest.mark.parametrize("pattern, words", [
    (r"(a)\1", "a back-reference"), ("a(?=b)", "a look-ahead"), ("(?<!a)b", "a negative look-behind"),
    ("(?>a)", "an atomic group"), ("a*+", "a possessive quantifier"), (r"\X", r"'\X'"), (r"\h", r"'\h'"),
    (r"\R", r"'\R'"), ("(a{1000}){1}b{1000}(c{1,3})", "2000"),
])
def test_what_re2_does_not_have_is_an_error_at_its_place(run, tmp_path, pattern, words):
    (tmp_path / "flow.yaml").write_text(flow(f"matches: '{pattern}'"))
    done = run("check", "flow.yaml")
    assert done.returncode == 1 and words in done.stderr
    assert done.stderr.count("error:") == 1
