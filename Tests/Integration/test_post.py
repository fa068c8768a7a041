"""Messages by POST: the same stages and errors as over WebSocket, as JSON or as an event stream."""

import http.client
import json
import socket
import struct
import subprocess
import threading

import pytest

from conftest import DEADLINE, wait_until

FLOW = """
pipeline: flow
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: "${OPENAI_API_KEY:-}"}}
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive
  - validate: {max_length: 100}
  - complete: {stream: true, timeout: 1s}
  - persist: {}
    async: true
  - respond: {stream: true}
"""


@pytest.fixture
def host(serve, ai):
    return serve(FLOW, env={"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": "sk-canary-1234567890"})


def post(host, body, path="/ws", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=DEADLINE)
    connection.request("POST", path, body if isinstance(body, (bytes, str)) else json.dumps(body), headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response, text


def events(text):
    assert text.endswith("\n\n")
    return [json.loads(event.removeprefix("data: ")) for event in text[:-2].split("\n\n")]


def test_a_message_is_answered_and_stored(host):
    response, text = post(host, {"prompt": "one two", "id": "c-1", "username": "ada"})
    answer = json.loads(text)
    assert response.status == 200 and response.headers["Content-Type"] == "application/json"
    assert answer == {"type": "response", "id": "c-1", "message_id": answer["message_id"], "response": "one two",
                      "session_id": response.headers["Stagecoach-Session"], "tokens_used": 42,
                      "finish_reason": "stop", "seq": 1}
    row, = host.wait_for_rows(1)
    assert (row["id"], row["session_id"], row["username"]) == (answer["message_id"], answer["session_id"], "ada")


def test_an_event_stream_has_the_frames_of_the_wire(host):
    response, text = post(host, {"prompt": "one two", "id": "c-1"}, Accept="text/event-stream")
    assert response.status == 200 and response.headers["Content-Type"] == "text/event-stream"
    *deltas, answer = events(text)
    assert [delta["text"] for delta in deltas] == ["one ", "two"] and deltas[0]["type"] == "delta"
    assert answer["response"] == "one two" and answer["seq"] == 3


def test_curl_reads_an_event_stream_as_it_comes(host, ai):
    ai.script = ["stream_gated"]
    curl = subprocess.Popen(
        ["curl", "-sN", "-H", "Accept: text/event-stream", "-d", '{"prompt": "one two"}', f"{host.http}/ws"],
        stdout=subprocess.PIPE, text=True)
    ai.released.release()
    assert json.loads(curl.stdout.readline()[6:])["text"] == "one "
    for _ in range(3):
        ai.released.release()
    rest, _ = curl.communicate(timeout=DEADLINE)
    assert '"type":"response"' in rest and curl.returncode == 0


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
@pytest.mark.parametrize("fault, body, status, code", [
    (None, "{nonsense", 400, "invalid_json"), (None, {"id": "x"}, 400, "invalid_message"),
    (None, {"type": "cancel", "id": "x"}, 400, "invalid_message"),
    (None, {"prompt": "x" * 101}, 400, "too_long"), ("429", {"prompt": "x"}, 502, "model_rate_limited"),
    ("500", {"prompt": "x"}, 502, "model_unavailable"), ("hang", {"prompt": "x"}, 504, "model_timeout")])
def test_errors_are_statuses(host, ai, accept, fault, body, status, code):
    ai.script = [fault] if fault else []
    response, text = post(host, body, Accept=accept)
    assert (response.status, json.loads(text)["error"]["code"]) == (status, code)


def test_a_stream_that_breaks_off_ends_in_an_error_event(host, ai):
    ai.script = ["stream_cut"]
    response, text = post(host, {"prompt": "one two three four"}, Accept="text/event-stream")
    *deltas, error = events(text)
    assert response.status == 200 and deltas and error["error"]["code"] == "model_unavailable"
    assert json.loads(host.wait_for_rows(1)[0]["metadata"])["partial"] is True


def test_an_answer_may_take_longer_than_a_request(serve):
    host = serve("pipeline: p\nhost: {limits: {handshake: 1s}}\nresources: {m: {echo: {delay: 2s}}}\n"
                 "stages: [receive, complete, respond]\n")
    response, text = post(host, {"prompt": "x"})
    assert response.status == 200 and json.loads(text)["response"] == "x"


def test_without_a_key_the_status_says_so(serve, ai):
    host = serve(FLOW, env={"OPENAI_BASE_URL": ai.url})
    response, text = post(host, {"prompt": "x"})
    assert response.status == 502 and json.loads(text)["error"]["message"] == "OpenAI client not initialized"


def test_a_connection_takes_one_message_after_the_other(host):
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=DEADLINE)
    for number in range(3):
        connection.request("POST", "/ws?session=5f350470-f5d5-4d96-93db-8d732a78cfc9", json.dumps({"prompt": str(number)}))
        assert json.loads(connection.getresponse().read())["response"] == str(number)
    connection.close()
    assert {row["session_id"] for row in host.wait_for_rows(3)} == {"5f350470-f5d5-4d96-93db-8d732a78cfc9"}


