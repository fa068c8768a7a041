"""Models in other languages: `exec` with answers in pieces, history, tokens and metadata, over real sockets."""

import contextlib
import json
import os
import re
import signal
import socket
import sys
import threading
import time
import urllib.request

import pytest

from conftest import DEADLINE, ROOT, memory, metrics, receive, receive_json, say, wait_until

PROTOCOL = (ROOT / "docs/exec.md").read_text()
EXAMPLE = ROOT / "Examples/exec-python"

# Answers as the prompt says. What it may go on with is a file that the test makes: nothing here depends on times.
MODEL = """
import json, os, pathlib, queue, sys, threading, time

lock, cancelled, works = threading.Lock(), set(), queue.Queue()

def write(number, **more):
    with lock:
        print(json.dumps({"id": number, **more}), flush=True)

def wait_for(name):
    while not pathlib.Path(name).exists():
        time.sleep(0.005)

def work(request):
    number, fields = request["id"], request["fields"]
    words = fields["prompt"].split()
    kind, rest = words[0], words[1:]
    if kind == "steps":
        # A piece, and then one more for each file.
        for name in rest:
            write(number, delta=name + " ")
            wait_for("go-" + name)
            if number in cancelled:
                write(number, error={"code": "cancelled", "message": "stopped"})
                return
    elif kind == "deaf":
        # Does not look whether anybody listens.
        for name in rest:
            write(number, delta=name + " ")
            wait_for("go-" + name)
        for late in range(100):
            write(number, delta=f"late {late} ")
    elif kind == "crash":
        write(number, delta="half ")
        write(number, delta="of it ")
        os._exit(7)
    elif kind == "hang":
        write(number, delta="half ")
        time.sleep(1000)
    elif kind == "flood":
        while True:
            write(number, delta="x" * 1000)
    elif kind == "tiny":
        while True:
            write(number, delta="x")
    elif kind == "much":
        for count in range(int(rest[0])):
            write(number, delta=f"{count:9} " + "x" * 9990)
            pathlib.Path("writing").write_text(str(count + 1))
            os.replace("writing", "written")
        for name in rest[1:]:
            wait_for("go-" + name)
    elif kind == "small":
        for count in range(int(rest[0])):
            write(number, delta=f"{count % 10000:04}")
        pathlib.Path("written").write_text("1")
    elif kind == "again":
        write(number, delta="x")
        write(number, fields={"completion": "x"})
        while True:
            write(number, delta="more")
    elif kind == "number":
        write(number, delta=7)
    elif kind == "refuse":
        write(number, delta="Well, ")
        write(number, error={"code": "rude", "message": "Too rude"})
        return
    elif kind == "whole":
        write(number, fields={"completion": "all at once", "tokens_used": 3})
        return
    elif kind == "pid":
        write(number, delta=str(os.getpid()))
    else:
        for word in words:
            write(number, delta=word + "!")
    write(number, fields={"tokens_used": len(words)})

def turns():
    while True:
        work(works.get())

for line in sys.stdin:
    request = json.loads(line)
    print(line, end="", file=sys.stderr, flush=True)
    if request.get("cancel"):
        cancelled.add(request["id"])
    elif request.get("ping"):
        write(request["id"])
    else:
        works.put(request)
        if threading.active_count() <= int(os.environ.get("WORKERS", "1")):
            threading.Thread(target=turns, daemon=True).start()
os._exit(0)
"""

PIPELINE = """
pipeline: m
resources: {{database: {{sqlite: {{path: data/stagecoach.db}}}}}}
stages:
  - receive: {{format: json}}
  - recall
  - exec: {{command: ["{python}", {program}], writes: [completion, tokens_used]{settings}}}
    label: model
  - respond: {{stream: true}}
  - persist
{host}
"""


