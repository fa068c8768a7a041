"""The commands besides `serve`, and the pages that it serves."""

import json
import re
import subprocess
import uuid
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import PIPELINES, ROOT, receive

BROKEN = "pipeline: t\nresources: {m: echo}\nstages:\n  - receive\n  - complete: {modle: x}\n  - respond\n"


def get(host, path, *options):
    result = subprocess.run(["curl", "-s", "-i", *options, host.http + path], capture_output=True, text=True, timeout=10)
    head, _, body = result.stdout.partition("\n\n") if "\r\n\r\n" not in result.stdout else result.stdout.partition("\r\n\r\n")
    return int(head.split()[1]), head.lower(), body


@pytest.mark.parametrize("file", PIPELINES, ids=lambda file: file.stem)
def test_each_shipped_pipeline_checks_and_draws(run, file):
    keys = {"OPENAI_API_KEY": "k", "DATABASE_URL": "postgres://127.0.0.1/chat", "SUPABASE_URL": "https://a.supabase.co",
            "SUPABASE_KEY": "k"}
    checked = run("check", file, env=keys)
    assert checked.returncode == 0 and checked.stderr == "" and ": ok" in checked.stdout
    assert ("killed" in checked.stdout) == ("async:" in file.read_text())
    for form in ("text", "mermaid", "dot"):
        drawn = run("graph", "--format", form, file)
        assert drawn.returncode == 0
        for label in ("receive", "validate", "complete", "persist", "respond", "model", "database"):
            assert label in drawn.stdout


def test_check_and_serve_report_the_same_and_exit_1(run, tmp_path):
    (tmp_path / "broken.yaml").write_text(BROKEN)
    checked = run("check", "broken.yaml")
    served = run("serve", "broken.yaml", "--port", "0")
    expected = ("broken.yaml:5:16: error: unknown setting 'modle' of stage 'complete'; did you mean 'model'?\n"
                "    5 |   - complete: {modle: x}\n"
                "      |                ^~~~~\n")
    for result in (checked, served):
        assert (result.returncode, result.stdout, result.stderr) == (1, "", expected)


def test_check_speaks_json(run, tmp_path):
    (tmp_path / "broken.yaml").write_text(BROKEN)
    result = run("check", "--format", "json", "broken.yaml")
    (problem,) = json.loads(result.stdout)
    assert result.returncode == 1
    assert (problem["path"], problem["line"], problem["column"]) == ("broken.yaml", 5, 16)
    assert (problem["severity"], problem["code"], problem["suggestion"]) == ("error", "unknown_setting", "model")


def test_paths_and_host_sections_that_clash_are_reported_at_their_place(run, tmp_path):
    text = "pipeline: {}\nresources: {{m: echo}}\nhost: {{drain: 1s}}\nstages:\n  - receive\n  - complete\n  - respond\n"
    (tmp_path / "a.yaml").write_text(text.format("a"))
    (tmp_path / "b.yaml").write_text(text.format("b"))
    for command in (["check", "--together", "a.yaml", "b.yaml"], ["serve", "a.yaml", "b.yaml", "--port", "0"]):
        result = run(*command)
        assert result.returncode == 1 and result.stdout.count("listening") == 0
        assert "b.yaml:5:5: error: the path '/ws' is taken by a.yaml" in result.stderr
        assert "b.yaml:3:1: error: only one file may have a 'host' section; a.yaml has one" in result.stderr


def test_check_graph_and_explain_take_each_file_by_itself_and_a_folder_as_its_files(run, tmp_path):
    text = "pipeline: {}\nresources: {{m: echo}}\nhost: {{drain: 1s}}\nstages: [receive, complete, respond]\n"
    folder = tmp_path / "all"
    (folder / "parts").mkdir(parents=True)
    for name in ("a", "b"):
        (folder / f"{name}.yaml").write_text(text.format(name))
    (folder / "b.test.yaml").write_text("tests: []\n")
    # None of these is meant by the folder's name.
    for name in ("notes.txt", ".hidden.yaml", "parts/part.yaml"):
        (folder / name).write_text("not a pipeline")
    for paths in (["all/a.yaml", "all/b.yaml"], ["all"], ["all/"]):
        checked = run("check", *paths)
        assert checked.returncode == 0 and checked.stderr == ""
        files = [line.split(":")[0] for line in checked.stdout.splitlines()]
        assert files == ["all/a.yaml", "all/b.yaml", "all/b.test.yaml"]
        explained = run("explain", *paths)
        assert explained.returncode == 0
        assert re.findall("^pipeline (.*)", explained.stdout, re.MULTILINE) == ["a", "b"]
        assert run("explain", "--against", "all", *paths).stdout == "a, b: every promise is as it was\n"
        together = run("check", "--together", *paths)
        assert together.returncode == 1 and "the path '/ws' is taken by all/a.yaml" in together.stderr
    drawn = {kind: run("graph", "all", "--format", kind).stdout for kind in ("text", "mermaid", "dot", "svg")}
    assert drawn["text"].startswith("a\n") and "\n\nb\n" in drawn["text"]
    assert drawn["mermaid"].count("flowchart") == 1 and drawn["mermaid"].count("subgraph") == 2
    assert drawn["dot"].count("digraph") == 2
    pictures = ElementTree.fromstring(drawn["svg"]).findall("{http://www.w3.org/2000/svg}svg")
    assert [int(picture.get("y")) for picture in pictures] == [0, int(pictures[0].get("height"))]
    (folder / "a.yaml").write_text(text.format("a").replace("complete", "compleet"))
    assert run("check", "all").stderr.count("error") == 1
    (tmp_path / "empty").mkdir()
    empty = run("check", "empty")
    assert empty.returncode == 1 and "empty: error: the folder has no pipeline file" in empty.stderr


