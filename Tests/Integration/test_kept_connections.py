"""Model APIs that say more than they were asked for: no message gets an answer that belongs to another."""

import asyncio
import json
import os
import pathlib
import socket
import ssl
import subprocess
import time

import pytest
from websockets.asyncio.client import connect as connect_async

from conftest import DEADLINE
from listener import Listener

PIPELINE = """
pipeline: t
resources: {m: {openai: {url: "URL", key: k}}}
stages:
  - receive: {format: json}
  - complete: {timeout: 10s, stream: STREAM}
  - respond: {stream: STREAM}
"""


class Repeater(Listener):
    """Answers each call with its prompt, and then `extra` writes what nobody asked for."""

    def __init__(self, extra, context=None):
        self.extra = extra
        self.context = context
        self.calls = []
        super().__init__(backlog=512)
        self.url = f"http{'s' if context else ''}://localhost:{self.port}/v1"

    def _serve(self, connection):
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            stream = connection.makefile("rb")
            while stream.readline():
                length = 0
                while (field := stream.readline().strip()):
                    if field.lower().startswith(b"content-length:"):
                        length = int(field.split(b":")[1])
                body = json.loads(stream.read(length))
                self.calls.append(body["messages"][-1]["content"])
                text = body["messages"][-1]["content"]
                self.extra(connection, self.streamed(text) if body.get("stream") else self.whole(text))
        except (OSError, ValueError):
            pass

    @staticmethod
    def whole(text):
        body = json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    @staticmethod
    def streamed(text):
        events = b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in (
            {"choices": [{"delta": {"content": text}}]}, {"choices": [{"delta": {}, "finish_reason": "stop"}]}))
        events += b"data: [DONE]\n\n"
        return (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"%x\r\n%s\r\n0\r\n\r\n" % (len(events), events))


def once(connection, answer):
    connection.sendall(answer)


def at_once(connection, answer):
    connection.sendall(answer + answer)


def right_after(connection, answer):
    connection.sendall(answer)
    connection.sendall(answer)


def a_little_later(connection, answer):
    connection.sendall(answer)
    time.sleep(0.005)
    connection.sendall(answer)


def in_halves(connection, answer):
    """The second answer's first half comes with the first answer."""
    connection.sendall(answer + answer[:40])
    connection.sendall(answer[40:])


def with_a_longer_body(connection, answer):
    """What is too much looks like an answer."""
    connection.sendall(answer)
    connection.sendall(b"\r\n" + answer)


@pytest.fixture
def certificate(tmp_path):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", tmp_path / "k.pem", "-out", tmp_path / "c.pem"],
        check=True, capture_output=True)
    library = tmp_path / "trust.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", library, pathlib.Path(__file__).with_name("trust.c"), "-ldl"], check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c.pem", tmp_path / "k.pem")
    return context, {"LD_PRELOAD": str(library), "TRUST": str(tmp_path / "c.pem")}


async def ask(host, number, prompts, clients):
    """Asks over so many connections at once; returns the pairs of prompts and answers."""
    async def client(own):
        async with connect_async(host.url()) as connection:
            await connection.recv()
            heard = []
            for prompt in own:
                await connection.send(json.dumps({"prompt": prompt}))
                while (frame := json.loads(await asyncio.wait_for(connection.recv(), DEADLINE)))["type"] == "delta":
                    pass
                heard.append((prompt, frame))
            return heard

    parts = [prompts[index::clients] for index in range(clients)]
    return [pair for part in await asyncio.gather(*(client(part) for part in parts)) for pair in part]


def answers(serve, api, stream=False, clients=8, env=None):
    host = serve(PIPELINE.replace("URL", api.url).replace("STREAM", str(stream).lower()), env=env)
    heard = asyncio.run(ask(host, 200, [f"prompt {index}" for index in range(200)], clients))
    assert len(heard) == 200
    wrong = [(prompt, frame) for prompt, frame in heard if frame.get("response") != prompt]
    assert not wrong, f"{len(wrong)} of 200, the first: {wrong[0]}"
    return host


@pytest.mark.parametrize("clients", [1, 8])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("extra", [at_once, right_after, a_little_later, in_halves, with_a_longer_body])
def test_no_message_gets_the_second_answer_to_another(serve, extra, stream, clients):
    api = Repeater(extra)
    try:
        host = answers(serve, api, stream, clients)
        # Each was asked once: nothing was sent again because of it.
        assert sorted(api.calls) == sorted(f"prompt {index}" for index in range(200))
        # libcurl itself closes a connection on which a body comes with more than its length.
        if stream or extra not in (at_once, in_halves):
            assert sum("more than it was asked for" in line for line in host.log) == 1
    finally:
        api.stop()


@pytest.mark.preload
@pytest.mark.parametrize("extra", [right_after, a_little_later])
def test_nor_where_the_api_speaks_tls(serve, certificate, extra):
    context, trust = certificate
    api = Repeater(extra, context)
    try:
        answers(serve, api, env=trust)
    finally:
        api.stop()


@pytest.mark.preload
def test_certificates_are_read_once_a_thread_and_not_for_each_connection(serve, certificate, tmp_path):
    context, trust = certificate
    # Whoever says too much gets a connection for each call.
    api = Repeater(right_after, context)
    try:
        answers(serve, api, env=trust | {"TRUST_READ": str(tmp_path / "read")})
        reads = (tmp_path / "read").read_text().splitlines()
        assert api.accepted >= 150 and len(reads) <= os.cpu_count() + 1
    finally:
        api.stop()


def late(connection, answer):
    time.sleep(0.5)
    connection.sendall(answer)


@pytest.mark.preload
def test_buffers_of_tls_are_freed_once_more_when_an_answer_begins(serve, certificate, tmp_path):
    """The host's tickets need a buffer, and may come after those of the request were freed."""
    context, trust = certificate
    api = Repeater(late, context)
    try:
        host = serve(PIPELINE.replace("URL", api.url).replace("STREAM", "true"),
                     env=trust | {"BUFFERS_FREED": str(tmp_path / "freed")})
        heard = asyncio.run(ask(host, 1, ["hello"], 1))
        assert [frame["response"] for _, frame in heard] == ["hello"]
        assert (tmp_path / "freed").read_text().splitlines() == ["freed", "freed"]
    finally:
        api.stop()


@pytest.mark.parametrize("tls", [False, pytest.param(True, marks=pytest.mark.preload)])
def test_a_connection_of_an_api_that_answers_once_is_used_again(serve, certificate, tls):
    context, trust = certificate
    api = Repeater(once, context if tls else None)
    try:
        host = answers(serve, api, clients=1, env=trust)
        assert api.accepted == 1
        assert not any("more than it was asked for" in line for line in host.log)
    finally:
        api.stop()