@pytest.fixture
def model(serve, tmp_path):
    (tmp_path / "model.py").write_text(MODEL)

    def start(settings="", program="model.py", host="", **options):
        return serve(
            PIPELINE.format(python=sys.executable, program=program, settings=", " + settings if "stream:" in settings else ", stream: true" + (settings and ", " + settings),
                host=host), **options)

    return start


@contextlib.contextmanager
def conversation(host, **options):
    with host.connect(**options) as client:
        assert receive_json(client)["type"] == "session"
        yield client


def ask(client, prompt, **more):
    client.send(json.dumps({"prompt": prompt, **more}))


def answer(client):
    """The pieces of an answer, and what came after them."""
    pieces = []
    while (frame := receive_json(client))["type"] == "delta":
        pieces.append(frame["text"])
    return pieces, frame


def read_by_program(host):
    return [json.loads(entry["message"]) for entry in map(json.loads, list(host.log)) if '"protocol"' in entry["message"]]


def post(host, prompt, accept="application/json"):
    request = urllib.request.Request(
        f"{host.http}/ws", data=json.dumps({"prompt": prompt}).encode(), headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=DEADLINE) as reply:
        return reply.read().decode()


def test_a_model_in_python_streams_remembers_and_counts_tokens_in_nine_lines_and_forty(serve, tmp_path):
    lines = (EXAMPLE / "model.yaml").read_text().splitlines()
    assert len([line for line in lines if not line.startswith("#")]) == 9
    assert len((EXAMPLE / "model.py").read_text().splitlines()) <= 40
    (tmp_path / "Examples").symlink_to(ROOT / "Examples")
    (tmp_path / "data").mkdir()
    host = serve(EXAMPLE / "model.yaml")
    with conversation(host) as client:
        ask(client, "hello")
        pieces, whole = answer(client)
        assert pieces == ["You ", "say ", "'hello'."]
        assert (whole["type"], whole["response"], whole["tokens_used"]) == ("response", "You say 'hello'.", 3)
        ask(client, "bye")
        pieces, whole = answer(client)
        assert "".join(pieces) == whole["response"] == "You say 'bye', and before that you said 'hello'."
        assert whole["tokens_used"] == len(pieces) == 9
        wait_until(lambda: (tmp_path / "data/model.db").exists(), "the database")
    host.folder.joinpath("data/stagecoach.db").symlink_to(tmp_path / "data/model.db")
    rows = host.wait_for_rows(2)
    assert [(row["response"], row["tokens_used"]) for row in rows] == [
        ("You say 'hello'.", 3), ("You say 'bye', and before that you said 'hello'.", 9)]


def test_the_model_in_python_gives_signs_of_life(serve, tmp_path):
    (tmp_path / "Examples").symlink_to(ROOT / "Examples")
    (tmp_path / "data").mkdir()
    text = (EXAMPLE / "model.yaml").read_text().replace("stream: true}", "stream: true, heartbeat: 10s}", 1)
    host = serve(text)
    with conversation(host) as client:
        ask(client, "hello")
        assert answer(client)[1]["response"] == "You say 'hello'."
    assert not any("it starts again" in line for line in host.log)


def test_pieces_arrive_while_the_rest_is_still_to_come(model, tmp_path):
    host = model()
    with conversation(host) as client:
        ask(client, "steps one two three", id="c-1")
        for name in ("one", "two", "three"):
            frame = receive_json(client)
            assert (frame["type"], frame["id"], frame["text"]) == ("delta", "c-1", name + " ")
            (tmp_path / f"go-{name}").touch()
        frame = receive_json(client)
        assert (frame["type"], frame["response"], frame["tokens_used"]) == ("response", "one two three ", 4)
    (row,) = host.wait_for_rows(1)
    assert (row["response"], row["tokens_used"]) == ("one two three ", 4)
    assert 'stagecoach_model_tokens_total{pipeline="m",stage="model"' in metrics(host)


