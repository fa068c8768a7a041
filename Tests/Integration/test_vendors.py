"""Answers, streams and errors as vendors send them (Tests/Vendors), from outside."""

import json
import os
import re
import urllib.error
import urllib.request

import pytest

from conftest import Host, ROOT, receive_json, wait_until
from listener import Listener

FOLDER = ROOT / "Tests/Vendors"
KEY = "sk-canary-1234567890"
FLOW = """
pipeline: NAME
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: "${OPENAI_API_KEY}"}}
  spare: {echo: {}}
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive: {path: /NAME, format: json}
  - complete: {resource: model, stream: STREAM, timeout: 20sFALLBACK}
  - persist: {}
    async: true
  - respond: {stream: STREAM}
"""


class Case:
    """One case of a file, or of another list of the same kind."""

    def __init__(self, vendor, name, stream, status, content_type, body, expect):
        self.vendor, self.name, self.stream, self.status = vendor, name, stream, status
        self.content_type, self.body, self.expect = content_type, body, expect

    @classmethod
    def of_file(cls, file):
        for text in file.read_text().split("\n=== ")[1:]:
            head, http, body = text.split("\n\n", 2)
            name, *lines = head.split("\n")
            settings = dict(line.split(": ", 1) for line in lines)
            body = body if body.endswith("\n") else body + "\n"
            body = body[:-1] if settings.get("trimmed") == "true" else body
            body = body.encode()
            if settings.get("escapes") == "true":
                body = re.sub(rb"\\x(..)", lambda match: bytes([int(match[1], 16)]), body)
            status, content_type = re.fullmatch(r"HTTP/1.1 (\d+)\nContent-Type: (.*)", http).groups()
            yield cls(file.stem, name, settings["stream"] == "true", int(status), content_type, body,
                      json.loads(settings["expect"]))


CASES = [case for file in sorted(FOLDER.glob("*.txt")) for case in Case.of_file(file)]


class Vendor(Listener):
    """Answers each call with the case whose number is the prompt, as that API would."""

    def __init__(self, cases):
        self.cases = cases
        self.calls = []
        super().__init__()
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def _serve(self, connection):
        with connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                headers = {}
                while field := stream.readline().decode().strip():
                    name, _, value = field.partition(":")
                    headers[name.lower()] = value.strip()
                body = stream.read(int(headers.get("content-length", 0)))
                self.calls.append({"line": line.decode().strip(), "headers": headers, "body": body.decode()})
                case = self.cases[int(json.loads(body)["messages"][-1]["content"])]
                head = (f"HTTP/1.1 {case.status} X\r\nContent-Type: {case.content_type}\r\n"
                        f"Content-Length: {len(case.body)}\r\n\r\n").encode()
                try:
                    connection.sendall(head + case.body)
                except OSError:
                    return


class Vendors:
    """A host whose model is the vendor of whichever case is asked for."""

    def __init__(self, folder, cases, database=None, program="STAGECOACH"):
        self.vendor = Vendor(cases)
        self.cases = cases
        files = []
        for name in ("whole", "streamed", "whole-spare", "streamed-spare"):
            text = FLOW.replace("NAME", name).replace("STREAM", str(name.startswith("streamed")).lower())
            text = text.replace("FALLBACK", ", fallback: [spare]" if name.endswith("spare") else "")
            if database:
                text = text.replace("sqlite: {path: data/stagecoach.db}", f"postgres: {{url: '{database}', create: true}}")
            file = folder / f"{name}.yaml"
            file.write_text(text)
            files.append(file)
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "OPENAI_BASE_URL": self.vendor.url, "OPENAI_API_KEY": KEY}
        self.host = Host(folder, files, environment, [], program)

    def stop(self):
        self.host.stop()
        self.vendor.stop()

    def ask(self, number, spare=False):
        path = ("streamed" if self.cases[number].stream else "whole") + ("-spare" if spare else "")
        with self.host.connect("format=json", path="/" + path) as connection:
            self.session = receive_json(connection)["session_id"]
            connection.send(json.dumps({"prompt": str(number)}))
            frames = [receive_json(connection)]
            while frames[-1]["type"] == "delta":
                frames.append(receive_json(connection))
        return frames


