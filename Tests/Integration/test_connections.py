"""Connections that are kept, as proxies and HTTP clients keep them: what may come on one, and after what."""

import contextlib
import json
import os
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

from conftest import DEADLINE
from rawhttp import Raw
from test_protocol import frame

# How long a model is silent, in seconds.
SILENCE = int(os.environ.get("SILENCE", "12"))
ECHO = "pipeline: p\nhost: {limits: {LIMITS}}\nresources: {m: {echo: {delay: DELAY}}}\nstages: [receive, complete, respond]\n"


def echo(serve, limits="", delay="0", **options):
    return serve(ECHO.replace("LIMITS", limits).replace("DELAY", delay), **options)


def page(raw):
    assert raw.ask("GET", "/healthz").text == "ok\n"


def post(raw):
    assert raw.ask("POST", "/ws", body={"prompt": "one two"}).json["response"] == "one two"


def events(raw):
    answer = raw.ask("POST", "/ws", {"Accept": "text/event-stream"}, {"prompt": "one two"})
    assert answer["x-accel-buffering"] == "no" and answer.text.endswith("\n\n")
    assert json.loads(answer.text[:-2].split("\n\n")[-1].removeprefix("data: "))["response"] == "one two"


def nothing(raw):
    assert raw.ask("GET", "/nowhere").status == 404


def no_upgrade(raw):
    answer = raw.ask("GET", "/ws")
    assert answer.status == 426 and "POST" in answer.text


def other_upgrade(raw):
    answer = raw.ask("POST", "/ws", {"Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMAAABk"},
                     {"prompt": "x"})
    assert (answer.status, answer.json["response"], answer["connection"], answer["upgrade"]) == (200, "x", None, None)


def bad_message(raw):
    assert raw.ask("POST", "/ws", body=b"{nonsense").status == 400


def preflight(raw):
    assert raw.ask("OPTIONS", "/healthz").status == 200


def tunnel(raw):
    assert raw.ask("CONNECT", "chat.example:443").status == 404


BEFORE = [page, post, events, nothing, no_upgrade, other_upgrade, bad_message, preflight, tunnel]


