"""`stagecoach record`: a live conversation, written as a test that passes."""

import json
import signal
import urllib.request

import pytest
from ruamel.yaml import YAML

from conftest import ROOT, receive, receive_json, wait_until

KEY = "sk-canary-1234567890"


@pytest.fixture
def record(serve, ai):
    def start(pipeline, *arguments, env=None, **options):
        env = {"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": KEY, **(env or {})}
        return serve(pipeline, env=env, arguments=arguments, command="record", **options)

    return start


@pytest.fixture
def replay(run, tmp_path):
    """Runs tests beside a pipeline file, where neither the API nor its key are."""

    def command(pipeline, tests):
        (tmp_path / "replayed.yaml").write_text(pipeline)
        (tmp_path / "replayed.test.yaml").write_text(tests)
        return run("test", "replayed.yaml", env={"OPENAI_BASE_URL": "http://127.0.0.1:1", "OPENAI_API_KEY": "k"})

    return command


def entries_of(text):
    return YAML(typ="safe").load(text)["tests"]


def ask(connection, *frames):
    """Says one after the other and returns what is answered to each."""
    answers = []
    for frame in frames:
        connection.send(frame if isinstance(frame, str) else json.dumps(frame))
        answers.append(receive_json(connection))
        while answers[-1]["type"] == "delta":
            answers[-1] = receive_json(connection)
    return answers


def test_a_conversation_becomes_a_test_that_passes(record, replay, ai):
    host = record(ROOT / "pipelines/chat.yaml")
    ai.script += [None, "401"]
    with host.connect("format=json") as connection:
        receive_json(connection)
        ask(connection, {"prompt": "hello there", "id": "c-1", "username": "ada"}, {"prompt": "again"}, {"prompt": " "})
    assert host.stop(signal.SIGINT) == 0, host.log
    tests = host.printed()
    [test] = entries_of(tests)
    name = test.pop("name")
    assert name.startswith("hello there and 2 more, recorded 20")
    assert test == {
        "model": [{"answer": "hello there", "tokens": 42}, {"error": "model_unauthorized"}],
        "send": [{"prompt": "hello there", "id": "c-1", "username": "ada"}, "again", " "],
        "expect": [
            {"id": "c-1", "response": "hello there", "tokens_used": 42},
            {"error": {"code": "model_unauthorized", "stage": "complete"}},
            {"error": {"code": "invalid_message", "stage": "validate"}}],
        "rows": [{"prompt": "hello there", "response": "hello there", "tokens_used": 42, "username": "ada"}]}
    result = replay((ROOT / "pipelines/chat.yaml").read_text(), tests)
    assert result.returncode == 0, result.stdout
    assert result.stdout == f"ok      chat: {name}\n1 test, 0 failed\n"


def test_secrets_are_taken_out(record):
    pipeline = """\
pipeline: secret
resources: {model: {openai: {url: "${OPENAI_BASE_URL}", key: "${OPENAI_API_KEY}", headers: {X-More: "Bearer ${MORE}"}}}}
stages:
  - receive: {format: json}
  - complete
  - respond
host: {auth: {keys: [{key: "${ENTRANCE}", user: ada}]}}
"""
    env = {"MORE": "c4n4ry-more", "ENTRANCE": "c4n4ry-entrance"}
    host = record(pipeline, env=env)
    with host.connect(additional_headers={"Authorization": "Bearer c4n4ry-entrance"}) as connection:
        receive_json(connection)
        said = f"I use {KEY} and c4n4ry-more and c4n4ry-entrance, and skew"
        ask(connection, {"prompt": said, "id": KEY, "metadata": {KEY: [KEY]}})
    host.stop(signal.SIGINT)
    tests = host.printed()
    assert "c4n4ry" not in tests and KEY not in tests
    assert "I use <secret> and <secret> and <secret>, and skew" in tests
    assert not any("c4n4ry" in line or KEY in line for line in host.log)


def test_text_format_streams_and_posts_are_recorded(record, replay, offline):
    text = """\
pipeline: plain
resources: {model: echo}
stages:
  - receive: {format: text}
  - complete
  - respond
"""
    host = record(text)
    with host.connect() as connection:
        for prompt in ["yes", "${HOME} isn't a variable", "two\nlines \"quoted\" \\ é\u2028", "- x: {"]:
            connection.send(prompt)
            assert receive(connection) == prompt
    host.stop()
    tests = host.printed()
    assert "${HOME}" in tests
    result = replay(text, tests)
    assert result.returncode == 0, result.stdout + tests

    flow = (ROOT / "pipelines/offline.yaml").read_text()
    host = record(ROOT / "pipelines/offline.yaml")
    request = urllib.request.Request(f"{host.http}/ws", b'{"prompt": "by POST"}')
    assert json.loads(urllib.request.urlopen(request, timeout=10).read())["response"] == "by POST"
    host.stop()
    tests = host.printed()
    [test] = entries_of(tests)
    assert test["send"] == "by POST" and test["rows"] == [{"prompt": "by POST", "response": "by POST", "tokens_used": 4}]
    assert replay(flow, tests).returncode == 0


