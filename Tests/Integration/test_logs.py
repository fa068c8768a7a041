"""The log: one line an entry whatever clients send, nothing of what they ask, and who was connected."""

import json
import socket

from conftest import DEADLINE, receive, receive_json, wait_until

HOSTILE = "pr1v4te\r\nforged: line\u001b[31m\u2028\u009b2J" + "x" * 100

PIPELINE = """
pipeline: offline
resources: {model: echo}
stages:
  - receive: {format: json}
  - validate: {resources: [model], max_length: 50}
  - complete
  - respond
"""


def entries(host):
    host.stop()
    for line in host.log:
        assert all(ord(character) >= 0x20 and ord(character) not in range(0x7F, 0xA0) for character in line), line
    return [json.loads(line) for line in host.log]


def test_what_clients_send_can_not_break_a_line_and_is_not_logged(serve):
    host = serve(PIPELINE, env={"LOG_LEVEL": "trace"})
    with host.connect() as client:
        receive(client)
        for frame in (json.dumps({"prompt": HOSTILE, "id": HOSTILE, "metadata": {HOSTILE: HOSTILE}}),
                      json.dumps({"prompt": "pr1v4te", "username": HOSTILE, "id": HOSTILE}),
                      HOSTILE, json.dumps({"prompt": "pr1v4te"}), json.dumps({"prompt": 1, "x": HOSTILE})):
            client.send(frame)
            receive(client)
    for request in (f"GET /{HOSTILE[:7]}%0d%0aforged%1b[31m?key=pr1v4te HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
                    b"GET /\xc2\x9b2J HTTP/1.1\r\nHost: localhost\r\n\r\n",
                    b"GET /\x1b[31m HTTP/1.1\r\nHost: localhost\r\nX: \x1b[31m\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", host.port), timeout=DEADLINE) as connection:
            connection.sendall(request)
            connection.recv(1_000)
    log = entries(host)
    assert not any("pr1v4te" in json.dumps({**entry, "path": ""}) for entry in log)
    failures = [entry for entry in log if "code" in entry]
    assert [entry["code"] for entry in failures] == ["too_long", "invalid_message", "invalid_json", "invalid_message"]
    # An operator who looks for errors finds what can be mended here.
    assert {entry["level"] for entry in failures} == {"info"}
    assert failures[0]["stage"] == "validate"
    assert all(len(entry["message_id"]) == 36 == len(entry["session_id"]) for entry in failures)


def test_at_debug_every_connection_has_a_line_without_its_query(serve):
    host = serve(PIPELINE, env={"LOG_LEVEL": "debug"})
    with host.connect("token=pr1v4te&username=someone") as client:
        session = receive_json(client)["session_id"]
    wait_until(lambda: any("A WebSocket ended" in line for line in host.log), "the line")
    with socket.create_connection(("127.0.0.1", host.port), timeout=DEADLINE) as connection:
        connection.sendall(b"GET /ws?token=pr1v4te HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer pr1v4te\r\n\r\n")
        connection.recv(1_000)
    log = entries(host)
    ended, = [entry for entry in log if entry["message"] == "A WebSocket ended"]
    assert (ended["session_id"], ended["pipeline"], ended["address"], ended["close"]) == (
        session, "offline", "127.0.0.1", "1000")
    answered, = [entry for entry in log if entry["message"] == "Answered a request"]
    assert (answered["method"], answered["path"], answered["reason"]) == ("GET", "/ws", "bad_request")
    assert "pr1v4te" not in json.dumps(log)


def test_by_default_connections_and_messages_that_go_well_are_not_logged(serve):
    host = serve(PIPELINE)
    with host.connect() as client:
        receive(client)
        client.send(json.dumps({"prompt": "pr1v4te"}))
        assert receive_json(client)["type"] == "response"
    assert [entry["message"] for entry in entries(host)] == ["Starting", "Stopping", "Stopped"]