def check(vendors, number):
    """What a case gives: its frames and the log's entry."""
    case, host = vendors.cases[number], vendors.host
    expect = case.expect
    *deltas, last = vendors.ask(number)
    text = "".join(delta["text"] for delta in deltas)
    if "error" in expect:
        assert (last["type"], last.get("error", {}).get("code")) == ("error", expect["error"]), last
        assert text == expect.get("deltas", "")
        entry, = wait_until(lambda: [entry for entry in map(json.loads, list(host.log))
                                     if entry.get("code") == expect["error"] and entry.get("session_id") == vendors.session],
                            "the log's entry")
        assert expect.get("log", "") in entry["detail"] != "", entry
    else:
        assert last["type"] == "response", (last, host.log[-3:])
        assert last["response"] == expect["text"]
        assert text == (expect.get("deltas", expect["text"]) if case.stream else "")
        for key, name in (("tokens", "tokens_used"), ("finish_reason", "finish_reason")):
            assert key not in expect or last[name] == expect[key], last
    assert expect.get("never", "\0") not in json.dumps([*deltas, last])
    return text, last


@pytest.fixture(scope="module")
def vendors(tmp_path_factory):
    started = Vendors(tmp_path_factory.mktemp("vendors"), CASES)
    yield started
    started.stop()


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{case.vendor}: {case.name}" for case in CASES])
def test_what_a_vendor_sends_is_what_its_file_says(vendors, number):
    text, last = check(vendors, number)
    expect = CASES[number].expect

    def rows():
        return [row for row in vendors.host.rows() if row["prompt"] == str(number)]

    if "text" in expect:
        row = wait_until(rows, "the row")[0]
        stored = json.loads(row["metadata"])
        assert row["response"] == expect["text"] and isinstance(stored, dict)
        assert {key: stored[key] for key in expect.get("stored", {})} == expect.get("stored", {})
        json.dumps(stored, ensure_ascii=False).encode()
    elif expect.get("partial"):
        row = wait_until(rows, "the row")[0]
        assert row["response"] == text and json.loads(row["metadata"])["partial"] is True
    else:
        assert rows() == []
    if "fallback" in expect:
        answer = vendors.ask(number, spare=True)[-1]
        assert answer["type"] == ("response" if expect["fallback"] else "error"), answer


def test_postgresql_takes_the_row_of_every_answer(tmp_path, postgres):
    answers = [case for case in CASES if "text" in case.expect]
    started = Vendors(tmp_path, answers, postgres.url())
    try:
        for number, case in enumerate(answers):
            assert started.ask(number)[-1]["response"] == case.expect["text"]
        wait_until(lambda: postgres.count() == len(answers), "the rows")
        assert {row["prompt"]: row["response"] for row in postgres.rows()} == {
            str(number): case.expect["text"] for number, case in enumerate(answers)}
    finally:
        started.stop()


THINKING = """
pipeline: flow
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: "${OPENAI_API_KEY}"}}
stages:
  - receive: {format: json}
  - complete: {stream: true, first_token: 300ms, timeout: 20s}
  - respond: {stream: true}
"""


def test_a_model_that_thinks_has_begun(serve, ai):
    """Nothing of it leaves before the answer, but `first_token` is kept."""
    host = serve(THINKING, env={"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": KEY})
    ai.script = ["stream_thinking"]
    with host.connect() as connection:
        receive_json(connection)
        connection.send(json.dumps({"prompt": "one two"}))
        with pytest.raises(TimeoutError):
            connection.recv(timeout=1)
        ai.released.release()
        frames = [receive_json(connection) for _ in range(3)]
    assert [frame.get("text") for frame in frames] == ["one ", "two", None] and frames[-1]["response"] == "one two"
    assert "hm" not in json.dumps(frames)


@pytest.mark.parametrize("form", ["page", "list", "words", "stream"])
def test_a_reason_of_any_form_holds_no_secret(tmp_path, form):
    said = f"you sent Bearer {KEY}, which is {KEY}"
    body = {"page": f"<p>{said}</p>", "list": json.dumps([{"errors": [{"msg": said}]}]), "words": said,
            "stream": f"event: error\ndata: {said}\n\n"}[form]
    is_stream = form == "stream"
    case = Case("nobody", form, is_stream, 200 if is_stream else 500, "text/plain", body.encode(), {
        "error": "model_unavailable", "log": "you sent Bearer <secret>, which is <secret>"})
    started = Vendors(tmp_path, [case])
    try:
        check(started, 0)
    finally:
        started.stop()
    assert KEY not in "".join(started.host.log)