def test_a_cancelled_answer_ends_at_once_and_the_program_hears_it(model, tmp_path):
    host = model("processes: 1")
    with conversation(host) as client:
        ask(client, "pid")
        pid = answer(client)[1]["response"]
        ask(client, "steps one two", id="c-1")
        assert receive_json(client)["text"] == "one "
        client.send(json.dumps({"type": "cancel", "id": "c-1"}))
        error = receive_json(client)
        assert (error["type"], error["id"], error["error"]["code"]) == ("error", "c-1", "cancelled")
        lines = wait_until(lambda: [line for line in read_by_program(host) if "cancel" in line], "the line")
        (message,) = [line for line in read_by_program(host) if line.get("fields", {}).get("prompt") == "steps one two"]
        assert lines == [{"protocol": 2, "id": message["id"], "cancel": True}]
        (tmp_path / "go-one").touch()
        ask(client, "a b")
        assert answer(client)[1]["response"] == "a!b!"
        ask(client, "pid")
        assert answer(client)[1]["response"] == pid
    rows = host.wait_for_rows(4)
    (part,) = [row for row in rows if row["prompt"] == "steps one two"]
    assert part["response"] == "one " and json.loads(part["metadata"])["partial"] is True
    assert len([line for line in read_by_program(host) if "cancel" in line]) == 1


@pytest.mark.parametrize("how", ["cancel", "leave"])
def test_pieces_for_a_message_that_nobody_waits_for_reach_nobody(model, tmp_path, how):
    host = model("processes: 1")
    with conversation(host) as client:
        ask(client, "deaf one", id="c-1")
        assert receive_json(client)["text"] == "one "
        if how == "cancel":
            client.send(json.dumps({"type": "cancel", "id": "c-1"}))
            assert receive_json(client)["error"]["code"] == "cancelled"
    wait_until(lambda: [line for line in read_by_program(host) if "cancel" in line], "the line for the program")
    with conversation(host) as client:
        ask(client, "a b", id="c-2")
        (tmp_path / "go-one").touch()
        pieces, whole = answer(client)
        assert (pieces, whole["response"], whole["id"]) == (["a!", "b!"], "a!b!", "c-2")
    assert not [entry for entry in map(json.loads, list(host.log)) if entry["level"] in ("warning", "error")]


def test_a_crash_in_the_middle_of_an_answer_ends_that_message(model):
    host = model("processes: 1")
    with conversation(host) as client:
        ask(client, "crash", id="c-1")
        pieces, error = answer(client)
        assert pieces == ["half ", "of it "]
        assert (error["type"], error["id"], error["error"]["code"]) == ("error", "c-1", "stage_failed")
        ask(client, "a b")
        assert answer(client)[1]["response"] == "a!b!"
    part, whole = host.wait_for_rows(2)
    assert part["response"] == "half of it " and json.loads(part["metadata"])["partial"] is True
    assert whole["response"] == "a!b!" and part["tokens_used"] is None
    assert "exit code 7" in host.entries("stage_failed")[0]["detail"]


def test_a_crash_is_not_repeated_for_who_has_heard_something_but_for_who_has_not(model, tmp_path):
    """`retry` begins no answer twice. Who takes answers whole has heard nothing: there it may."""
    host = model("processes: 1")
    file = tmp_path / "pipeline-0.yaml"
    file.write_text(file.read_text().replace("label: model", "label: model\n    retry: {attempts: 2, backoff: 10ms}"))
    host.process.send_signal(signal.SIGHUP)
    wait_until(lambda: any("Reloaded" in line for line in host.log), "the changed file")

    def crashes():
        return len([line for line in read_by_program(host) if line.get("fields", {}).get("prompt") == "crash"])

    with conversation(host) as client:
        ask(client, "crash")
        assert answer(client)[0] == ["half ", "of it "]
    wait_until(lambda: crashes() == 1, "one call")
    with host.connect("format=text") as client:
        client.send("crash")
        assert receive(client) == "The message could not be processed"
    assert wait_until(lambda: crashes() == 3, "two more")