def test_a_missing_file_and_wrong_usage_have_their_exit_codes(run):
    missing = run("check", "nowhere.yaml")
    assert missing.returncode == 1 and "nowhere.yaml: error:" in missing.stderr
    assert run("check").returncode in (2, 64)
    assert run("serve", "x.yaml", "--port", "99999").returncode in (2, 64)
    assert run("nonsense").returncode in (2, 64)


def test_variables_come_from_the_environment_and_then_from_the_file(run, tmp_path):
    (tmp_path / "p.yaml").write_text("pipeline: \"${NAME}\"\nresources: {m: echo}\nstages: [receive, complete, respond]\n")
    (tmp_path / ".env").write_text("export NAME='from-file' # comment\n")
    (tmp_path / "other.env").write_text("NAME=other\n")
    assert "pipeline from-file " in run("check", "p.yaml").stdout
    assert "pipeline other " in run("check", "p.yaml", "--env-file", "other.env").stdout
    assert "pipeline from-process " in run("check", "p.yaml", env={"NAME": "from-process"}).stdout
    missing = run("check", "p.yaml", "--env-file", "gone.env")
    assert missing.returncode == 1 and "gone.env: error:" in missing.stderr


def test_values_of_secrets_are_never_printed(run, tmp_path):
    canary = "canary-5f3a"
    (tmp_path / ".env").write_text(f"KEY={canary}\nBAD LINE {canary}\n")
    (tmp_path / "p.yaml").write_text(
        "pipeline: p\nresources:\n  m: {openai: {key: \"${KEY}\", url: \"${KEY}\"}}\n"
        "stages:\n  - receive\n  - validate: {max_length: \"${KEY}\"}\n  - complete: {timeout: \"${KEY}\"}\n  - respond\n")
    for command in (["check"], ["check", "--format", "json"], ["graph"], ["serve"]):
        result = run(*command, "p.yaml")
        assert result.returncode == 1 and canary not in result.stdout + result.stderr


def test_stages_are_listed_with_their_settings(run):
    overview = run("stages").stdout
    for name in ("receive", "validate", "complete", "persist", "respond", "log", "openai", "echo", "sqlite"):
        assert re.search(rf"^  {name} ", overview, re.M)
    page = run("stages", "complete").stdout
    assert "model: string  (default gpt-3.5-turbo)" in page and "timeout: duration" in page and "30s" in page
    unknown = run("stages", "complet")
    assert unknown.returncode == 1 and "did you mean 'complete'?" in unknown.stderr


def test_sessions_are_listed_and_shown(offline, run, tmp_path):
    session = str(uuid.uuid4())
    with offline.connect(f"session={session}&username=ada") as client:
        for prompt in ("first", "second \x1b[31m"):
            client.send(prompt)
            receive(client)
    offline.wait_for_rows(2)
    file = ROOT / "pipelines/offline.yaml"
    listed = run("sessions", file)
    assert listed.returncode == 0 and session in listed.stdout and "ada" in listed.stdout
    shown = run("sessions", file, session)
    assert "ada: first" in shown.stdout and "second" in shown.stdout and "\x1b" not in shown.stdout
    assert run("sessions", file, str(uuid.uuid4())).returncode == 1


def test_the_page_asks_nobody_else_and_health_is_told(offline):
    status, head, body = get(offline, "/")
    assert status == 200 and "text/html" in head and "content-security-policy" in head
    assert not re.findall(r"(?:https?:)?//[a-z0-9]", body)
    assert get(offline, "/healthz")[0] == 200
    assert get(offline, "/readyz")[0] == 200
    assert get(offline, "/nowhere")[0] == 404
    assert get(offline, "/ws")[0] == 426
    assert get(offline, "/", "-X", "DELETE")[0] == 405
    assert get(offline, "/", "--head")[0] == 200


def test_readiness_says_which_resource_is_not_ready(serve):
    host = serve(ROOT / "pipelines/chat.yaml")
    status, _, body = get(host, "/readyz")
    assert status == 503 and "chat model: OpenAI client not initialized" in body and "chat database: ready" in body


def test_outside_of_loopback_the_host_wants_to_be_told(run):
    result = run("serve", ROOT / "pipelines/offline.yaml", "--host", "0.0.0.0", "--port", "0")
    assert result.returncode == 1 and "--insecure" in result.stderr and result.stdout == ""