@pytest.mark.parametrize("prompt", ["pr1v4te", 'a pr1v4te "matter" \nof é some length', "pr1v4te " * 2_000])
@pytest.mark.parametrize("form", ["msg", "detail", "page", "event", "beginning"])
def test_a_reason_repeats_nothing_that_was_said(serve, form, prompt):
    """FastAPI has the whole request in its refusals, as the input that is wrong."""
    class Gossip(Vendor):
        def _serve(self, connection):
            with connection:
                body = connection.recv(1 << 16).split(b"\r\n\r\n", 1)[1]
                while body.count(b"{") > body.count(b"}") or not body:
                    body += connection.recv(1 << 16)
                said = json.loads(body)["messages"][-1]["content"]
                text = {"msg": json.dumps([{"msg": f"Input {said!r} is wrong", "input": said}]),
                        "detail": json.dumps({"detail": f"wrong: {said}"}), "page": f"<p>wrong: {said}</p>",
                        "event": "event: error\ndata: " + json.dumps({"wrong": said}) + "\n\n",
                        "beginning": json.dumps({"message": f"wrong: {said[:100]}..."})}[form].encode()
                status = "200 OK" if form == "event" else "422 No"
                connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)

    vendor = Gossip([])
    host = serve(THINKING, env={"OPENAI_BASE_URL": vendor.url, "OPENAI_API_KEY": KEY})
    with host.connect() as connection:
        receive_json(connection)
        connection.send(json.dumps({"prompt": prompt}))
        assert receive_json(connection)["type"] == "error"
    entry, = wait_until(lambda: [entry for entry in map(json.loads, host.log) if entry.get("stage") == "complete"], "the entry")
    assert "<said>" in entry["detail"] and "pr1v4te" not in "".join(host.log) and "some length" not in "".join(host.log), entry
    vendor.stop()


@pytest.mark.parametrize("named", [False, True])
def test_a_filtered_answer_is_asked_of_another_only_where_the_file_says_so(serve, named):
    vendor = Vendor([case for case in CASES if case.name == "an answer that was filtered to nothing"])
    text = FLOW.replace("NAME", "flow").replace("STREAM", "false").replace("persist: {}\n    async: true", "log")
    text = text.replace("FALLBACK", ", fallback: [spare]" + (", fallback_on: [model_filtered]" if named else ""))
    host = serve(text, env={"OPENAI_BASE_URL": vendor.url, "OPENAI_API_KEY": KEY})
    request = urllib.request.Request(f"{host.http}/flow", data=b'{"prompt": "0"}')
    try:
        with urllib.request.urlopen(request) as answer:
            assert named and json.loads(answer.read())["response"] == "0"
    except urllib.error.HTTPError as refused:
        error = json.loads(refused.read())["error"]
        assert not named and refused.code == 502 and error["code"] == "model_filtered" and not error["retryable"]
    vendor.stop()


def test_a_connection_that_breaks_behind_the_last_word_takes_nothing_away(serve):
    events = b"".join(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n" for choice in (
        {"delta": {"content": "Hello"}}, {"delta": {}, "finish_reason": "stop"}))
    whole = Case("nobody", "cut", True, 200, "text/event-stream", events, {"text": "Hello"})

    class Cut(Vendor):
        def _serve(self, connection):
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + events)

    vendor = Cut([whole])
    host = serve(THINKING, env={"OPENAI_BASE_URL": vendor.url, "OPENAI_API_KEY": KEY})
    with host.connect() as connection:
        receive_json(connection)
        connection.send(json.dumps({"prompt": "0"}))
        delta, answer = receive_json(connection), receive_json(connection)
    assert (delta["text"], answer["response"], answer["finish_reason"]) == ("Hello", "Hello", "stop"), host.log
    vendor.stop()


def test_an_answer_that_is_remembered_by_its_row_says_how_it_ended(serve, ai):
    text = THINKING.replace("format: json", "format: json, remember: stored").replace("stream: true, first_token: 300ms, ", "")
    text = text.replace("respond: {stream: true}", "persist\n  - respond").replace(
        "stages:", "  database: {sqlite: {path: data/stagecoach.db}}\nstages:")
    session = "9f3c1d52-7c0e-4c62-9d6d-0a1f6d3f5a11"
    answers = []
    for _ in range(2):
        host = serve(text, env={"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": KEY})
        request = urllib.request.Request(f"{host.http}/ws?session={session}", data=b'{"prompt": "x", "id": "c-1"}')
        with urllib.request.urlopen(request) as answer:
            answers.append(json.loads(answer.read()))
        host.stop()
    assert len(ai.calls) == 1 and [answer["finish_reason"] for answer in answers] == ["stop", "stop"]