def test_a_process_that_hangs_in_the_middle_of_an_answer_is_killed(model):
    host = model("processes: 1, timeout: 700ms")
    with conversation(host) as client:
        ask(client, "a")
        assert answer(client)[1]["response"] == "a!"
        ask(client, "hang")
        pieces, error = answer(client)
        assert pieces == ["half "] and error["error"]["code"] == "timeout"
        ask(client, "a b")
        assert answer(client)[1]["response"] == "a!b!"


@pytest.mark.parametrize("prompt, bound", [("flood", 64), ("tiny", 4)])
def test_a_process_that_writes_without_bound_is_stopped(model, prompt, bound):
    host = model(f"processes: 1, max_line: {bound}KiB")
    with conversation(host) as client:
        ask(client, "a")
        answer(client)
        before = memory(host)
        for _ in range(2):
            ask(client, prompt)
            pieces, error = answer(client)
            assert error["error"]["code"] == "stage_failed"
            assert 0 < sum(map(len, pieces)) <= bound << 10
        ask(client, "a b")
        assert answer(client)[1]["response"] == "a!b!"
        assert memory(host) - before < 32 << 20
    assert all("longer than 'max_line'" in entry["detail"] for entry in host.entries("stage_failed"))


def test_a_process_that_goes_on_about_what_is_over_is_stopped(model):
    host = model("processes: 1")
    with conversation(host) as client:
        ask(client, "pid")
        pid = answer(client)[1]["response"]
        ask(client, "again")
        assert answer(client)[1]["response"] == "x"
        wait_until(lambda: any("keeps answering lines" in line for line in host.log), "its end")
        ask(client, "pid")
        assert answer(client)[1]["response"] != pid
    assert len([line for line in host.log if "answered a line twice" in line]) <= 3


def slow_client(host):
    """A connection that takes next to nothing by itself: what is not read here waits at the host."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect(("127.0.0.1", host.port))
    return host.connect(sock=plain, max_queue=1, max_size=None, compression=None)


def written(folder):
    try:
        return int((folder / "written").read_text())
    except FileNotFoundError:
        return 0


def test_a_client_that_reads_slowly_slows_its_program_and_no_memory_grows(model, tmp_path):
    host = model("processes: 1, max_line: 256MiB")
    with slow_client(host) as client:
        assert receive_json(client)["type"] == "session"
        before = memory(host)
        # 10 MB are to be written; the program stops where the client does. The whole response, which is more than may
        # wait for a client, comes when all pieces have been read.
        ask(client, "much 1000 end")
        counts = []

        def stands_still():
            counts.append(written(tmp_path))
            return len(counts) > 20 and counts[-1] > 0 and len(set(counts[-20:])) == 1

        wait_until(stands_still, "the program to stop", pause=0.05)
        assert counts[-1] < 700
        assert memory(host) - before < 8 << 20
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        pieces = [receive_json(client)["text"] for _ in range(1000)]
        assert [int(piece[:9]) for piece in pieces] == list(range(1000)) and written(tmp_path) == 1000
        (tmp_path / "go-end").touch()


def test_a_client_that_reads_nothing_holds_a_process_no_longer_than_it_is_kept(model, tmp_path):
    """A slow client is no fault of the program's: it is told that nobody listens, not killed, and works for the next."""
    host = model("processes: 1, max_line: 256MiB, timeout: 2s", host="host: {limits: {write: 3s}}")
    with slow_client(host) as client, conversation(host) as other:
        assert receive_json(client)["type"] == "session"
        ask(client, "much 300")
        wait_until(lambda: written(tmp_path) > 0, "the first piece")
        pid = None
        while pid is None:
            ask(other, "pid")
            frame = answer(other)[1]
            if frame["type"] == "response":
                pid = frame["response"]
            else:
                assert frame["error"]["code"] == "busy"
    assert not any("was killed" in line or "ended with" in line for line in host.log)
    assert written(tmp_path) == 300


