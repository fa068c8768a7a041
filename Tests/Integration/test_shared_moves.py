"""Clients that go to another host in the middle of an answer, while what is between the hosts fails or is changed."""

import json
import signal
import threading
import time

import pytest

from conftest import receive_json, wait_until

FLOW = """
pipeline: flow
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: sk-canary-1234567890}}
  outbox: {nats: {url: "${NATS_URL}", size: 64MiB}}
stages:
  - receive: {format: json, on_disconnect: {hold: 60s, shared: outbox}}
  - complete: {stream: true, timeout: 30s}
  - respond: {stream: true}
"""
WORDS = [f"w{number}" for number in range(160)]


def is_paused(nats, host):
    """The server keeps its connections, and answers nobody: what is said meanwhile is said again, and comes twice."""
    nats.pause()
    time.sleep(1.2)
    nats.go_on()


def is_killed(nats, host):
    """What was in the server, or on its way to it, is lost."""
    nats.stop(signal.SIGKILL)
    time.sleep(0.2)
    nats.start()


def is_reloaded(nats, host):
    """The host has another connection to NATS while it sends its words."""
    (host.folder / "pipeline-0.yaml").write_text(FLOW.replace("${NATS_URL}", f"nats://localhost:{nats.port}"))
    host.process.send_signal(signal.SIGHUP)
    wait_until(lambda: any('"Reloaded' in line for line in host.log), "the reload")


@pytest.mark.parametrize("trouble", [is_paused, is_killed, is_reloaded])
def test_an_answer_comes_once_and_in_order_to_where_its_client_goes(serve, ai, nats, trouble):
    left, right = [serve(FLOW, env={"OPENAI_BASE_URL": ai.url, "NATS_URL": nats.url}) for _ in range(2)]
    ai.script = ["stream_gated"]
    ended = threading.Event()

    def speak():
        # For as long as the trouble lasts, and somewhat longer.
        for number in range(len(WORDS) + 2):
            ai.released.release()
            if number == len(WORDS) - 20:
                ended.wait(30)
            time.sleep(0.006)

    with left.connect() as connection:
        session = receive_json(connection)["session_id"]
        connection.send(json.dumps({"prompt": " ".join(WORDS), "id": "c-1"}))
        speaking = threading.Thread(target=speak)
        speaking.start()
        heard = [receive_json(connection) for _ in range(3)]
        with right.connect(f"session={session}&after={heard[-1]['seq']}", max_queue=None) as other:
            assert receive_json(other)["resumed"] is True
            for _ in range(5):
                heard.append(receive_json(other))
            failing = threading.Thread(target=lambda: (trouble(nats, left), ended.set()))
            failing.start()
            while heard[-1]["type"] == "delta":
                heard.append(receive_json(other))
            failing.join()
            speaking.join()
            *words, answer = heard
            assert [frame["seq"] for frame in heard] == list(range(2, 2 + len(heard)))
            assert answer["type"] == "response" and answer["response"] == " ".join(WORDS), answer
            assert "".join(word["text"] for word in words) == answer["response"]
            # Nothing comes after it, and the session goes on.
            other.send(json.dumps({"prompt": "on", "id": "c-2"}))
            last = [receive_json(other) for _ in range(2)]
            assert [frame["type"] for frame in last] == ["delta", "response"]
    # Also where it came from.
    with left.connect(f"session={session}&after={answer['seq']}", max_queue=None) as connection:
        assert receive_json(connection)["resumed"] is True
        assert [receive_json(connection) for _ in range(2)] == last
    assert len(ai.calls) == 2
