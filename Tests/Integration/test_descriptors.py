"""Half of the descriptors are the host's own, whoever connects; and a proxy's kept connections are nobody's."""

import contextlib
import http.client
import json
import os
import selectors
import time
import urllib.request

import pytest
from websockets.exceptions import InvalidStatus

from conftest import DEADLINE, program, receive, receive_json, wait_until
from test_disconnects import files
from test_metrics import Metrics
from test_tls import trusting
from tokens import certificate

FLOW = """
pipeline: flow
HOST
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: k}}
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive: {format: json}
  - validate: {resources: [model, database]}
  - complete: {timeout: 5s}
  - persist
  - respond
"""
FILES, HALF = 256, 128
PATIENCE = float(os.environ.get("PATIENCE", "1"))


@pytest.fixture
def limited(serve, ai, tmp_path, monkeypatch):
    """A host that may open 256 files."""
    script = tmp_path / "limited"
    script.write_text(f'#!/bin/sh\nexec prlimit --nofile={FILES} "{program()}" "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("LIMITED", str(script))
    return lambda host="", *arguments: serve(
        FLOW.replace("HOST", host), env={"OPENAI_BASE_URL": ai.url}, variable="LIMITED", arguments=arguments)


def asks(client, prompt):
    client.send(json.dumps({"prompt": prompt}))
    answer = receive_json(client)
    assert answer.get("response") == prompt, answer


@contextlib.contextmanager
def silent(host, count):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(host.raw()) for _ in range(count)]


def ended(crowd, count, within=3 * PATIENCE):
    """What those were told who are closed, once that are so many."""
    told = {}
    end = time.monotonic() + within
    with selectors.DefaultSelector() as selector:
        for connection in crowd:
            selector.register(connection, selectors.EVENT_READ, [])
        while len(told) < count:
            assert time.monotonic() < end, f"{len(told)} of {count} are closed"
            for key, _ in selector.select(0.1):
                with contextlib.suppress(ConnectionResetError):
                    if more := key.fileobj.recv(4096):
                        key.data.append(more)
                        continue
                told[key.fileobj] = b"".join(key.data)
                selector.unregister(key.fileobj)
    return list(told.values())


def test_silent_connections_leave_the_host_half_of_its_descriptors(limited):
    host = limited()
    with contextlib.ExitStack() as stack:
        good = [stack.enter_context(host.connect("format=json")) for _ in range(5)]
        for client in good:
            receive(client)
        crowd = stack.enter_context(silent(host, 400))
        refused = ended(crowd, 400 - HALF + len(good))
        assert all(answer.startswith(b"HTTP/1.1 503 ") and b"retry-after: " in answer for answer in refused)
        assert files(host) < HALF + 40
        for number, client in enumerate(good * 3):
            asks(client, f"number {number}")
        assert len(host.rows("id")) == 15
        with pytest.raises(InvalidStatus) as late:
            host.connect()
        assert late.value.response.status_code == 503 and late.value.response.headers["Retry-After"]
        for page in ("healthz", "readyz", "metrics"):
            assert urllib.request.urlopen(f"{host.http}/{page}", timeout=DEADLINE).status == 200
        assert Metrics(host).value("stagecoach_requests_refused_total", reason="too_many") >= len(refused)
        assert not any("No client can be taken" in line for line in host.log)
        # Those that are in and silent go when the time for a handshake is over.
        wait_until(lambda: Metrics(host).value("stagecoach_connections") < 20, "the end of the silent ones")
    with host.connect("format=json") as late:
        receive(late)
        asks(late, "at the end")


@pytest.mark.parametrize("limits", ["connections_per_address: 20", "connects_per_second: 20"])
def test_connections_past_another_limit_are_closed_at_accept_too(limited, limits):
    host = limited(f"host: {{limits: {{{limits}}}}}")
    with silent(host, 300) as crowd:
        refused = ended(crowd, 200)
        assert all(answer.startswith(b"HTTP/1.1 503 ") for answer in refused)
        assert files(host) < 150