@pytest.mark.parametrize("settings, workers", [("processes: 2", "1"), ("processes: 1, concurrency: 2", "2")])
def test_two_messages_at_once_each_get_their_own_pieces(model, tmp_path, settings, workers):
    host = model(f"{settings}, environment: {{WORKERS: '{workers}'}}")
    with conversation(host) as one, conversation(host) as two:
        ask(one, "steps a b c", id="1")
        assert receive_json(one)["text"] == "a "
        ask(two, "steps d e f", id="2")
        assert receive_json(two)["text"] == "d "
        for first, second in (("a", "d"), ("b", "e"), ("c", "f")):
            (tmp_path / f"go-{second}").touch()
            frame = receive_json(two)
            (tmp_path / f"go-{first}").touch()
            other = receive_json(one)
        assert (other["response"], frame["response"]) == ("a b c ", "d e f ")


def test_a_slow_client_does_not_hold_up_another_message_of_the_same_process(model, tmp_path):
    host = model("processes: 1, concurrency: 2, max_line: 4MiB, environment: {WORKERS: '2'}")
    with slow_client(host) as slow, conversation(host) as client:
        assert receive_json(slow)["type"] == "session"
        ask(slow, "much 90")
        wait_until(lambda: written(tmp_path) > 0, "the first piece")
        ask(client, "a b")
        assert answer(client)[1]["response"] == "a!b!"
        pieces, whole = answer(slow)
        assert whole["type"] == "response" and len(pieces) == 90


def test_small_pieces_for_a_client_that_reads_nothing_hold_up_no_other_message(model, tmp_path):
    """200 KiB are within 'max_line', in however many pieces: what a piece takes besides its text does not count."""
    host = model("processes: 1, concurrency: 2, max_line: 256KiB, environment: {WORKERS: '2'}")
    with slow_client(host) as slow, conversation(host) as client:
        assert receive_json(slow)["type"] == "session"
        ask(slow, "small 51200")
        wait_until(lambda: written(tmp_path), "all pieces to be written")
        ask(client, "a b")
        assert answer(client)[1]["response"] == "a!b!"
        pieces, whole = answer(slow)
        assert "".join(pieces) == whole["response"] == "".join(f"{count % 10000:04}" for count in range(51200))


def test_who_takes_answers_whole_gets_them_whole(model):
    host = model()
    with host.connect("format=text") as client:
        client.send("a b c")
        assert receive(client) == "a!b!c!"
    body = json.loads(post(host, "a b"))
    assert (body["response"], body["tokens_used"]) == ("a!b!", 2)
    events = [json.loads(line[6:]) for line in post(host, "a b", "text/event-stream").splitlines()
              if line.startswith("data: ")]
    assert [event["text"] for event in events if event["type"] == "delta"] == ["a!", "b!"]
    asked = [line for line in read_by_program(host) if "fields" in line]
    assert [line.get("stream") for line in asked] == [None, None, True]
    assert {line["protocol"] for line in asked} == {2}


def test_a_program_may_answer_whole_or_refuse_after_a_piece(model):
    host = model()
    with conversation(host) as client:
        ask(client, "whole")
        pieces, frame = answer(client)
        assert (pieces, frame["response"], frame["tokens_used"]) == ([], "all at once", 3)
        ask(client, "refuse")
        pieces, frame = answer(client)
        assert pieces == ["Well, "] and (frame["error"]["code"], frame["error"]["message"]) == ("rude", "Too rude")
        ask(client, "number")
        assert answer(client)[1]["error"]["code"] == "stage_failed"
    wait_until(lambda: host.entries("stage_failed"), "the entry")
    assert "its 'delta' is not a string" in host.entries("stage_failed")[0]["detail"]


