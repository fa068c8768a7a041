"""Stages in other languages: `exec` with real programs, good ones and bad ones."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request

import pytest

from conftest import DEADLINE, ROOT, receive, receive_json, say, wait_until

PROTOCOL = (ROOT / "docs/exec.md").read_text()

# Does what the prompt says.
MOODY = """
import json, os, signal, subprocess, sys, time

print("moody is awake", file=sys.stderr, flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if request.get("ping"):
        print(json.dumps({"id": request["id"]}), flush=True)
        continue
    prompt = request["fields"]["prompt"]
    fields = {"prompt": prompt + "!"}
    if prompt == "trap":
        os.kill(os.getpid(), signal.SIGILL)
    elif prompt == "exit":
        sys.exit(3)
    elif prompt == "throw":
        raise ValueError("thrown")
    elif prompt == "hang":
        child = subprocess.Popen(["sleep", "1000"])
        print("child", child.pid, file=sys.stderr, flush=True)
        time.sleep(1000)
    elif prompt == "mute":
        os.close(1)
        time.sleep(1000)
    elif prompt == "spin":
        while True:
            pass
    elif prompt == "rubbish":
        print("what is this?", flush=True)
    elif prompt == "no id":
        print(json.dumps({"fields": fields}), flush=True)
        continue
    elif prompt == "wrong id":
        print(json.dumps({"id": 10**9, "fields": fields}), flush=True)
        continue
    elif prompt == "wrong type":
        fields = {"prompt": 7}
    elif prompt == "wrong field":
        fields = {"completion": "x"}
    elif prompt == "huge":
        for _ in range(100):
            sys.stdout.write("x" * (1 << 20))
        print(flush=True)
    elif prompt == "twice":
        print(json.dumps({"id": request["id"], "fields": fields}), flush=True)
    elif prompt == "memory":
        hoard = bytearray(1 << 30)
    elif prompt == "refuse":
        print(json.dumps({"id": request["id"], "error": {"message": "Too rude", "code": "rude"}}), flush=True)
        continue
    elif prompt == "environment":
        fields = {"prompt": json.dumps(dict(os.environ))}
    elif prompt == "pid":
        fields = {"prompt": str(os.getpid())}
    print(json.dumps({"id": request["id"], "fields": fields}), flush=True)
"""

PIPELINE = """
pipeline: moody
resources: {{model: echo}}
stages:
  - receive: {{format: json}}
  - exec: {{command: ["{python}", moody.py], {settings}}}
    label: moody
  - complete
  - respond
"""


@pytest.fixture
def moody(serve, tmp_path):
    (tmp_path / "moody.py").write_text(MOODY)

    def start(settings="timeout: 5s", **options):
        return serve(PIPELINE.format(python=sys.executable, settings=settings), **options)

    return start


def greet(client):
    assert receive_json(client)["type"] == "session"


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def log_lines(host, text):
    return [entry for entry in map(json.loads, list(host.log)) if text in entry["message"]]


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("example, prompt, answer", [
    ("exec-python/shout.yaml", "hello", "HELLO!!"), ("exec-shell/words.yaml", "one two  three", "one two  three (3 words)"),
])
def test_the_examples_answer(serve, tmp_path, example, prompt, answer):
    if "shell" in example and not shutil.which("jq"):
        pytest.skip("jq is not installed")
    (tmp_path / "Examples").symlink_to(ROOT / "Examples")
    host = serve(ROOT / "Examples" / example)
    with host.connect() as client:
        client.send(prompt)
        assert receive(client) == answer


def test_the_lines_are_those_that_are_written_down(serve, tmp_path):
    """The program keeps what it reads; it answers as the page has it."""
    request, ping, answer, refusal = (json.loads(block) for block in blocks(PROTOCOL.split("## Version 2")[0], "json"))
    (tmp_path / "recorder.py").write_text(
        "import sys, json\n"
        "for line in sys.stdin:\n"
        "    print(line, end='', file=sys.stderr, flush=True)\n"
        "    request = json.loads(line)\n"
        f"    answer = {{}} if 'ping' in request else {answer!r} if request['fields']['prompt'] == 'hello' else {refusal!r}\n"
        "    print(json.dumps(answer | {'id': request['id']}), flush=True)\n")
    host = serve(
        "pipeline: p\nresources: {model: echo}\nstages:\n  - receive: {format: json}\n"
        f"  - exec: {{command: ['{sys.executable}', recorder.py], settings: {{marks: 2}}, processes: 1, heartbeat: 50ms}}\n"
        "  - complete\n  - respond\n")
    with host.connect() as client:
        greet(client)
        assert say(client, "hello")["response"] == answer["fields"]["prompt"]
        error = say(client, "bye")["error"]
        assert {key: error[key] for key in refusal["error"]} == refusal["error"]
    read = [json.loads(entry["message"]) for entry in log_lines(host, '"protocol"')]
    pings = [line for line in read if "ping" in line]
    messages = [line for line in read if "ping" not in line]
    assert pings and {**pings[0], "id": 8} == ping
    assert {**messages[0], "id": 7} == request
    assert len({line["id"] for line in read}) == len(read)


@pytest.mark.parametrize("prompt, code, detail", [
    ("trap", "stage_failed", "signal 4"),
    ("exit", "stage_failed", "exit code 3"),
    ("throw", "stage_failed", "exit code 1"),
    ("rubbish", "stage_failed", "which is not JSON"),
    ("no id", "stage_failed", "no number 'id'"),
    ("wrong id", "stage_failed", "never sent"),
    ("wrong type", "stage_failed", "not a string"),
    ("wrong field", "stage_failed", "which 'writes' doesn't name"),
    ("huge", "stage_failed", "longer than 'max_line'"),
    ("mute", "stage_failed", "closed its standard output"),
    ("memory", "stage_failed", "exit code 1"),
    ("refuse", "rude", None),
])
def test_a_bad_program_harms_one_message(moody, prompt, code, detail):
    host = moody("timeout: 5s, memory: 256MiB, processes: 1")
    with host.connect() as client:
        greet(client)
        assert say(client, "hello")["response"] == "hello!"
        for _ in range(2):
            error = say(client, prompt)["error"]
            assert (error["code"], error["stage"]) == (code, "moody")
            start = time.monotonic()
            assert say(client, "hello")["response"] == "hello!"
            assert time.monotonic() - start < 0.1 * DEADLINE
    entries = wait_until(lambda: len(host.entries(code)) >= 2 and host.entries(code), "entries")
    assert len(entries) == 2
    assert all(detail is None or detail in entry["detail"] for entry in entries)


def test_a_second_answer_does_not_count(moody):
    host = moody("processes: 1")
    with host.connect() as client:
        greet(client)
        assert say(client, "twice")["response"] == "twice!"
        assert say(client, "hello")["response"] == "hello!"
    wait_until(lambda: log_lines(host, "answered a line twice"), "the log's line")


@pytest.mark.parametrize("prompt, settings, bound", [("hang", "timeout: 300ms", 1.5), ("spin", "cpu: 200ms", 3.5)])
def test_a_program_that_never_answers_is_killed_with_its_group(moody, prompt, settings, bound):
    host = moody(f"{settings}, processes: 1, heartbeat: 10s")
    with host.connect() as client:
        greet(client)
        pid = int(say(client, "pid")["response"])
        start = time.monotonic()
        assert say(client, prompt)["error"]["code"] == "timeout"
        assert time.monotonic() - start < bound + 0.05 * DEADLINE
        assert say(client, "hello")["response"] == "hello!"
    wait_until(lambda: not is_alive(pid), "the end of the process")
    if prompt == "hang":
        (line,) = log_lines(host, "child ")
        wait_until(lambda: not is_alive(int(line["message"].split()[1])), "the end of its child")


def test_a_program_that_does_not_flush_is_told_from_one_that_is_slow(serve, tmp_path):
    lazy = "import json, sys\nfor line in sys.stdin: print(json.dumps({'id': json.loads(line)['id'], 'fields': {}}))\n"
    (tmp_path / "lazy.py").write_text(lazy)
    (tmp_path / "moody.py").write_text(MOODY)
    for program, prompts, hint in (("lazy.py", ["hello"], True), ("moody.py", ["hello", "hang"], False)):
        settings = f"command: ['{sys.executable}', {program}], timeout: 2s, processes: 1"
        host = serve("pipeline: p\nresources: {model: echo}\nstages:\n  - receive: {format: json}\n"
                     f"  - exec: {{{settings}}}\n  - complete\n  - respond\n")
        with host.connect() as client:
            greet(client)
            assert [say(client, prompt) for prompt in prompts][-1]["error"]["code"] == "timeout"
        (entry,) = wait_until(lambda: host.entries("timeout"), "the log's entry")
        assert entry["detail"].startswith("the program did not answer in time, so it was killed")
        assert entry["detail"].endswith("; it has answered nothing since it started: does it flush each answer?") == hint


def test_others_are_not_harmed_by_a_crash(moody):
    """Many at once: those on their way to the process that ends go to another."""
    host = moody("processes: 2")
    prompts = [f"m{number}" for number in range(200)]
    prompts[100] = "trap"
    answers = {}
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(host.connect()) for _ in range(20)]
        for client in clients:
            greet(client)
        for index, prompt in enumerate(prompts):
            clients[index % 20].send(json.dumps({"prompt": prompt, "id": prompt}))
        for index in range(len(prompts)):
            frame = receive_json(clients[index % 20])
            answers[frame["id"]] = frame
    failed = [prompt for prompt, frame in answers.items() if frame["type"] == "error"]
    assert failed == ["trap"]
    assert all(answers[prompt]["response"] == prompt + "!" for prompt in prompts if prompt != "trap")


def test_with_several_at_once_the_one_to_blame_is_found(serve, tmp_path):
    (tmp_path / "several.py").write_text(
        "import json, os, sys, threading, time\n"
        "lock = threading.Lock()\n"
        "def work(request):\n"
        "    prompt = request['fields']['prompt']\n"
        "    if prompt == 'trap':\n"
        "        time.sleep(0.2)\n"
        "        os._exit(9)\n"
        "    time.sleep(0.5 if prompt == 'slow' else 0)\n"
        "    with lock:\n"
        "        print(json.dumps({'id': request['id'], 'fields': request['fields']}), flush=True)\n"
        "for line in sys.stdin:\n"
        "    threading.Thread(target=work, args=(json.loads(line),)).start()\n")
    host = serve(
        "pipeline: p\nresources: {model: echo}\nstages:\n  - receive: {format: json, concurrency: 8}\n"
        f"  - exec: {{command: ['{sys.executable}', several.py], processes: 1, concurrency: 8}}\n"
        "  - complete\n  - respond\n")
    with host.connect() as client:
        greet(client)
        for prompt in ("slow", "trap", "slow", "slow"):
            client.send(json.dumps({"prompt": prompt}))
        kinds = [receive_json(client)["type"] for _ in range(4)]
    assert kinds == ["response", "error", "response", "response"]


def test_the_environment_holds_no_secret_of_the_host(moody, tmp_path):
    host = moody('environment: {MINE: "${MY_KEY}"}', env={"OPENAI_API_KEY": "sk-canary", "MY_KEY": "k", "LANG": "C.UTF-8"})
    with host.connect() as client:
        greet(client)
        environment = json.loads(say(client, "environment")["response"])
    environment.pop("LC_CTYPE", None)  # Python's own
    assert environment == {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", "MINE": "k"}


def test_standard_error_is_in_the_log_with_the_label(moody):
    host = moody("processes: 1")
    (entry,) = wait_until(lambda: log_lines(host, "moody is awake"), "the line")
    assert entry["stage"] == "moody" and int(entry["pid"]) > 0


def test_a_process_that_gives_no_sign_of_life_is_replaced(moody):
    host = moody("processes: 1, heartbeat: 100ms")
    with host.connect() as client:
        greet(client)
        pid = int(say(client, "pid")["response"])
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: not is_alive(pid), "the end of the process that was stopped")
        assert int(say(client, "pid")["response"]) != pid
    assert wait_until(lambda: log_lines(host, "no sign of life"), "the log's line")


def test_readiness_says_whether_the_program_runs(serve, tmp_path):
    (tmp_path / "ends.py").write_text("raise SystemExit(4)\n")
    host = serve(PIPELINE.format(python=sys.executable, settings="heartbeat: 1s").replace("moody.py", "ends.py"))

    def readiness():
        try:
            with urllib.request.urlopen(f"{host.http}/readyz", timeout=DEADLINE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    assert readiness() == (503, "moody model: ready\nmoody moody: The program does not run\n")
    (tmp_path / "ends.py").write_text(MOODY)
    wait_until(lambda: readiness() == (200, "moody model: ready\nmoody moody: ready\n"), "a process that stays")


def test_a_program_that_never_starts_well_refuses_messages_soon(serve, tmp_path):
    (tmp_path / "ends.py").write_text("raise SystemExit(4)\n")
    host = serve(PIPELINE.format(python=sys.executable, settings="heartbeat: 1s").replace("moody.py", "ends.py"))
    with host.connect() as client:
        greet(client)
        error = say(client, "hello")["error"]
        assert (error["code"], error["retryable"]) == ("stage_failed", True)


def test_a_client_that_leaves_does_not_hold_the_program(moody):
    host = moody("processes: 1, timeout: 1s, heartbeat: 10s")
    with host.connect() as client:
        greet(client)
        client.send(json.dumps({"prompt": "hang"}))
    with host.connect() as client:
        greet(client)
        assert say(client, "hello")["response"] == "hello!"


def test_a_file_that_is_read_again_gets_new_processes_and_ends_the_old(moody, tmp_path):
    host = moody("processes: 1")
    with host.connect() as client:
        greet(client)
        old = int(say(client, "pid")["response"])
        file = tmp_path / "pipeline-0.yaml"
        file.write_text(file.read_text().replace("processes: 1", "processes: 2"))
        host.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not is_alive(old), "the end of the old process")
        assert int(say(client, "pid")["response"]) != old


def test_processes_end_with_the_host(moody):
    host = moody("processes: 3")
    lines = wait_until(lambda: len(found := log_lines(host, "moody is awake")) == 3 and found, "three processes")
    pids = [int(entry["pid"]) for entry in lines]
    assert host.stop() == 0
    assert not any(is_alive(pid) for pid in pids)


def test_processes_end_with_a_host_that_is_killed(moody):
    host = moody("processes: 2", ends_well=False)
    lines = wait_until(lambda: len(found := log_lines(host, "moody is awake")) == 2 and found, "two processes")
    host.process.kill()
    for entry in lines:
        wait_until(lambda: not is_alive(int(entry["pid"])), "the end of a process")


@pytest.mark.parametrize("settings, place, message", [
    ("command: [no-such-program]", "4:22", "names the program 'no-such-program', which is not in PATH"),
    ("command: [./data.txt]", "4:22", "may not be run: try 'chmod +x ./data.txt'"),
    ("command: [./script]", "4:22", "its first line must name its interpreter"),
    ("command: [python3, missing.py]", "4:31", "names the script 'missing.py', which does not exist in the working directory"),
    ("command: [./missing]", "4:22", "names the program './missing', which does not exist in the working directory"),
    ("command: [/missing]", "4:22", "names the program '/missing', which does not exist\n"),
    ("command: []", "4:21", "names no program"),
    ("command: python3", "4:21", "must be a list of strings, not the string 'python3'"),
    ("comand: [sh]", "4:12", "unknown setting 'comand' of stage 'exec'; did you mean 'command'?"),
    ("command: [sh], reads: prompt", "4:34", "must be a list of fields, not the string 'prompt'; write [prompt]"),
    ("command: [sh], reads: [session.usrname]", "4:35", "did you mean 'session.username'?"),
    ("command: [sh], writes: [session.id]", "4:36", "'session.id' can't be changed"),
    ("command: [sh], reads: [mood]", "4:35", "needs 'mood', which no stage provides"),
    ("command: [sh], processes: 0", "4:38", "must be from 1 to 256"),
    ("command: [sh], timeout: 5", "4:36", "needs a unit: 5s"),
    ("command: [sh], memory: lots", "4:35", "must be a size"),
])
def test_check_finds_what_is_wrong_at_its_place(run, tmp_path, settings, place, message):
    (tmp_path / "data.txt").write_text("x")
    (tmp_path / "script").write_text("echo hello\n")
    (tmp_path / "script").chmod(0o755)
    (tmp_path / "p.yaml").write_text(
        f"pipeline: p\nstages:\n  - receive\n  - exec: {{{settings}}}\n  - complete\n  - respond\nresources: {{m: echo}}\n")
    result = run("check", "p.yaml")
    assert result.returncode == 1
    assert f"p.yaml:{place}: error: " in result.stderr and message in result.stderr, result.stderr
