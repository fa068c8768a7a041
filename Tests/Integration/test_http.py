"""The stage `http`, against an API on loopback that says what the test tells it to."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import DEADLINE, receive_json, wait_until

CANARY = "sk-canary-5f3a9c"


class API:
    """Notes each call; answers with what `script` has for it, else with a fixed object."""

    def __init__(self):
        self.calls = []
        self.script = []
        self.arrived = threading.Semaphore(0)
        self.gate = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                api.calls.append({"method": self.command, "path": self.path, "body": body,
                                  "headers": {name.lower(): value for name, value in self.headers.items()}})
                status, headers, text = api.script.pop(0) if api.script else (200, {}, json.dumps(
                    {"labels": [{"name": "weather", "score": 0.75}], "answer": "It rains."}))
                api.arrived.release()
                if status == 0:
                    api.gate.wait(DEADLINE)
                    status = 200
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def api():
    server = API()
    yield server
    server.stop()


@pytest.fixture
def ask(serve, api):
    """Serves an `http` entry before `respond`; returns what a client hears, and the host."""

    def start(entry, prompt="What is it like?", after="", metadata=None):
        text = ("pipeline: t\nresources: {m: echo}\nstages:\n  - receive\n  - complete\n"
                + entry.replace("API", api.url) + after + "  - respond\n")
        host = serve(text, env={"KEY": CANARY})
        with host.connect("format=json&username=ada") as client:
            receive_json(client)
            client.send(json.dumps({"prompt": prompt, "metadata": metadata or {}}))
            frame = receive_json(client)
        assert CANARY not in "".join(host.log)
        return frame.get("response") or frame["error"], host

    return start


def test_fields_go_into_the_call_and_parts_of_the_answer_into_fields(ask, api):
    answer, _ = ask("""  - http:
      url: "API/tags?text={{prompt}}&n=1"
      method: PUT
      headers: {Authorization: "Bearer ${KEY}", X-User: "{{session.username}}"}
      body: {text: "<{{prompt}}>", exact: "{{metadata.count}}", list: [1, true, "{{session.username}}"], none: ~}
      into: {metadata.topic: labels.0.name, metadata.score: labels.0.score, completion: answer}
""", prompt='a "b" & c\n/', after='  - transform: {completion: "{{completion}} {{metadata.topic}} {{metadata.score}}"}\n',
                    metadata={"count": 7})
    assert answer == "It rains. weather 0.75"
    (call,) = api.calls
    assert (call["method"], call["path"]) == ("PUT", "/tags?text=a%20%22b%22%20%26%20c%0A%2F&n=1")
    assert json.loads(call["body"]) == {"text": '<a "b" & c\n/>', "exact": 7, "list": [1, True, "ada"], "none": None}
    assert call["headers"]["authorization"] == f"Bearer {CANARY}" and call["headers"]["x-user"] == "ada"
    assert call["headers"]["content-type"] == "application/json"


def test_without_a_body_it_is_a_get_and_a_text_goes_as_it_is(ask, api):
    assert ask("  - http: {url: \"API/ping\"}\n")[0] == "What is it like?"
    assert ask("  - http: {url: \"API/ping\", body: \"say {{prompt}}\", into: {completion: \".\"}}\n")[0].startswith('{"answer"')
    assert [(call["method"], call["body"]) for call in api.calls] == [("GET", ""), ("POST", "say What is it like?")]
    assert api.calls[1]["headers"]["content-type"].startswith("text/plain")


def test_a_header_field_can_not_be_split_by_a_message(ask, api):
    ask("  - http: {url: \"API/\", headers: {X-Prompt: \"{{prompt}}\"}}\n", prompt="a\r\nX-Evil: 1")
    assert api.calls[0]["headers"]["x-prompt"] == "a  X-Evil: 1" and "x-evil" not in api.calls[0]["headers"]


@pytest.mark.parametrize(("status", "code", "retryable"), [
    (500, "http_unavailable", True), (503, "http_unavailable", True), (429, "http_rate_limited", True),
    (504, "http_timeout", True), (404, "http_refused", False), (301, "http_refused", False)])
def test_a_status_is_an_error_that_says_whether_it_may_pass(ask, api, status, code, retryable):
    api.script = [(status, {"Location": f"{api.url}/other"}, f"no: {CANARY}")]
    error, host = ask("  - http: {url: \"API/\", headers: {Authorization: \"${KEY}\"}}\n    label: tags\n")
    assert (error["code"], error["retryable"], error["stage"]) == (code, retryable, "tags")
    wait_until(lambda: len(host.entries(code)) == 1, "the log's entry")
    assert len(api.calls) == 1 and CANARY not in "".join(host.log)
    assert CANARY not in json.dumps(error) and "127.0.0.1" not in json.dumps(error)


def test_what_may_pass_is_tried_again_where_the_file_says_so(ask, api):
    api.script = [(500, {}, ""), (429, {"Retry-After": "0"}, "")]
    entry = "  - http: {url: \"API/\", into: {completion: answer}}\n    retry: {attempts: 3, backoff: 10ms}\n"
    assert ask(entry)[0] == "It rains." and len(api.calls) == 3
    api.script = [(400, {}, "")]
    assert ask(entry)[0]["code"] == "http_refused" and len(api.calls) == 4


@pytest.mark.parametrize("text", ["no json", "{}", '{"answer": null}', "[1]"])
def test_an_answer_without_what_it_should_have_is_an_error(ask, api, text):
    api.script = [(200, {}, text)]
    assert ask("  - http: {url: \"API/\", into: {completion: answer}}\n")[0]["code"] == "http_bad_response"


def test_a_slow_api_is_given_up_and_one_that_is_gone_is_unavailable(ask, api):
    api.script = [(0, {}, "")]
    assert ask("  - http: {url: \"API/\", timeout: 200ms}\n")[0]["code"] == "http_timeout"
    gone = API()
    gone.stop()
    assert ask(f"  - http: {{url: \"{gone.url}/\"}}\n")[0]["code"] == "http_unavailable"


def test_an_answer_past_the_limit_is_not_taken(ask, api):
    api.script = [(200, {}, "x" * 5000)]
    assert ask("  - http: {url: \"API/\", limit: 4KiB}\n")[0]["code"] == "http_bad_response"


@pytest.mark.parametrize(("settings", "words"), [
    ("{url: \"{{prompt}}/x\"}", "the host written out"), ("{url: \"http://{{prompt}}.example/x\"}", "the host written out"),
    ("{url: \"ftp://example.org\"}", "must be a URL"), ("{}", "needs the setting 'url'"),
    ("{url: \"http://a.example/{{promt}}\"}", "did you mean 'prompt'?"),
    ("{url: \"http://a.example/\", method: GTE}", "did you mean 'GET'?"),
    ("{url: \"http://a.example/\", into: {session.id: x}}", "can't be changed"),
    ("{url: \"http://a.example/\", body: {a: [\"{{b\"]}}", "has '{{' without '}}'")])
def test_what_is_written_wrong_is_found_before_the_start(run, tmp_path, settings, words):
    (tmp_path / "p.yaml").write_text(
        f"pipeline: t\nresources: {{m: echo}}\nstages:\n  - receive\n  - http: {settings}\n  - complete\n  - respond\n")
    result = run("check", "p.yaml")
    assert result.returncode == 1 and words in result.stderr and "p.yaml:5:" in result.stderr