def test_a_program_of_the_first_version_is_spoken_to_in_the_first(model, tmp_path):
    """Whatever it gets beside its message would be new to it."""
    (tmp_path / "old.py").write_text(
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    print(line, end='', file=sys.stderr, flush=True)\n"
        "    request = json.loads(line)\n"
        "    assert request['protocol'] == 1 and set(request) == {'protocol', 'id', 'settings', 'fields'}\n"
        "    if request['fields']['prompt'] == 'piece': print(json.dumps({'id': request['id'], 'delta': 'x'}), flush=True)\n"
        "    else: print(json.dumps({'id': request['id'], 'fields': {'completion': 'whole', 'tokens_used': 1}}), flush=True)\n")
    host = model("stream: false", program="old.py")
    with conversation(host) as client:
        ask(client, "hello")
        assert answer(client)[1]["response"] == "whole"
        ask(client, "piece")
        assert answer(client)[1]["error"]["code"] == "stage_failed"
    wait_until(lambda: host.entries("stage_failed"), "the entry")
    assert "pieces need 'stream: true'" in host.entries("stage_failed")[0]["detail"]


def fields_of(serve, tmp_path, stages, answers, prompts=("hello",), resources="model: echo"):
    """Has a program answer each prompt with fields, and returns the frames and what the program read."""
    (tmp_path / "fields.py").write_text(
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    print(line, end='', file=sys.stderr, flush=True)\n"
        "    request = json.loads(line)\n"
        f"    fields = {answers!r}\n"
        "    print(json.dumps({'id': request['id'], 'fields': fields}), flush=True)\n")
    host = serve(
        f"pipeline: p\nresources:\n  {resources}\n  database: {{sqlite: {{path: data/stagecoach.db}}}}\nstages:\n"
        "  - receive: {format: json}\n" + stages.replace("PROGRAM", f'["{sys.executable}", fields.py]'))
    with conversation(host) as client:
        frames = [say(client, prompt, metadata={"theirs": 1}) for prompt in prompts]
    return host, frames, [line["fields"] for line in read_by_program(host)]


def test_history_tokens_and_metadata_work(serve, tmp_path):
    host, frames, read = fields_of(
        serve, tmp_path,
        "  - recall\n"
        "  - exec: {command: PROGRAM, reads: [prompt, history], "
        "writes: [completion, tokens_used, finish_reason, metadata.mood, metadata.sources]}\n"
        "  - persist\n"
        "  - transform: {completion: '{{completion}} {{metadata.mood}} {{tokens_used}} {{finish_reason}}'}\n"
        "    when: {metadata.mood: {equals: calm}, tokens_used: {equals: 12}}\n"
        "  - respond\n",
        {"completion": "four", "tokens_used": 12, "finish_reason": "length", "metadata.mood": "calm",
         "metadata.sources": [1, {"page": 2}]},
        prompts=("2 + 2", "and 3?"))
    assert [(frame["response"], frame["tokens_used"], frame["finish_reason"]) for frame in frames] == [
        ("four calm 12 length", 12, "length")] * 2
    assert read == [
        {"prompt": "2 + 2", "history": []},
        {"prompt": "and 3?", "history": [{"role": "user", "content": "2 + 2"}, {"role": "assistant", "content": "four"}]}]
    rows = host.wait_for_rows(2)
    assert [row["tokens_used"] for row in rows] == [12, 12]
    assert [json.loads(row["metadata"]) for row in rows] == [{"mood": "calm", "sources": [1, {"page": 2}]}] * 2


def test_a_program_behind_a_model_sees_its_tokens_and_keeps_its_response(serve, tmp_path):
    host, frames, read = fields_of(
        serve, tmp_path,
        "  - complete\n"
        "  - exec: {command: PROGRAM, reads: [completion, tokens_used], writes: [completion, tokens_used, metadata.x]}\n"
        "  - persist: {client_metadata: true}\n  - respond\n",
        {"completion": "mine", "tokens_used": 99, "metadata.x": True})
    assert read == [{"completion": "hello", "tokens_used": read[0]["tokens_used"]}] and read[0]["tokens_used"] > 0
    (row,) = host.wait_for_rows(1)
    metadata = json.loads(row["metadata"])
    assert (frames[0]["tokens_used"], row["tokens_used"], row["response"]) == (99, 99, "mine")
    assert metadata["usage"] and metadata["client"] == {"theirs": 1, "x": True}


