"""`stagecoach test`: the tests of pipeline files, in them and beside them."""

import json
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import PIPELINES, ROOT

PIPELINE = """\
pipeline: t
resources: {model: {openai: {url: "${NOT_SET}", key: "${NOT_SET_EITHER}"}}, d: {postgres: {url: "${NOR_THIS}"}}, q: {disk: {path: q.db}}}
stages:
  - receive
  - complete
  - persist: {table: requests}
    async: {queue: q, dead_letter: letters.jsonl}
  - respond
"""


@pytest.fixture
def test(run, tmp_path):
    def command(tests, *options, pipeline=PIPELINE):
        (tmp_path / "t.yaml").write_text(pipeline)
        (tmp_path / "t.test.yaml").write_text(tests)
        return run("test", "t.yaml", *options)

    return command


def test_every_shipped_pipeline_has_tests_and_passes_them(run):
    assert [file.with_name(f"{file.stem}.test.yaml").exists() for file in PIPELINES] == [True] * len(PIPELINES)
    result = run("test", *sorted((ROOT / "pipelines").glob("*.yaml")))
    assert result.returncode == 0, result.stdout
    assert result.stderr == "" and result.stdout.endswith(", 0 failed\n")
    assert "FAILED" not in result.stdout


def test_a_failure_shows_expected_beside_got_with_its_place(test):
    result = test("""\
tests:
  - name: wrong in many ways
    model: [{answer: "4", tokens: 42}, "5"]
    send: "2 + 2"
    expect:
      - {response: "5", tokens_used: 42}
      - second
    rows: [{prompt: "2 + 2", response: "five", metadata: null}]
    order: [stored, asked]
    logs: [never said]
""")
    assert (result.returncode, result.stderr) == (1, "")
    # Whether the row or the answer is there first is chance.
    assert result.stdout.replace("asked, stored, response", "asked, response, stored") == """\
FAILED  t: wrong in many ways
t.test.yaml:6:20: error: frame 1 is not as expected: 'response'
    6 |       - {response: "5", tokens_used: 42}
      |                    ^~~
    expected: {"response":"5","tokens_used":42}
    got:      {"response":"4","tokens_used":42}
t.test.yaml:7:9: error: frame 2 did not come
    7 |       - second
      |         ^~~~~~
    expected: "second"
    got:      nothing
t.test.yaml:8:40: error: row 1 is not as expected: 'response'
    8 |     rows: [{prompt: "2 + 2", response: "five", metadata: null}]
      |                                        ^~~~~~
    expected: {"metadata":null,"prompt":"2 + 2","response":"five"}
    got:      {"metadata":null,"prompt":"2 + 2","response":"4"}
t.test.yaml:2:5: error: 'asked' does not come in the order that 'order' has
    2 |   - name: wrong in many ways
      |     ^~~~
    expected: stored, asked
    got:      asked, response, stored
t.test.yaml:10:12: error: no such entry of the log, or not in this order
   10 |     logs: [never said]
      |            ^~~~~~~~~~
    expected: "never said"
    got:      nothing
t.test.yaml:3:12: error: 'model' was asked once, and the test has 2 replies
    3 |     model: [{answer: "4", tokens: 42}, "5"]
      |            ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
1 test, 1 failed
"""


def test_what_came_in_place_of_something_else_is_shown(test):
    result = test("tests: [{name: short, send: hello, expect: [{error: {code: too_long}}]}]")
    (got,) = [line for line in result.stdout.splitlines() if line.startswith("    got: ")]
    assert '"response":"hello"' in got


def test_a_test_leaves_nothing_behind(test, tmp_path):
    result = test("""\
tests:
  - name: a row that is refused
    database: {inserts: [stage_failed]}
    send: hello
    expect: [hello]
    rows: []
    errors: [stage_failed]
""")
    assert result.returncode == 0, result.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.test.yaml", "t.yaml"]


def test_an_error_that_nobody_was_told_fails_a_test_that_does_not_expect_it(test):
    result = test("tests: [{name: quiet, database: {inserts: [stage_failed]}, send: hello, expect: [hello]}]")
    assert result.returncode == 1
    assert "an error was logged that nobody was told; 'errors' would expect it" in result.stdout


def test_a_failure_shows_what_a_program_said_before_it_failed(test, tmp_path):
    (tmp_path / "slip.py").write_text("""\
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    print("odd", request["fields"]["prompt"], file=sys.stderr)
    print(json.dumps({"id": request["id"], "fields": {"prompt": request["fields"]["promt"]}}), flush=True)
""")
    pipeline = """\
pipeline: t
resources: {model: echo}
stages:
  - receive
  - exec: {command: [python3, slip.py], processes: 1}
  - complete
  - respond
"""
    result = test("tests: [{name: shouts, send: hello, expect: [HELLO]}]", "--junit", "t.xml", pipeline=pipeline)
    assert result.returncode == 1
    said = result.stdout.split("    log:\n")[1]
    assert said.startswith("      info exec: odd hello\n      info exec: Traceback (most recent call last):\n")
    assert "      info exec: KeyError: 'promt'\n      warning exec: the program ended with exit code 1" in said
    assert "      error exec: The message could not be processed (the program ended with exit code 1)\n1 test" in said
    assert "KeyError" in (tmp_path / "t.xml").read_text()
    # An error that the test expects is no reason to show the log of one that passes.
    result = test("tests: [{name: fails, send: hello, expect: [{type: error}]}]", pipeline=pipeline)
    assert result.stdout == "ok      t: fails\n1 test, 0 failed\n"