@pytest.mark.parametrize("path, body, headers, status", [
    ("/nowhere", "{}", {}, 404), ("/healthz", "{}", {}, 405), ("/ws?session=1", "{}", {}, 400),
    ("/ws", "{}", {"Origin": "https://elsewhere.example"}, 403), ("/ws", "{}", {"Host": "elsewhere.example"}, 403)])
def test_what_is_no_message_gets_its_status(host, path, body, headers, status):
    response, _ = post(host, body, path, **headers)
    assert response.status == status


@pytest.mark.parametrize("body, status, code", [
    ("x" * 70_000, 413, "too_long"), (b'{"prompt": "\xff"}', 400, "invalid_json")])
def test_a_message_that_can_not_be_read_gets_the_error_of_one(host, body, status, code):
    response, text = post(host, body)
    assert response.status == status and response.getheader("Content-Type") == "application/json"
    answer = json.loads(text)
    assert answer["type"] == "error" and answer["error"]["code"] == code and not answer["error"]["retryable"]


@pytest.mark.parametrize("method", ["PUT", "HEAD", "DELETE"])
def test_another_method_is_told_which_there_are(host, method):
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=DEADLINE)
    connection.request(method, "/ws")
    response = connection.getresponse()
    assert response.status == 405 and response.getheader("Allow") == "GET, POST"
    connection.close()


def test_a_client_that_waits_to_be_told_to_go_on_is(host):
    body = b'{"prompt": "x"}'
    with socket.create_connection(("127.0.0.1", host.port), timeout=DEADLINE) as connection:
        connection.sendall(
            f"POST /ws HTTP/1.1\r\nHost: 127.0.0.1:{host.port}\r\nExpect: 100-continue\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode())
        assert connection.recv(1024) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("path, status", [("/ws", 200), ("/nowhere", 404), ("/ws?session=1", 400), ("/healthz", 405)])
def test_a_client_that_waits_to_be_told_to_go_on_gets_every_answer(host, path, status):
    """Of a refusal alone Java 17 makes nothing."""
    with host.raw() as connection:
        connection.settimeout(DEADLINE)
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 14\r\n\r\n".encode())
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b'{"prompt":"x"}')
        assert connection.recv(65536).startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize("path, length, status", [("/ws", 70_000, 413), ("/ws", 10**12, 413), ("/nowhere", 10**12, 404)])
def test_a_body_that_is_too_long_is_refused_before_it_is_sent(host, path, length, status):
    with host.raw() as connection:
        connection.settimeout(DEADLINE)
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                           f"Content-Length: {length}\r\n\r\n".encode())
        said = b""
        while (piece := connection.recv(65536)):
            said += piece
        assert said.startswith(f"HTTP/1.1 {status} ".encode())


def test_a_client_of_http_1_0_hears_nothing_before_its_answer(host):
    with host.raw() as connection:
        connection.settimeout(DEADLINE)
        connection.sendall(b'POST /ws HTTP/1.0\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 14\r\n\r\n'
                           b'{"prompt":"x"}')
        said = b""
        while (piece := connection.recv(65536)):
            said += piece
        assert said.startswith(b"HTTP/1.0 200 ") and b" 100 " not in said


def test_a_client_that_resets_its_connection_ends_the_call(host, ai):
    ai.script = ["hang"]
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=DEADLINE)
    connection.request("POST", "/ws", json.dumps({"prompt": "x"}))
    assert ai.arrived.acquire(timeout=DEADLINE)
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    assert ai.closed_by_client.wait(0.05 * DEADLINE)


def test_a_stop_lets_a_message_end(host, ai):
    ai.script = ["stream_gated"]
    got = []
    client = threading.Thread(target=lambda: got.append(post(host, {"prompt": "x"})))
    client.start()
    assert ai.arrived.acquire(timeout=DEADLINE)
    stopping = threading.Thread(target=host.stop)
    stopping.start()
    wait_until(lambda: any("Stopping" in line for line in host.log), "the stop")
    for _ in range(3):
        ai.released.release()
    client.join()
    stopping.join()
    assert got[0][0].status == 200 and host.process.returncode == 0