def test_a_program_can_recall_for_a_model(serve, tmp_path, ai):
    turns = [{"role": "user", "content": "my name is Ann"}, {"role": "assistant", "content": "hello Ann"}]
    fields_of(
        serve, tmp_path, "  - exec: {command: PROGRAM, writes: [history]}\n  - complete\n  - respond\n", {"history": turns},
        resources=f"model: {{openai: {{url: '{ai.url}', key: k}}}}")
    assert [(turn["role"], turn["content"]) for turn in ai.calls[0]["body"]["messages"]] == [
        ("user", "my name is Ann"), ("assistant", "hello Ann"), ("user", "hello")]


@pytest.mark.parametrize("answers, detail", [
    ({"completion": "x", "tokens_used": "7"}, "'tokens_used' to something that is not a whole number"),
    ({"completion": "x", "tokens_used": -1}, "not a whole number"),
    ({"completion": "x", "tokens_used": 1.5}, "not a whole number"),
    ({"completion": "x", "finish_reason": 7}, "'finish_reason' to something that is not a string"),
    ({"completion": "x", "history": [{"role": "robot", "content": "x"}]}, "'history' to something with an element that is not"),
    ({"completion": "x", "history": "x"}, "not a list"),
    ({"tokens_used": 7}, "did not set the field 'completion'"),
    ({"completion": "x", "metadata.other": 7}, "'metadata.other', which 'writes' doesn't name"),
])
def test_values_of_a_wrong_type_are_refused(serve, tmp_path, answers, detail):
    host, frames, _ = fields_of(
        serve, tmp_path,
        "  - exec: {command: PROGRAM, writes: [completion, tokens_used, finish_reason, history, metadata.x]}\n  - respond\n", answers)
    assert frames[0]["error"]["code"] == "stage_failed"
    assert detail in wait_until(lambda: host.entries("stage_failed"), "the entry")[0]["detail"]


def test_tokens_and_metadata_that_a_program_does_not_know_may_be_left_out(serve, tmp_path):
    host, frames, _ = fields_of(
        serve, tmp_path, "  - exec: {command: PROGRAM, writes: [completion, tokens_used, finish_reason, metadata.x]}\n  - persist\n  - respond\n",
        {"completion": "x", "tokens_used": None})
    assert frames[0]["tokens_used"] is None and "finish_reason" not in frames[0]
    assert host.wait_for_rows(1)[0]["metadata"] is None


def test_a_budget_counts_the_tokens_of_a_program(serve, tmp_path):
    _, frames, _ = fields_of(
        serve, tmp_path, "  - limit: {tokens: 20}\n  - exec: {command: PROGRAM, writes: [completion, tokens_used]}\n  - persist\n  - respond\n",
        {"completion": "x", "tokens_used": 15}, prompts=("one", "two", "three"))
    assert [frame.get("error", {}).get("code") for frame in frames] == [None, None, "budget_spent"] or \
        [frame.get("error", {}).get("code") for frame in frames] == [None, "budget_spent", "budget_spent"]


