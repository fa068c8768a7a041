"""Pipeline files as stages of other files."""

import json
import signal

import pytest

from conftest import receive, receive_json, wait_until

OUTER = """pipeline: outer
resources: {m: echo}
stages:
  - receive
  - use: parts/loud.yaml
    with: {MARK: "!!", WHO: "${NAME:-nobody}"}
  - respond
"""
LOUD = """pipeline: loud
stages:
  - receive
  - complete: {prompt: "{{prompt}}${MARK} ${WHO} ${MORE:-more}"}
  - use: ../signed.yaml
"""
SIGNED = """pipeline: signed
resources:
  store: {sqlite: {path: data/signed.db}}
stages:
  - transform: {completion: "{{completion}}, yours"}
  - persist
    label: sign
"""
SIGNED = SIGNED.replace("  - persist\n    label", "  - persist:\n    label")


@pytest.fixture
def files(tmp_path):
    def write(outer=OUTER, loud=LOUD, signed=SIGNED):
        (tmp_path / "parts").mkdir(exist_ok=True)
        (tmp_path / "outer.yaml").write_text(outer)
        (tmp_path / "parts/loud.yaml").write_text(loud)
        (tmp_path / "signed.yaml").write_text(signed)
        return tmp_path / "outer.yaml"

    return write


def test_the_stages_of_another_file_run_with_its_resources_and_with_values_for_its_variables(serve, files):
    host = serve(files(), env={"NAME": "ada", "MARK": "from the environment"})
    with host.connect() as client:
        client.send("hello")
        assert receive(client) == "hello!! ada more, yours"
    import sqlite3
    with sqlite3.connect(host.folder / "data/signed.db") as database:
        assert database.execute("select response from requests").fetchall() == [("hello!! ada more, yours",)]


def test_an_error_inside_is_reported_at_its_place_in_its_own_file(run, files):
    files(loud=LOUD.replace("prompt:", "promt:"), signed=SIGNED.replace("transform", "transfrom"))
    result = run("check", "outer.yaml")
    assert result.returncode == 1
    assert "parts/loud.yaml:4:16: error: unknown setting 'promt'" in result.stderr and "    4 |   - complete:" in result.stderr
    assert "signed.yaml:5:5: error: unknown stage 'transfrom'; did you mean 'transform'?" in result.stderr
    assert result.stderr.count("error:") == 2


def test_wiring_is_checked_where_the_file_is_used(run, files):
    files(loud="pipeline: loud\nstages: [log]\n", outer=OUTER.replace("    with: {MARK: \"!!\", WHO: \"${NAME:-nobody}\"}\n", "")
          .replace("  - respond\n", "  - use: signed.yaml\n  - respond\n"))
    result = run("check", "outer.yaml")
    assert "outer.yaml:6:5: error: stage 'transform' (signed.yaml, line 5) needs 'completion'" in result.stderr


def test_values_that_nothing_asks_for_and_variables_without_one_are_errors(run, files):
    files(outer=OUTER.replace("MARK:", "MAKR:"))
    result = run("check", "outer.yaml", env={})
    assert "outer.yaml:6:12: error: 'parts/loud.yaml' has no variable '${MAKR}'; did you mean 'MARK'?" in result.stderr
    assert "parts/loud.yaml:4:35: error: the variable 'MARK' is not set" in result.stderr


def test_files_that_use_one_another_in_a_circle_are_refused(run, files):
    files(signed=SIGNED + "  - use: ./parts/../outer.yaml\n")
    result = run("check", "outer.yaml")
    assert result.returncode == 1
    assert ("signed.yaml:8:10: error: a file can't use itself: 'outer.yaml' uses 'parts/loud.yaml' uses 'signed.yaml' "
            "uses 'outer.yaml'") in result.stderr


def test_a_file_that_is_not_there_is_an_error_where_it_is_named(run, files):
    files(outer=OUTER.replace("loud.yaml", "gone.yaml"))
    result = run("check", "outer.yaml")
    assert "outer.yaml:5:10: error: 'parts/gone.yaml' can't be used:" in result.stderr


def test_secrets_that_are_handed_over_are_never_printed(run, files):
    canary = "canary-77aa"
    files(loud=LOUD.replace("{prompt: ", "{timeout: \"${MARK}\", prompt: "), outer=OUTER.replace('"!!"', '"${KEY}"'))
    for command in ("check", "graph", "explain"):
        result = run(command, "outer.yaml", env={"KEY": canary})
        assert result.returncode == 1 and canary not in result.stdout + result.stderr


def test_what_is_used_is_drawn_listed_and_counted(run, files):
    files()
    drawn = run("graph", "outer.yaml", env={})
    for label in ("use", "complete", "use-2", "sign", "store"):
        assert label in drawn.stdout
    assert ": ok, pipeline outer with 7 stages" in run("check", "outer.yaml").stdout
    assert "- use: parts/polite.yaml" in run("stages", "use").stdout


def test_a_change_of_a_file_that_is_used_takes_over(serve, files):
    host = serve(files(), arguments=["--watch"])
    with host.connect("format=json") as client:
        receive_json(client)

        def ask():
            client.send(json.dumps({"prompt": "x"}))
            return receive_json(client)["response"]

        assert ask().endswith(", yours")
        files(signed=SIGNED.replace("yours", "ever yours"))
        wait_until(lambda: any('"message":"Reloaded"' in line for line in host.log), "the new file")
        assert ask().endswith(", ever yours")
        files(signed=SIGNED.replace("yours", "truly"))
        host.process.send_signal(signal.SIGHUP)
        wait_until(lambda: ask().endswith(", truly"), "the newest file")
