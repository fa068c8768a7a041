"""Entry stages, storing stages, models and stores of another package, and chains written in Swift: the host treats them as
it treats its own."""

import json
import signal
import urllib.error
import urllib.request

import pytest

from conftest import DEADLINE, ROOT, metrics, receive, receive_json, wait_until

LINES = ROOT / "Examples/CustomHost/lines.yaml"
PHRASES = ROOT / "Examples/CustomHost/phrases.tsv"


def environment(folder):
    return {"PHRASES": str(PHRASES), "FOLDER": str(folder / "rows")}


def post(host, body, path="/lines", query="", headers=None):
    """The status, the answer's type and text, and the session."""
    request = urllib.request.Request(f"{host.http}{path}{query}", data=body.encode(), headers=headers or {})
    try:
        answer = urllib.request.urlopen(request, timeout=DEADLINE)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, answer.headers["content-type"], answer.read().decode(), answer.headers["stagecoach-session"]


@pytest.fixture
def lines(serve, tmp_path):
    return serve(LINES, env=environment(tmp_path), variable="CUSTOM_HOST")


def stored(folder):
    return [json.loads(line) for line in (folder / "rows/requests.jsonl").read_text().splitlines()]


@pytest.mark.custom_host
def test_an_entry_stage_of_its_own_is_served_with_a_protocol_of_its_own(lines):
    assert "pipeline lines at ws://127.0.0.1" in lines.line and lines.line.endswith("/lines")
    status, kind, text, session = post(lines, "user: ada\nask: What is 2+2?\n")
    assert (status, kind, text) == (200, "text/plain; charset=utf-8", "answer: 2 + 2 = 4\ntokens: 5\n")
    assert len(session) == 36
    assert post(lines, "ask: hm", headers={"Accept": "text/event-stream"})[1:3] == (
        "text/plain; charset=utf-8", "answer: I don't know.\ntokens: 3\n")
    # Over WebSocket it speaks what it says it speaks.
    with lines.connect(path="/lines") as client:
        assert receive_json(client)["type"] == "session"
        client.send(json.dumps({"prompt": "hello"}))
        assert receive_json(client)["response"] == "Hello yourself."


@pytest.mark.custom_host
@pytest.mark.parametrize("body, answer", [
    ("hello", "error: invalid_message A line is a name, ':' and a text\n"),
    ("user: \u0007\nask: x", "error: invalid_message 'username' of the message must have"),
])
def test_what_its_clients_do_wrong_is_told_in_its_own_words(lines, body, answer):
    status, kind, text, _ = post(lines, body)
    assert status == 400 and kind == "text/plain; charset=utf-8" and text.startswith(answer), text
    assert len(lines.entries("invalid_message")) == 1
    assert lines.entries("invalid_message")[0]["level"] == "info"
    assert post(lines, "ask: hello")[0] == 200


@pytest.mark.custom_host
def test_its_storing_stage_and_store_are_shown_by_sessions_and_the_history(lines, run, tmp_path):
    session = post(lines, "user: ada\nask: hello")[3]
    post(lines, "ask: nobody asks")
    assert [(row["prompt"], row["username"]) for row in stored(tmp_path)] == [("hello", "ada")]
    history = json.load(urllib.request.urlopen(f"{lines.http}/sessions/{session}", timeout=DEADLINE))
    assert [(row["prompt"], row["response"], row["username"]) for row in history] == [
        ("hello", "Hello yourself.", "ada")]
    shown = run("sessions", LINES, env=environment(tmp_path), variable="CUSTOM_HOST").stdout
    assert session in shown and "ada" in shown
    one = run("sessions", LINES, session, env=environment(tmp_path), variable="CUSTOM_HOST").stdout
    assert "ada: hello" in one and "answer: Hello yourself." in one
    assert 'stage="keep"' in metrics(lines) and 'stage="lines"' in metrics(lines)