def test_a_long_log_shows_its_end(test, tmp_path):
    (tmp_path / "loud.py").write_text("import sys\nfor i in range(50): print('line', i, file=sys.stderr)\nsys.exit(3)\n")
    pipeline = """\
pipeline: t
resources: {model: echo}
stages:
  - receive
  - exec: {command: [python3, loud.py], processes: 1, timeout: 2s}
  - complete
  - respond
"""
    result = test("tests: [{name: loud, send: hello, expect: [HELLO]}]", pipeline=pipeline)
    log = result.stdout.split("    log: (")[1].splitlines()
    assert log[0].endswith(" earlier entries are left out)") and len(log) == 32
    assert log[30].startswith("      error exec: ")


def test_tests_in_the_file_and_cases_run_too(run, tmp_path):
    (tmp_path / "own.yaml").write_text("""\
pipeline: own
resources: {m: echo}
stages: [receive, complete, respond]
tests:
  - name: it echoes
    cases:
      - {name: one, send: one, expect: [one]}
      - {send: two, expect: [three]}
""")
    result = run("test", "own.yaml", "--junit", "results.xml")
    assert result.returncode == 1
    assert result.stdout.startswith("ok      own: it echoes: one\nFAILED  own: it echoes: case 2\n")
    (suite,) = ElementTree.parse(tmp_path / "results.xml").getroot()
    assert suite.attrib | {"time": ""} == {"name": "own", "tests": "2", "failures": "1", "time": ""}
    passed, failed = suite
    assert (passed.get("name"), passed.get("file"), len(passed)) == ("it echoes: one", "own.yaml", 0)
    assert failed.find("failure").get("message") == "frame 1 is not as expected"
    assert 'expected: "three"' in failed.find("failure").text


def test_time_passes_without_waiting(test):
    retried = PIPELINE.replace("- complete", "- complete: {timeout: 10m}\n    timeout: 5m\n    retry: {attempts: 3, backoff: 8s}")
    result = test("""\
tests:
  - name: it is tried again
    model: [{error: model_unavailable}, {error: model_unavailable}, "4"]
    send: "2 + 2"
    expect: ["4"]
    order: [asked, asked, asked, response]
  - name: the deadline of the stage comes first
    model: [{answer: never, after: 9m}, {answer: never, after: 9m}, "4"]
    send: "2 + 2"
    expect: ["4"]
""", pipeline=retried)
    assert result.returncode == 0, result.stdout


def test_an_answer_that_does_not_begin_in_time_is_late_without_waiting(test):
    pipeline = """\
pipeline: t
resources: {model: echo}
stages:
  - receive
  - complete: {stream: true, first_token: 5s, timeout: 60s}
  - respond: {stream: true}
"""
    result = test("""\
tests:
  - name: begins after
    send: hello
    cases:
      - {name: 6 s, model: [{answer: late, after: 6s}], expect: [{error: {code: model_timeout}}]}
      - {name: 4 s, model: [{stream: [in, " time"], after: 4s}], expect: [{response: in time}]}
""", pipeline=pipeline)
    assert result.returncode == 0, result.stdout


def test_bad_tests_are_reported_by_check_and_test_alike(run, tmp_path):
    (tmp_path / "t.yaml").write_text("pipeline: t\nresources: {m: echo}\nstages: [receive, complete, respond]\n")
    (tmp_path / "t.test.yaml").write_text("tests:\n  - name: x\n    sedn: hello\n")
    expected = ("t.test.yaml:3:5: error: unknown setting 'sedn' of test 'x'; did you mean 'send'?\n"
                "    3 |     sedn: hello\n"
                "      |     ^~~~\n")
    for command in ("check", "test"):
        result = run(command, "t.yaml")
        assert (result.returncode, result.stderr) == (1, expected)
    (problem,) = json.loads(run("check", "--format", "json", "t.yaml").stdout)
    assert (problem["path"], problem["line"], problem["suggestion"]) == ("t.test.yaml", 3, "send")


@pytest.mark.parametrize("model, message", [
    ("{modle: [hello]}", "the pipeline has no model 'modle'; did you mean 'model'?"),
    ("{other: [hello]}", "the pipeline has no model 'other'"),
])
def test_a_script_for_no_model_is_said(test, model, message):
    result = test(f"tests:\n  - {{name: x, send: hello, model: {model}}}\n")
    assert result.returncode == 1
    assert message in result.stdout


def test_a_file_without_tests_is_no_success(run, tmp_path):
    (tmp_path / "t.yaml").write_text("pipeline: t\nresources: {m: echo}\nstages: [receive, complete, respond]\n")
    result = run("test", "t.yaml")
    assert (result.returncode, result.stdout) == (1, "0 tests, 0 failed\n")
    assert result.stderr == "t.yaml: error: there are no tests; write some under 'tests:', or in t.test.yaml\n"


def test_a_file_of_tests_is_not_served(run, tmp_path):
    (tmp_path / "t.test.yaml").write_text("tests: []\n")
    result = run("serve", "t.test.yaml", "--port", "0")
    assert (result.returncode, result.stderr) == (
        1, "t.test.yaml: error: a file of tests is no pipeline; name the file that it belongs to\n")
