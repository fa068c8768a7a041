"""What others see of a conversation: nothing in metrics, traces and health, and no other session's words."""

import json
import re
import subprocess
import urllib.request

from collector import Collector
from conftest import DEADLINE, program, receive_json, wait_until

MARK = "pr1v4te"
FLOW = """
pipeline: flow
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: k}}
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive: {format: json}
  - recall: {turns: 10}
  - complete
  - persist:
    async: true
  - respond
"""


def say(client, prompt):
    client.send(json.dumps({"prompt": prompt, "username": MARK, "metadata": {MARK: MARK}}))
    return receive_json(client)


def get(host, path):
    with urllib.request.urlopen(f"{host.http}{path}", timeout=DEADLINE) as answer:
        return answer.read().decode()


def test_metrics_health_and_traces_hold_nothing_that_was_said(serve, ai):
    collector = Collector()
    host = serve(FLOW, env={"OPENAI_BASE_URL": ai.url, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "LOG_LEVEL": "trace"})
    ai.script = [None, "500"]
    with host.connect(f"username={MARK}") as client:
        receive_json(client)
        assert say(client, MARK)["response"] == MARK
        assert say(client, MARK)["type"] == "error"
    host.wait_for_rows(1)
    shown = get(host, "/metrics") + get(host, "/readyz") + get(host, "/healthz")
    assert host.stop() == 0
    collector.wait_for("flow", "complete", "persist")
    collector.stop()
    assert MARK not in shown + json.dumps(collector.spans) + "".join(host.log)


def test_a_model_hears_of_its_own_session_alone(serve, ai):
    host = serve(FLOW, env={"OPENAI_BASE_URL": ai.url})
    with host.connect() as one, host.connect() as another:
        receive_json(one), receive_json(another)
        for number in range(5):
            assert say(one, f"one {number}")["type"] == say(another, f"another {number}")["type"] == "response"
    for call in ai.calls:
        said = [turn["content"].split()[0] for turn in call["body"]["messages"]]
        assert len(set(said)) == 1, said
    assert len(ai.calls[-1]["body"]["messages"]) == 9


def test_commands_that_only_look_write_nothing_into_the_database(serve, run, tmp_path, ai):
    host = serve(FLOW, env={"OPENAI_BASE_URL": ai.url})
    with host.connect() as client:
        session = receive_json(client)["session_id"]
        say(client, "x")
    host.wait_for_rows(1)
    file, trace = host.folder / "pipeline-0.yaml", tmp_path / "trace"
    for command in (["sessions", file], ["sessions", file, session]):
        done = subprocess.run(
            ["strace", "-f", "-y", "-o", trace, "-e", "trace=openat,write,pwrite64,ftruncate,unlink,fsync,fdatasync",
             program(), *command], cwd=host.folder, env={"OPENAI_BASE_URL": ai.url}, capture_output=True, text=True,
            timeout=6 * DEADLINE)
        assert done.returncode == 0 and MARK in done.stdout, done.stderr
        calls = trace.read_text().splitlines()
        opened = [line for line in calls if re.search(r'openat\(.*stagecoach\.db"', line)]
        assert opened and all("O_RDONLY" in line for line in opened), opened
        assert not [line for line in calls if re.search(r"(write|pwrite64|ftruncate|sync|unlink)\(.*stagecoach\.db(-wal)?[\"> ]", line)]


def test_codes_that_a_program_makes_up_make_no_new_metrics(serve, tmp_path):
    (tmp_path / "rude.py").write_text(
        "import json, sys\nfor line in sys.stdin:\n    request = json.loads(line)\n"
        "    print(json.dumps({'id': request['id'], 'error': {'message': 'no', 'code': request['fields']['prompt']}}), flush=True)\n")
    host = serve("pipeline: p\nresources: {m: echo}\nstages:\n  - receive: {format: json}\n"
                 "  - exec: {command: [python3, rude.py]}\n  - complete\n  - respond\n")
    with host.connect() as client:
        receive_json(client)
        for number in range(50):
            client.send(json.dumps({"prompt": f"code_{number}"}))
            assert receive_json(client)["error"]["code"] == f"code_{number}"
    lines = [line for line in get(host, "/metrics").splitlines() if line.startswith("stagecoach_stage_errors_total")]
    assert not any("code_" in line for line in lines)
    wait_until(lambda: any('stage="exec",code="other"} 50' in line for line in get(host, "/metrics").splitlines()), "the count")