def test_a_handshake_may_come_after_anything(serve):
    host = echo(serve)
    for before in [[kind] for kind in BEFORE] + [BEFORE * 3]:
        with Raw(host.raw()) as raw:
            for kind in before:
                kind(raw)
            answer = raw.handshake("/ws?format=text")
            assert answer.status == 101 and answer["upgrade"] == "websocket" and answer["stagecoach-session"], before
            assert answer["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
            assert [raw.says(text) for text in ("one", "two")] == ["one", "two"]


def test_a_handshake_may_be_sent_together_with_what_comes_before_and_after_it(serve):
    host = echo(serve)
    with Raw(host.raw()) as raw:
        body = b'{"prompt": "x"}'
        shake = (b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        upgrade = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
        raw.connection.sendall(
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
            + b"POST /ws HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + upgrade + b"\r\n"
            + b"POST /ws HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % len(body) + upgrade + b"\r\n" + body
            + shake + frame(1, b"first") + frame(1, b"second"))
        assert [raw.answer().status for _ in range(5)] == [200, 200, 200, 200, 101]
        assert raw.says("third") == "first"


@pytest.mark.parametrize("before", [[], ["GET"], ["POST", "GET"]])
def test_what_is_sent_right_behind_a_handshake_is_answered_without_another_word(serve, before):
    host = echo(serve)
    with Raw(host.raw()) as raw:
        asked = {"GET": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 "POST": b'POST /ws HTTP/1.1\r\nHost: localhost\r\nContent-Length: 14\r\n\r\n{"prompt":"x"}'}
        shake = (b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        raw.connection.sendall(b"".join(asked[kind] for kind in before) + shake + frame(1, b"one") + frame(1, b"two"))
        assert [raw.answer().status for _ in before] == [200] * len(before) and raw.answer().status == 101
        assert [raw.hears() for _ in range(2)] == ["one", "two"]


def test_an_offer_of_another_protocol_is_no_reason_not_to_answer(serve):
    host = echo(serve)
    with Raw(host.raw()) as raw:
        for offer in ("h2c", "TLS/1.2", "foo/1, h2c"):
            for method, target, body in (
                    ("GET", "/healthz", None), ("HEAD", "/", None), ("POST", "/ws", {"prompt": "x"}), ("GET", "/metrics", None)):
                answer = raw.ask(method, target, {"Connection": "Upgrade", "Upgrade": offer}, body)
                assert answer.status == 200 and answer["upgrade"] is None
        page(raw)


def test_pieces_of_messages_of_many_websockets_are_not_mixed_up(serve):
    host = echo(serve)
    # More than there are event loops; texts of one read and of several, and text beyond ASCII.
    texts = [f"{index} " + "abcdefghij"[index] * size for index, size in enumerate((1, 300, 9_000, 60_000, 1, 300, 9_000, 60_000))]
    texts = [text + "é" * (index % 2) for index, text in enumerate(texts)]
    frames = [frame(1, text.encode()) for text in texts]
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(Raw(host.raw())) for _ in texts]
        for raw in sockets:
            assert raw.handshake("/ws?format=text").status == 101
        for _ in range(3):
            for start, end in ((0, 3), (3, 5), (5, None)):
                for raw, each in zip(sockets, frames):
                    # The last piece brings the start of the next message with it.
                    raw.connection.sendall(each[start:end] + (frame(1, b"next")[:4] if end is None else b""))
                time.sleep(0.01)
            assert [raw.hears() for raw in sockets] == texts
            for raw in sockets:
                raw.connection.sendall(frame(1, b"next")[4:])
            assert [raw.hears() for raw in sockets] == ["next"] * len(texts)


def test_a_websocket_where_there_is_none_is_a_page(serve):
    host = echo(serve)
    with Raw(host.raw()) as raw:
        assert raw.handshake("/healthz").status == 200
        assert raw.handshake("/nowhere").status == 404
        assert raw.handshake().status == 101


def test_a_refused_handshake_says_why_after_other_requests_too(serve):
    host = echo(serve)
    for fields, status in (({"Sec-WebSocket-Key": "short"}, 400), ({"Sec-WebSocket-Version": "8"}, 426),
                           ({"Origin": "https://evil.example"}, 403)):
        with Raw(host.raw()) as raw:
            page(raw)
            assert raw.handshake(fields=fields).status == status


def test_a_session_of_a_connection_is_resumed_on_one_that_was_used_for_pages(serve):
    host = serve("pipeline: p\nresources: {m: echo}\nstages:\n  - receive: {on_disconnect: {hold: 60s}}\n  - complete\n  - respond\n")
    with Raw(host.raw()) as raw:
        page(raw)
        session = raw.handshake()["stagecoach-session"]
        assert raw.says("one") == "one"
    with Raw(host.raw()) as raw:
        post(raw)
        assert raw.handshake(f"/ws?session={session}")["stagecoach-session"] == session
        assert raw.says("two") == "two"


# The time for a request.

def test_a_connection_that_was_of_use_is_kept_and_a_request_has_its_time_from_its_first_byte(serve):
    host = echo(serve, "handshake: 500ms")
    with Raw(host.raw()) as raw:
        for ask in (post, events, page):
            ask(raw)
            time.sleep(0.6)
        assert raw.handshake().status == 101
    with Raw(host.raw()) as raw:
        post(raw)
        time.sleep(0.6)
        began = time.monotonic()
        raw.connection.sendall(b"G")
        assert raw.ended() and 0.4 < time.monotonic() - began < 0.5 + DEADLINE / 5


def test_a_kept_connection_that_nothing_comes_on_is_closed_after_idle(serve):
    host = echo(serve, "handshake: 10s, idle: 400ms")
    with Raw(host.raw()) as raw:
        post(raw)
        began = time.monotonic()
        assert raw.ended() and 0.3 < time.monotonic() - began < 0.4 + DEADLINE / 5


# Clients that close their sending half.

@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
@pytest.mark.parametrize("keeps", [True, False])
def test_a_post_whose_client_says_that_it_sends_no_more_gets_its_answer(serve, accept, keeps):
    host = echo(serve, delay="300ms")
    with Raw(host.raw()) as raw:
        raw.send("POST", "/ws", {"Accept": accept, **({} if keeps else {"Connection": "close"})}, {"prompt": "slow"})
        raw.connection.shutdown(socket.SHUT_WR)
        assert b'"response":"slow"' in raw.answer().body
        assert raw.ended()


def test_everything_that_was_asked_before_the_end_is_answered(serve):
    host = echo(serve, delay="100ms")
    with Raw(host.raw()) as raw:
        for number in range(3):
            raw.send("POST", "/ws", body={"prompt": str(number)})
            raw.send("GET", "/healthz")
        raw.connection.shutdown(socket.SHUT_WR)
        answers = [raw.answer() for _ in range(6)]
        assert [answer.json["response"] for answer in answers[::2]] == ["0", "1", "2"]
        assert raw.ended()


def test_a_half_request_and_a_silent_client_that_close_their_half_are_closed(serve):
    host = echo(serve)
    for start in (b"", b"GET /healthz HT", b"POST /ws HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{"):
        with Raw(host.raw()) as raw:
            raw.connection.sendall(start)
            raw.connection.shutdown(socket.SHUT_WR)
            began = time.monotonic()
            raw.stream.read()
            assert time.monotonic() - began < DEADLINE / 3


def test_the_end_of_a_websockets_stream_means_that_the_client_left(serve, ai):
    ai.script = ["hang"]
    host = serve("pipeline: p\nresources: {m: {openai: {url: \"%s\", key: k}}}\nstages: [receive, complete, respond]\n" % ai.url)
    with Raw(host.raw()) as raw:
        page(raw)
        assert raw.handshake().status == 101
        raw.connection.sendall(frame(1, b"x"))
        assert ai.arrived.acquire(timeout=DEADLINE)
        raw.connection.shutdown(socket.SHUT_WR)
        assert ai.closed_by_client.wait(0.1 * DEADLINE)
        assert raw.ended()


def test_a_post_goes_on_after_an_end_and_ends_with_a_reset(serve, ai):
    host = serve("pipeline: p\nresources:\n  m: {openai: {url: \"%s\", key: k}}\n  d: {sqlite: {path: data/stagecoach.db}}\n"
                 "stages: [receive, complete, persist, respond]\n" % ai.url)
    ai.script = ["hang"]
    with Raw(host.raw()) as raw:
        raw.send("POST", "/ws", body={"prompt": "x"})
        assert ai.arrived.acquire(timeout=DEADLINE)
        raw.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.stream.close()
    assert ai.closed_by_client.wait(0.1 * DEADLINE)
    ai.closed_by_client.clear()
    # A reset counts after an end, too.
    ai.script = ["hang"]
    with Raw(host.raw()) as raw:
        raw.send("POST", "/ws", body={"prompt": "x"})
        raw.connection.shutdown(socket.SHUT_WR)
        assert ai.arrived.acquire(timeout=DEADLINE) and not ai.closed_by_client.wait(0.2)
        raw.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.stream.close()
    assert ai.closed_by_client.wait(0.1 * DEADLINE)
    # One that is just closed looks like one that has said all: what it asked is worked on.
    with Raw(host.raw()) as raw:
        raw.send("POST", "/ws", body={"prompt": "kept"})
    assert [row["response"] for row in host.wait_for_rows(1)] == ["kept"]


# Silence.

def test_an_event_stream_has_a_header_after_10_seconds_and_then_comments_whatever_the_model_does(serve, ai):
    """Four streams at once, as the times are fixed. Comments are seen where there is time for it (SILENCE=27)."""
    slow = echo(serve, delay=f"{SILENCE}s")
    quick = echo(serve, delay="12s")
    failing = serve("pipeline: f\nresources: {m: {echo: {delay: 30s}}}\n"
                    "stages:\n  - receive\n  - complete: {timeout: 11s}\n  - respond\n")
    seen, problems = {}, []

    def read(name, host, **options):
        try:
            began = time.monotonic()
            with Raw(host.raw()) as raw:
                raw.connection.settimeout(30 + DEADLINE)
                raw.send("POST", "/ws", {"Accept": "text/event-stream", **options.pop("fields", {})}, {"prompt": name}, **options)
                answer = raw.head()
                times = [("head", time.monotonic() - began)]
                pieces = iter(raw.chunk, b"") if answer["transfer-encoding"] else iter(raw.stream.readline, b"")
                for piece in pieces:
                    times.append((piece.decode(), time.monotonic() - began))
                seen[name] = (answer, times)
        except Exception as problem:
            problems.append((name, repr(problem)))

    threads = [threading.Thread(target=read, args=arguments, kwargs=options) for arguments, options in (
        (("slow", slow), {}), (("quick", quick), {}), (("failing", failing), {}), (("old", quick), {"version": "1.0"}))]
    for thread in threads:
        thread.start()
    # A client that is just gone is found out then.
    ai.script = ["hang"]
    gone = serve("pipeline: p\nresources: {m: {openai: {url: \"%s\", key: k}}}\nstages: [receive, complete, respond]\n" % ai.url)
    with Raw(gone.raw()) as raw:
        raw.send("POST", "/ws", {"Accept": "text/event-stream"}, {"prompt": "gone"})
        assert ai.arrived.acquire(timeout=DEADLINE)
    raw.stream.close()
    assert not ai.closed_by_client.wait(2) and ai.closed_by_client.wait(10 + DEADLINE)
    for thread in threads:
        thread.join()
    assert not problems
    for answer, times in seen.values():
        assert answer.status == 200 and answer["content-type"] == "text/event-stream"
        assert 9.9 < times[0][1] < 10 + DEADLINE / 5
    _, times = seen["slow"]
    *comments, (last, _) = times[1:]
    assert '"response":"slow"' in last and len(comments) == (SILENCE - 10) // 15
    for number, (text, time_) in enumerate(comments):
        assert text == ":\n\n" and 24.9 < time_ - 15 * number < 25 + DEADLINE / 5
    _, times = seen["quick"]
    assert '"response":"quick"' in times[1][0] and len(times) == 2
    _, times = seen["failing"]
    assert '"type":"error"' in times[1][0] and "timeout" in times[1][0]
    assert any('"response":"old"' in text for text, _ in seen["old"][1])


def test_an_error_before_that_has_its_status(serve):
    host = serve("pipeline: f\nresources: {m: {echo: {delay: 30s}}}\n"
                 "stages:\n  - receive\n  - complete: {timeout: 200ms}\n  - respond\n")
    with Raw(host.raw()) as raw:
        answer = raw.ask("POST", "/ws", {"Accept": "text/event-stream"}, {"prompt": "x"})
        assert answer.status == 504 and answer["content-type"] == "application/json"


# Over TLS.

class Encrypted:
    """TLS over a socket, with each half closed by itself."""

    def __init__(self, connection):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.connection = connection
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing)
        self.do(self.tls.do_handshake)

    def do(self, action, waits=True):
        while True:
            try:
                return action()
            except ssl.SSLWantReadError:
                if not waits:
                    return None
                if pending := self.outgoing.read():
                    self.connection.sendall(pending)
                received = self.connection.recv(65536)
                assert received, "the connection ended"
                self.incoming.write(received)
            finally:
                if pending := self.outgoing.read():
                    self.connection.sendall(pending)

    def send(self, data):
        self.do(lambda: self.tls.write(data))

    def say_goodbye(self):
        self.do(self.tls.unwrap, waits=False)

    def read_to_the_end(self):
        data = b""
        with contextlib.suppress(ssl.SSLZeroReturnError, ssl.SSLEOFError):
            while (piece := self.do(lambda: self.tls.read(65536))):
                data += piece
        return data


POST = b"POST /ws HTTP/1.1\r\nHost: localhost\r\nContent-Length: 15\r\n\r\n{\"prompt\": \"x\"}"


def test_over_tls_a_sending_half_is_closed_by_a_goodbye_and_a_connection_without_one(serve, ai, tmp_path):
    tls = "host: {tls: {certificate: c.pem, key: k.pem}}"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-keyout", tmp_path / "k.pem", "-out", tmp_path / "c.pem"], check=True, capture_output=True)
    host = serve(f"pipeline: p\n{tls}\nresources: {{m: {{echo: {{delay: 200ms}}}}}}\nstages: [receive, complete, respond]\n")
    with host.raw() as connection:
        client = Encrypted(connection)
        client.send(POST)
        client.say_goodbye()
        connection.shutdown(socket.SHUT_WR)
        assert b'"response":"x"' in client.read_to_the_end()
    ai.script = ["hang"]
    host = serve(f"pipeline: p\n{tls}\nresources: {{m: {{openai: {{url: \"{ai.url}\", key: k}}}}}}\nstages: [receive, complete, respond]\n")
    with host.raw() as connection:
        client = Encrypted(connection)
        client.send(POST)
        assert ai.arrived.acquire(timeout=DEADLINE)
        connection.shutdown(socket.SHUT_WR)
        assert ai.closed_by_client.wait(0.1 * DEADLINE)
        began = time.monotonic()
        while connection.recv(65536):
            pass
        # Not after the 5 s for which TLS waits for a goodbye.
        assert time.monotonic() - began < 0.2 * DEADLINE
