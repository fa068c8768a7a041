"""Of the messages of many clients that come at once the host begins a few, and looks at what has come before it begins more:
its system calls show it."""

import contextlib
import json
import shutil
import signal

import pytest

from rawhttp import Raw
from test_protocol import frame, opened, read_frame

# With a model API, whose answer every message waits for.
FLOW = """
pipeline: t
resources: {m: {openai: {url: "${URL}", key: k}}}
stages: [{receive: {format: json}}, complete, respond]
"""
CLIENTS = 200
MOST = 16
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def calls(serve, ai, tmp_path):
    """A host, and which system calls each of its threads has made."""
    if not shutil.which("strace"):
        pytest.fail("strace is missing; scripts/setup --tests installs it")
    log = tmp_path / "calls"
    host = serve(FLOW, env={"URL": ai.url},
                 prefix=["strace", "-D", "-f", "-e", "trace=connect,epoll_wait,epoll_pwait", "-o", str(log)])
    return host, log


def longest_run(log):
    """The most connections to the API that a thread has begun between two looks at its sockets."""
    runs, most = {}, 0
    for line in log.read_text().splitlines():
        thread, _, call = line.partition(" ")
        if "connect(" in call and "AF_INET" in call:
            runs[thread] = runs.get(thread, 0) + 1
            most = max(most, runs[thread])
        elif "epoll" in call:
            runs[thread] = 0
    return most


@contextlib.contextmanager
def held(host):
    """Whatever is sent meanwhile has come when the host goes on."""
    host.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        host.process.send_signal(signal.SIGCONT)


def test_messages_over_websocket(calls):
    host, log = calls
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(opened(host)) for _ in range(CLIENTS)]
        for client in clients:
            read_frame(client)
            # Of a host that is not known yet the connections are looked at before they are used again, and calls wait.
            client.sendall(frame(1, b'{"prompt": "first"}'))
            assert json.loads(read_frame(client)[1])["response"] == "first"
        with held(host):
            for number, client in enumerate(clients):
                client.sendall(frame(1, json.dumps({"prompt": f"number {number}"}).encode()))
        for number, client in enumerate(clients):
            assert json.loads(read_frame(client)[1])["response"] == f"number {number}"
    assert 1 < longest_run(log) <= MOST


def test_messages_by_post(calls):
    host, log = calls
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Raw(host.raw())) for _ in range(CLIENTS)]
        for client in clients:
            assert client.ask("POST", "/ws", JSON, {"prompt": "first"}).status == 200
        with held(host):
            for number, client in enumerate(clients):
                client.send("POST", "/ws", JSON, {"prompt": f"number {number}"})
        for number, client in enumerate(clients):
            assert client.answer().json["response"] == f"number {number}"
    assert 1 < longest_run(log) <= MOST