def test_the_lines_of_the_second_version_are_those_that_are_written_down(model, tmp_path):
    section = PROTOCOL.split("## Version 2")[1].split("\n## ")[0]
    request, piece, last, end, cancel = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL))
    (tmp_path / "page.py").write_text(
        "import sys, json\n"
        "for line in sys.stdin:\n"
        "    print(line, end='', file=sys.stderr, flush=True)\n"
        "    request = json.loads(line)\n"
        "    if 'cancel' in request: continue\n"
        f"    for line in [{piece!r}, {last!r}, {end!r}][:None if request['fields']['prompt'] == {request['fields']['prompt']!r} else 1]:\n"
        "        print(json.dumps(line | {'id': request['id']}), flush=True)\n")
    host = model(f"reads: [prompt, history], settings: {json.dumps(request['settings'])}, processes: 1", program="page.py")
    with conversation(host) as client:
        ask(client, request["fields"]["prompt"], id="1")
        pieces, frame = answer(client)
        assert pieces == [piece["delta"], last["delta"]] and frame["response"] == "".join(pieces)
        assert frame["tokens_used"] == end["fields"]["tokens_used"]
        ask(client, "x", id="2")
        receive_json(client)
        client.send(json.dumps({"type": "cancel", "id": "2"}))
        assert receive_json(client)["error"]["code"] == "cancelled"
        lines = wait_until(lambda: len(lines := read_by_program(host)) == 3 and lines, "the lines")
    assert {**lines[0], "id": request["id"]} == {**request, "fields": {**request["fields"], "history": []}}
    assert {**lines[2], "id": cancel["id"]} == cancel and lines[1]["id"] == lines[2]["id"]


@pytest.mark.parametrize("settings, place, message", [
    ("stream: true", "4:5", "'stream: true' is for pieces of an answer, and 'writes' doesn't name 'completion'"),
    ("writes: [tokens_used]", "4:5", "needs 'completion', which 'complete' provides later"),
    ("reads: [tokens_used]", "4:5", "needs 'completion', which 'complete' provides later"),
    ("reads: [history]", "4:5", "needs 'history', which no stage above provides; put 'recall' above it"),
    ("writes: [metadata]", "4:37", "must say which value of 'metadata', as in metadata.topic"),
    ("reads: [metadata]", "4:36", "must say which value of 'metadata', as in metadata.topic"),
    ("writes: [session.username]", "4:37", "'session.username' can't be changed"),
])
def test_check_finds_what_would_do_nothing(run, tmp_path, settings, place, message):
    (tmp_path / "p.yaml").write_text(
        f"pipeline: p\nstages:\n  - receive\n  - exec: {{command: [cat], {settings}}}\n  - complete\n  - respond\nresources: {{m: echo}}\n")
    result = run("check", "p.yaml")
    assert result.returncode == 1
    assert f"p.yaml:{place}: error: " in result.stderr and message in result.stderr, result.stderr


def test_check_says_what_keeps_the_pieces_of_a_program_back(run, tmp_path):
    (tmp_path / "p.yaml").write_text(
        "pipeline: p\nstages:\n  - receive: {format: json}\n  - exec: {command: [cat], writes: [completion], stream: true}\n"
        "  - transform: {completion: 'x {{completion}}'}\n  - respond: {stream: true}\n")
    assert "streaming is off: 'transform' (line 5) needs the whole answer" in run("check", "p.yaml").stderr


def test_other_stages_set_and_see_tokens_too(serve, tmp_path):
    """What a program may write, `transform` and `http` may, and every template and condition sees it."""
    host = serve(
        "pipeline: p\nresources: {model: echo}\nstages:\n  - receive: {format: json}\n"
        "  - transform: {tokens_used: '{{metadata.cost}}', finish_reason: stop, completion: '{{prompt}}!'}\n"
        "  - transform: {completion: '{{completion}} ({{tokens_used}} tokens, {{finish_reason}})'}\n    when: {tokens_used: {present: true}}\n"
        "  - respond\n")
    with conversation(host) as client:
        frame = say(client, "hi", metadata={"cost": 5})
        assert (frame["response"], frame["tokens_used"], frame["finish_reason"]) == ("hi! (5 tokens, stop)", 5, "stop")
        frame = say(client, "hi", metadata={"cost": "much"})
        assert (frame["response"], frame["tokens_used"]) == ("hi!", None)