def test_a_page_for_operators_is_answered_while_silent_connections_come_without_end(limited):
    host = limited()
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(silent(host, 100))
            assert urllib.request.urlopen(f"{host.http}/healthz", timeout=DEADLINE).read() == b"ok\n"


def test_a_full_host_with_tls_says_503_to_those_who_can_hear_it(serve, tmp_path):
    certificate(tmp_path, "host")
    host = serve("pipeline: p\nhost: {tls: {certificate: host.pem, key: host.key}, limits: {connections: 1}}\n"
                 "resources: {m: echo}\nstages: [receive, complete, respond]\n")
    with host.connect(ssl=trusting(tmp_path / "host.pem")) as first, silent(host, 100) as crowd:
        ended(crowd, len(crowd))
        with pytest.raises(InvalidStatus) as late:
            host.connect(ssl=trusting(tmp_path / "host.pem"))
        assert late.value.response.status_code == 503
        first.send("hello")
        assert receive(first) == "hello"


def test_refused_connections_with_tls_are_closed_as_soon_whether_their_clients_close_or_not(limited, tmp_path):
    certificate(tmp_path, "host")
    host = limited("host: {tls: {certificate: host.pem, key: host.key}, limits: {connections: 5}}")
    context = trusting(tmp_path / "host.pem")
    with host.connect("format=json", ssl=context) as client, contextlib.ExitStack() as stack:
        receive(client)
        for _ in range(300):
            plain = stack.enter_context(host.raw())
            with contextlib.suppress(OSError):
                stack.enter_context(context.wrap_socket(plain, server_hostname="127.0.0.1"))
        asks(client, "beside them")
        assert files(host) < 80
        assert not any("No client can be taken" in line for line in host.log)


PROXIED = """
pipeline: p
host: {limits: {connections_per_address: 3}, trusted_proxies: [127.0.0.1]}
resources: {m: {echo: {delay: 300ms}}, d: {sqlite: {path: data/stagecoach.db}}}
stages: [receive, complete, persist, respond]
"""


def of(client):
    return {"X-Forwarded-For": client}


class Pool:
    """A proxy's kept connections."""

    def __init__(self, host, size):
        self.connections = [http.client.HTTPConnection("127.0.0.1", host.port, timeout=DEADLINE) for _ in range(size)]

    def ask(self, index, client, path="/readyz", body=None):
        self.send(index, client, path, body)
        return self.read(index)

    def send(self, index, client, path="/readyz", body=None):
        self.connections[index].request("POST" if body else "GET", path, body, of(client))

    def read(self, index):
        answer = self.connections[index].getresponse()
        answer.read()
        return answer.status


def test_of_a_proxys_connections_those_count_that_have_a_request(serve):
    host = serve(PROXIED)
    pool = Pool(host, 6)
    for turn in range(2):
        assert [pool.ask(index, "198.51.100.1", "/") for index in range(6)] == [200] * 6
    # Another client gets the same connections.
    assert [pool.ask(index, "198.51.100.2", "/ws", '{"prompt": "x"}') for index in range(6)] == [200] * 6


def test_requests_of_one_client_at_the_same_time_count_and_websockets_while_they_are_open(serve):
    host = serve(PROXIED)
    pool = Pool(host, 6)
    for index in range(6):
        assert pool.ask(index, "198.51.100.1", "/") == 200
    for index in range(6):
        pool.send(index, "198.51.100.1", "/ws", '{"prompt": "x"}')
    assert sorted(pool.read(index) for index in range(6)) == [200] * 3 + [503] * 3
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(host.connect(additional_headers=of("198.51.100.3")))
        with pytest.raises(InvalidStatus):
            host.connect(additional_headers=of("198.51.100.3"))
        assert Pool(host, 1).ask(0, "198.51.100.3", "/") == 503
        assert Pool(host, 1).ask(0, "198.51.100.4", "/") == 200