def test_what_was_said_before_and_what_failed_is_part_of_the_test(record, replay, tmp_path):
    flow = """\
pipeline: memory
resources: {cheap: {openai: {url: "${OPENAI_BASE_URL}", key: k1}}, good: {echo: {}}, rows: {sqlite: {path: m.db}}}
stages:
  - receive: {format: json}
  - recall: {table: turns, turns: 5}
  - complete: {resource: cheap, fallback: [good]}
  - persist: {table: turns}
  - respond
"""
    first = record(flow)
    with first.connect("format=json") as connection:
        session = receive_json(connection)["session_id"]
        ask(connection, {"prompt": "one"})
    first.stop()
    second = record(flow, "--output", "replayed.test.yaml", env={"OPENAI_BASE_URL": "http://127.0.0.1:1"})
    with second.connect(f"session={session}") as connection:
        receive_json(connection)
        ask(connection, {"prompt": "two"})
    second.stop()
    assert second.log[-1] == "1 test added to replayed.test.yaml"
    [test] = entries_of((tmp_path / "replayed.test.yaml").read_text())
    assert test["database"] == {"rows": [
        {"prompt": "one", "response": "one", "tokens_used": 42, "username": "WebUser"}]}
    assert test["model"] == {"cheap": [{"error": "model_unavailable"}], "good": [{"answer": "two", "tokens": 2}]}
    assert test["rows"] == [{"table": "turns", "prompt": "two", "response": "two", "tokens_used": 2}]
    assert replay(flow, (tmp_path / "replayed.test.yaml").read_text()).returncode == 0


def test_a_file_of_tests_is_added_to_and_one_that_cannot_be_is_refused_at_once(record, run, tmp_path):
    tests = tmp_path / "mine.test.yaml"
    tests.write_text("# mine\ntests:\n  - {name: first, send: hello}")
    for _ in range(2):
        host = record(ROOT / "pipelines/offline.yaml", "--output", "mine.test.yaml")
        with host.connect("format=json") as connection:
            receive_json(connection)
            ask(connection, {"prompt": "hi"})
        host.stop()
    assert tests.read_text().startswith("# mine\ntests:\n  - {name: first, send: hello}\n\n  - name: ")
    assert len(entries_of(tests.read_text())) == 3

    tests.write_text("tests: [{name: first, send: hello}]\n")
    result = run("record", ROOT / "pipelines/offline.yaml", "--port", "0", "--output", "mine.test.yaml")
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr == (
        "error: 'mine.test.yaml' can't be added to: it must have its tests under 'tests:', each after '  - '\n")
    assert tests.read_text() == "tests: [{name: first, send: hello}]\n"


def test_a_file_that_became_something_else_meanwhile_loses_nothing(record, tmp_path):
    host = record(ROOT / "pipelines/offline.yaml", "--output", "mine.test.yaml", ends_well=False)
    with host.connect("format=json") as connection:
        receive_json(connection)
        ask(connection, {"prompt": "hi"})
    (tmp_path / "mine.test.yaml").write_text("tests: nothing\n")
    assert host.stop() == 1
    assert [test["send"] for test in entries_of(host.printed())] == ["hi"]
    assert host.log[-1].endswith("'  - '; the tests are on standard output")
    assert (tmp_path / "mine.test.yaml").read_text() == "tests: nothing\n"


def test_what_would_not_pass_says_why(record):
    host = record("""\
pipeline: ids
resources: {model: echo}
stages:
  - receive: {format: json}
  - complete
  - transform: {completion: "{{session.id}}"}
  - respond
""")
    with host.connect("format=json") as connection:
        receive_json(connection)
        ask(connection, {"prompt": "hi"}, "[1]", "no JSON")
    host.stop()
    lines = host.printed().splitlines()
    assert lines[1] == "  # frames that are no JSON objects were left out: 2"
    assert lines[2].startswith("  # does not pass: frame 1 is not as expected: 'response'; recorded {")
    assert lines[3].startswith("  - name: ")


def test_who_says_nothing_leaves_no_test(record):
    host = record(ROOT / "pipelines/offline.yaml")
    with host.connect("format=json") as connection:
        receive_json(connection)
    assert host.stop(signal.SIGINT) == 0
    assert host.printed() == "\n" and host.log[-1] == "nothing was said, so there is no test"


def test_a_message_that_was_cancelled_is_cancelled_again(record, replay, ai):
    host = record(ROOT / "pipelines/chat.yaml")
    ai.script.append("hang")
    with host.connect("format=json") as connection:
        receive_json(connection)
        connection.send(json.dumps({"prompt": "wait", "id": "c-1"}))
        wait_until(lambda: len(ai.calls) == 1)
        [answer] = ask(connection, {"type": "cancel", "id": "c-1"})
        assert answer["error"]["code"] == "cancelled"
    host.stop()
    tests = host.printed()
    result = replay((ROOT / "pipelines/chat.yaml").read_text(), tests)
    assert result.returncode == 0, result.stdout + tests