@pytest.mark.custom_host
def test_doctor_and_check_find_its_model_and_its_store(run, tmp_path):
    seen = run("doctor", LINES, env=environment(tmp_path), variable="CUSTOM_HOST")
    assert seen.returncode == 0, seen
    for line in ("✓ database: json_lines is connected", "✓ table: 'requests' has every column", "✓ read it back",
                 "✓ model: 'any' answered \"Yes.\"", "✓ a conversation of three: 3 of 3 answered, stored in order"):
        assert line in seen.stdout, seen.stdout
    assert stored(tmp_path) == []
    without = run("doctor", LINES, env={**environment(tmp_path), "PHRASES": "nowhere"}, variable="CUSTOM_HOST")
    assert without.returncode == 1 and "✗ model: " in without.stdout
    assert run("check", "--live", LINES, env=environment(tmp_path), variable="CUSTOM_HOST").returncode == 0
    (tmp_path / "bad.yaml").write_text(LINES.read_text().replace("path: /lines", "path: /metrics"))
    bad = run("check", "bad.yaml", env=environment(tmp_path), variable="CUSTOM_HOST")
    assert bad.returncode == 1 and "can't be /metrics: the host serves it" in bad.stderr


@pytest.mark.custom_host
def test_a_conversation_with_it_is_recorded_as_a_test_that_passes(serve, run, tmp_path):
    host = serve(LINES, env=environment(tmp_path), variable="CUSTOM_HOST", command="record")
    post(host, "user: ada\nask: What is 2+2?")
    assert host.stop(signal.SIGINT) == 0, host.log
    tests = host.printed()
    assert "2 + 2 = 4" in tests and "does not pass" not in tests and "rows: " in tests
    (tmp_path / "lines.yaml").write_text(LINES.read_text())
    (tmp_path / "lines.test.yaml").write_text(tests)
    again = run("test", "lines.yaml", variable="CUSTOM_HOST")
    assert again.returncode == 0 and "1 test, 0 failed" in again.stdout, again


@pytest.mark.custom_host
def test_its_entry_stage_has_a_page_and_a_place_in_the_schema(run):
    page = run("stages", "lines", variable="CUSTOM_HOST").stdout
    assert "Takes messages as lines of text" in page and "Where clients connect." in page
    document = json.loads(run("schema", variable="CUSTOM_HOST").stdout)
    assert "stage.lines" in document["definitions"] and "resource.json_lines" in document["definitions"]


@pytest.mark.custom_host
def test_a_chain_written_in_swift_is_served_without_a_file(serve):
    host = serve(variable="OFFLINE_HOST")
    assert host.line.endswith(f"pipeline offline at ws://127.0.0.1:{host.port}/ws")
    with host.connect() as client:
        client.send("hello")
        assert receive(client) == "hello"
    assert 'pipeline="offline"' in metrics(host) and 'pipeline="chain"' not in metrics(host)


@pytest.mark.custom_host
def test_beside_a_file_it_goes_on_through_reloads(serve, tmp_path):
    file = "pipeline: other\nresources: {model: echo}\nstages: [receive: {path: /other}, complete, respond]\n" \
           "host: {history: true}\n"
    host = serve(file, variable="OFFLINE_HOST")
    assert "pipeline other at" in host.line and "pipeline offline at" in host.line
    with host.connect() as client, host.connect(path="/other") as other:
        for connection in (client, other):
            connection.send("hello")
            assert receive(connection) == "hello"
        path = tmp_path / "pipeline-0.yaml"
        path.write_text(file.replace("complete,", "transform: {prompt: '{{prompt}}!'}, complete,"))
        host.process.send_signal(signal.SIGHUP)
        wait_until(lambda: any("Reloaded" in line for line in host.log), "the reload")
        other.send("hello")
        assert receive(other) == "hello!"
        client.send("still there")
        assert receive(client) == "still there"


@pytest.mark.custom_host
def test_commands_take_its_name_as_a_file(run, tmp_path):
    checked = run("check", "offline", variable="OFFLINE_HOST")
    assert checked.returncode == 0 and "offline: ok, pipeline offline with 3 stages" in checked.stdout
    assert run("check", variable="OFFLINE_HOST").stdout == checked.stdout
    assert "receive" in run("graph", "offline", variable="OFFLINE_HOST").stdout
    assert "What a client waits for" in run("explain", "offline", variable="OFFLINE_HOST").stdout
    (tmp_path / "same.yaml").write_text("pipeline: same\nresources: {model: echo}\nstages: [receive, complete, respond]\n")
    clash = run("check", "--together", "same.yaml", "offline", variable="OFFLINE_HOST")
    assert clash.returncode == 1 and "the path '/ws' is taken by same.yaml" in clash.stderr
    # A program without chains of its own needs a file as ever.
    missing = run("check")
    assert missing.returncode == 64 and "Missing expected argument '<pipeline> ...'" in missing.stderr
