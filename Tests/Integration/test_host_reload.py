"""What a reload takes of `host:`, for connections that come and for those that are open: limits, origins, metrics, history."""

import json
import socket
import time
import urllib.error
import urllib.request

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from conftest import DEADLINE, metrics, receive, receive_json, wait_until
from rawhttp import Raw
from test_protocol import close_code, frame, handshake, opened, read_frame
from test_reload import reload

ECHO = """
resources: {model: echo, database: {sqlite: {path: data/stagecoach.db}}}
stages: [receive, complete, persist, respond]
"""
SLOW = """
resources: {model: {echo: {delay: 1s}}}
stages: [receive, complete, respond]
"""
HELD = """
resources: {model: echo}
stages: [receive: {format: json, on_disconnect: {hold: 60s}}, complete, respond]
"""


def text(limits="", more="", flow=ECHO):
    return f"pipeline: p\nhost: {{limits: {{{limits}}}{more}}}\n{flow}"


@pytest.fixture
def limited(serve):
    """A host with such limits, and how it gets others."""
    def start(limits, more="", flow=ECHO):
        host = serve(text(limits, more, flow))
        host.change = lambda limits: reload(host, text(limits, more, flow))
        return host

    return start


def says(client, said="x"):
    client.send(said)
    assert receive(client) == said


def refuses(host, **headers):
    try:
        with host.connect(additional_headers=headers):
            return False
    except InvalidStatus as refused:
        assert refused.response.status_code == 503
        return True


def fetch(host, path, data=None, **headers):
    request = urllib.request.Request(f"{host.http}{path}", data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def ends(connection, within=0.2 * DEADLINE):
    """Whether the host closes a connection of which nothing else comes."""
    connection.settimeout(within)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def closes(client):
    with pytest.raises(ConnectionClosed) as closed:
        receive(client)
    return closed.value.rcvd.code


def test_connections(limited):
    host = limited("connections: 1")
    with host.connect() as first:
        assert refuses(host)
        host.change("connections: 2")
        with host.connect() as second:
            assert refuses(host)
            host.change("connections: 1")
            # Nobody is closed who is in, and nobody comes in before they are few enough.
            says(first), says(second)
            assert refuses(host)
        assert refuses(host)


def test_connections_per_address_count_those_that_were_there_before_there_was_a_limit(limited):
    host = limited("connections_per_address: 0")
    with host.connect() as first:
        host.change("connections_per_address: 1")
        assert refuses(host)
        says(first)
        host.change("connections_per_address: 2")
        with host.connect() as second:
            assert refuses(host)
            host.change("connections_per_address: 0")
            assert not refuses(host)
            says(first), says(second)


def test_also_those_that_came_by_a_proxy(limited):
    host = limited("connections_per_address: 0", ", trusted_proxies: [127.0.0.1]")
    here, there = [{"X-Forwarded-For": f"198.51.100.{number}"} for number in (1, 2)]
    with host.connect(additional_headers=here) as first:
        host.change("connections_per_address: 1")
        assert refuses(host, **here) and not refuses(host, **there)
        says(first)


def test_connects_per_second(limited):
    host = limited("connects_per_second: 0")
    assert not any(refuses(host) for _ in range(6))
    host.change("connects_per_second: 2")
    assert any([refuses(host) for _ in range(6)])
    host.change("connects_per_second: 0")
    assert not any(refuses(host) for _ in range(6))


def test_handshake(limited):
    host = limited("handshake: 1h")
    with host.raw() as silent, Raw(host.raw()) as kept:
        assert kept.ask("GET", "/healthz").status == 200
        kept.connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        host.change("handshake: 300ms")
        assert ends(silent) and ends(kept.connection)
        with host.raw() as another:
            assert ends(another)
    host.change("handshake: 1h")
    with host.raw() as silent:
        assert not ends(silent, 0.6)


def test_handshake_of_a_client_that_has_yet_to_send_its_token(serve):
    auth = ", auth: {keys: [a-key-of-clients]}"
    host = serve(text("handshake: 1h", auth))
    with host.connect("format=json") as client:
        reload(host, text("handshake: 300ms", auth))
        assert closes(client) == 1008


@pytest.mark.parametrize("before, after, statuses", [("8KiB", "1KiB", (200, 400)), ("1KiB", "8KiB", (400, 200))])
def test_headers(limited, before, after, statuses):
    host = limited(f"headers: {before}")
    long = {"X-Long": "x" * 2_000}

    def asks():
        with Raw(host.raw()) as connection:
            return connection.ask("GET", "/healthz", long).status

    assert asks() == statuses[0]
    with Raw(host.raw()) as kept, Raw(host.raw()) as fresh, Raw(host.raw()) as posting, Raw(host.raw()) as half:
        assert kept.ask("GET", "/healthz").status == 200
        # Two at once: the second is looked at once the first is answered.
        posting.send("POST", "/ws", body={"prompt": "one"})
        posting.send("POST", "/ws", body={"prompt": "two"})
        assert [posting.answer().json["response"] for _ in range(2)] == ["one", "two"]
        half.connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        host.change(f"headers: {after}")
        assert asks() == statuses[1]
        half.connection.sendall(b"\r\n")
        assert half.answer().status == 200
        for connection in (kept, fresh, posting, half):
            assert connection.ask("GET", "/healthz", long).status == statuses[1]


@pytest.mark.parametrize("compression", [False, True])
@pytest.mark.parametrize("before, after", [("64KiB", "1KiB"), ("1KiB", "64KiB")])
def test_message(limited, before, after, compression):
    host = limited(f"message: {before}", f", compression: {str(compression).lower()}")
    long = json.dumps([number * 7_919 for number in range(300)])
    options = {"compression": "deflate" if compression else None}
    with host.connect(**options) as client, Raw(host.raw()) as kept:
        says(client, long if before == "64KiB" else long[:500])
        assert kept.ask("POST", "/ws", body={"prompt": "x"}).status == 200
        host.change(f"message: {after}")
        with host.connect(**options) as another:
            for connection in (client, another):
                judges(connection, long, after == "64KiB")
        status = kept.ask("POST", "/ws", body={"prompt": long}).status
        assert status == (200 if after == "64KiB" else 413)


def judges(connection, long, is_taken):
    if is_taken:
        return says(connection, long)
    says(connection, long[:500])
    connection.send(long)
    assert closes(connection) == 1009


def test_a_message_that_is_under_way_is_judged_by_what_it_becomes(limited):
    host = limited("message: 64KiB")
    with opened(host) as connection:
        connection.sendall(frame(1, b"x" * 2_000, final=False) + frame(9, b"p"))
        assert read_frame(connection) == (10, b"p")
        host.change("message: 1KiB")
        connection.sendall(frame(0, b"x"))
        assert close_code(connection) == 1009


@pytest.mark.parametrize("before, after", [(128, 2), (2, 128)])
def test_fragments(limited, before, after):
    host = limited(f"fragments: {before}")
    pieces = frame(1, b"x", final=False) + frame(0, b"x", final=False) + frame(0, b"x")
    with opened(host) as connection:
        host.change(f"fragments: {after}")
        connection.sendall(pieces)
        if after == 2:
            assert close_code(connection) == 1008
        else:
            assert read_frame(connection) == (1, b"xxx")


def test_ping(limited):
    host = limited("ping: 1h")
    with opened(host) as connection:
        time.sleep(0.8)
        # A client that was silent for longer than two pings has missed none.
        host.change("ping: 300ms")
        assert read_frame(connection)[0] == 9
        connection.sendall(frame(10))
        assert read_frame(connection)[0] == 9
        # One that answers none is closed.
        assert ends(connection)
    with opened(host) as connection:
        host.change("ping: 0s")
        connection.settimeout(1)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_idle(limited):
    host = limited("idle: 1h")
    with host.connect() as client, Raw(host.raw()) as kept:
        says(client)
        assert kept.ask("GET", "/healthz").status == 200
        host.change("idle: 300ms")
        assert closes(client) == 1000
        assert ends(kept.connection)
        with host.connect() as another, Raw(host.raw()) as kept:
            assert kept.ask("GET", "/healthz").status == 200
            host.change("idle: 0s")
            assert not ends(kept.connection, 0.8)
            says(another)


def test_lifetime(limited):
    host = limited("lifetime: 0s")
    with host.connect() as client, Raw(host.raw()) as kept:
        says(client)
        assert kept.ask("GET", "/healthz").status == 200
        host.change("lifetime: 300ms")
        assert closes(client) == 1000
        assert ends(kept.connection)
        host.change("lifetime: 1h")
        with host.connect() as another, Raw(host.raw()) as kept:
            assert not ends(kept.connection, 0.6)
            says(another)


def test_lifetime_that_is_taken_back(limited):
    host = limited("lifetime: 2s")
    with host.connect() as client, Raw(host.raw()) as kept:
        host.change("lifetime: 0s")
        assert not ends(kept.connection, 2.6)
        says(client)


def cut(host, limit):
    found = [line for line in metrics(host).splitlines() if line.startswith("stagecoach_connections_cut_total") and limit in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in found)


def hardly_reading(host):
    """A WebSocket whose client's system takes hardly anything."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    client.settimeout(DEADLINE)
    client.connect(("127.0.0.1", host.port))
    client.sendall(b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
    assert client.recv(1)
    return client


def fill(client, host):
    """Sends prompts until nothing more is taken of it."""
    client.settimeout(0.5)
    with pytest.raises(TimeoutError):
        for _ in range(1_000):
            client.sendall(frame(1, b"x" * 60_000, mask=bytes(4)))


def test_write(limited):
    host = limited("write: 0s")
    with hardly_reading(host) as client:
        fill(client, host)
        host.change("write: 1s")
        wait_until(lambda: cut(host, "write") == 1, "the client to be cut")
        host.change("write: 0s")
    with hardly_reading(host) as client:
        fill(client, host)
        time.sleep(1.5)
        assert cut(host, "write") == 1


def test_outbound(limited):
    """What leaves at once may be more than may wait; the next goes past it."""
    host = limited("write: 0s, outbound: 100MiB", flow=ECHO.replace("receive", "receive: {concurrency: 64}", 1).replace(
        "echo,", "{echo: {delay: 500ms}},"))
    with hardly_reading(host) as client:
        client.sendall(frame(1, b"x" * 60_000, mask=bytes(4)) * 4)
        time.sleep(0.1)
        host.change("write: 0s, outbound: 16KiB")
        wait_until(lambda: cut(host, "outbound") == 1, "the client to be cut")


@pytest.mark.parametrize("before, after, count", [("1MiB", "1KiB", 1), ("1KiB", "1MiB", 6)])
def test_outbound_is_what_is_kept_of_a_session(limited, before, after, count):
    host = limited(f"outbound: {before}", flow=HELD)
    with host.connect() as client:
        session = receive_json(client)["session_id"]

        def ask(number):
            client.send(json.dumps({"prompt": f"{number} " + "x" * 600}))
            receive_json(client)

        if before == "1MiB":
            for number in range(6):
                ask(number)
        host.change(f"outbound: {after}")
        if before == "1KiB":
            for number in range(6):
                ask(number)
    with host.connect(f"session={session}&after=1") as client:
        assert receive_json(client)["resumed"] is True
        client.send(json.dumps({"prompt": "last"}))
        missed = [receive_json(client)["response"] for _ in range(count + 1)]
        assert missed[-1] == "last" and len(missed[0]) > 600


def test_queued(limited):
    host = limited("queued: 1", flow=SLOW)
    with opened(host) as connection:
        connection.sendall(frame(1, b"one") + frame(1, b"two") + frame(9, b"p"))
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(DEADLINE)
        # What waited unread is read on without anything else happening.
        host.change("queued: 64")
        assert read_frame(connection) == (10, b"p")
        assert [read_frame(connection)[1] for _ in range(2)] == [b"one", b"two"]
        host.change("queued: 1")
        connection.sendall(frame(1, b"one") + frame(1, b"two") + frame(9, b"p"))
        began = time.monotonic()
        assert [read_frame(connection)[1] for _ in range(3)] == [b"one", b"two", b"p"]
        assert time.monotonic() - began < 2 + 0.2 * DEADLINE


def kept(host):
    lines = [line for line in metrics(host).splitlines() if line.startswith("stagecoach_kept_bytes{")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def test_kept(limited):
    host = limited("kept: 32MiB", flow=HELD)

    def leave(count):
        for _ in range(count):
            with host.connect() as client:
                receive_json(client)
                client.send(json.dumps({"prompt": "x" * 20_000, "id": "c-1"}))
                receive_json(client)

    leave(20)
    assert kept(host) > 400_000
    host.change("kept: 100KiB")
    assert kept(host) <= 100 << 10
    leave(5)
    assert kept(host) <= 100 << 10
    host.change("kept: 32MiB")
    leave(20)
    assert kept(host) > 400_000


@pytest.mark.parametrize("before, after", [(0, 3), (3, 0)])
def test_frames_per_second(limited, before, after):
    host = limited(f"frames_per_second: {before}")
    with host.connect("format=json") as client:
        receive_json(client)
        host.change(f"frames_per_second: {after}")
        with host.connect("format=json") as another:
            receive_json(another)
            for connection in (client, another):
                for _ in range(10):
                    connection.send(json.dumps({"prompt": "x"}))
                types = [receive_json(connection)["type"] for _ in range(10)]
                assert ("error" in types) == (after == 3)


def test_a_reload_that_says_nothing_new_gives_nobody_anew_what_was_used_up(limited):
    host = limited("frames_per_second: 3, connects_per_second: 2")
    with host.connect("format=json") as client:
        receive_json(client)
        for _ in range(20):
            client.send(json.dumps({"prompt": "x"}))
        assert any(receive_json(client)["type"] == "error" for _ in range(20))
        with pytest.raises(ConnectionClosed):
            for number in range(100):
                host.change(f"frames_per_second: 3, connects_per_second: 2, queued: {number + 1}")
                client.send(json.dumps({"prompt": "x"}))
                client.send(json.dumps({"prompt": "x"}))
                receive_json(client), receive_json(client)
    assert number < 30


def test_origins(serve):
    host = serve(text(more=", origins: [https://old.example]"))
    old, new = "https://old.example", "https://new.example"

    def share(origin):
        status, headers, _ = fetch(host, "/ws", b'{"prompt": "x"}', Origin=origin)
        return status, headers["Access-Control-Allow-Origin"]

    def asks(connection, origin, name):
        return connection.ask("POST", "/ws", {"Origin": origin}, {"prompt": "x"}, host=name).status

    assert share(old) == (200, old) and share(new)[0] == 403
    with host.connect(origin=old) as client, Raw(host.raw()) as kept:
        assert asks(kept, old, "old.example") == 200
        reload(host, text(more=f", origins: [{new}]"))
        assert share(new) == (200, new) and share(old)[0] == 403
        # The names that a host on loopback answers to are those of its origins, too.
        assert asks(kept, new, "new.example") == 200 and asks(kept, old, "old.example") == 403
        # It was let in; an origin says nothing of who speaks.
        says(client)
    with host.connect(origin=new) as client:
        says(client)
    reload(host, text())
    assert share(new) == (403, None)


def test_history(serve):
    host = serve(text())
    with host.connect("format=json") as client:
        session = receive_json(client)["session_id"]
        client.send(json.dumps({"prompt": "x"}))
        receive_json(client)
    assert fetch(host, f"/sessions/{session}")[0] == 404
    reload(host, text(more=", history: true"))
    status, _, body = fetch(host, f"/sessions/{session}")
    assert status == 200 and json.loads(body)[0]["prompt"] == "x"
    reload(host, text())
    assert fetch(host, f"/sessions/{session}")[0] == 404


def test_metrics(serve):
    host = serve(text())
    outside = {"X-Forwarded-For": "198.51.100.1"}
    assert fetch(host, "/metrics", **outside)[0] == 403
    reload(host, text(more=", metrics: open"))
    assert fetch(host, "/metrics", **outside)[0] == 200
    reload(host, text(more=", metrics: auth, auth: {keys: [a-key-of-clients]}"))
    assert fetch(host, "/metrics")[0] == 401
    assert fetch(host, "/metrics", Authorization="Bearer a-key-of-clients")[0] == 200
    reload(host, text(more=", metrics: auth"), "what was served goes on")
    assert any("nobody could see the metrics" in line for line in host.log)
    assert fetch(host, "/metrics")[0] == 401


def test_keys_that_need_a_restart_are_named_and_hold_nothing_else_back(serve):
    host = serve(text("message: 1KiB"))
    changed = "drain: 5s, compression: true, trusted_proxies: [127.0.0.1], tls: {certificate: nowhere, key: nowhere}"
    reload(host, f"pipeline: p\nhost: {{history: true, {changed}}}\n{ECHO}")
    notice = [line for line in host.log if "restart the host" in line]
    assert len(notice) == 1 and '"level":"warning"' in notice[0]
    for key in ("drain", "compression", "trusted_proxies", "tls"):
        assert f"'host: {key}'" in notice[0]
    assert "history" not in notice[0] and "limits" not in notice[0]
    assert fetch(host, "/sessions/5f350470-f5d5-4d96-93db-8d732a78cfc9")[2] == "there is no such session\n"
    with host.connect() as client:
        says(client, "x" * 2_000)
    # What is taken back needs no restart any more, and what stands there with the same value never did.
    reload(host, f"pipeline: p\nhost: {{history: true, drain: 30s}}\n{ECHO}")
    reload(host, f"pipeline: p\nhost: {{drain: 31s}}\n{ECHO}")
    notice = [line for line in host.log if "restart the host" in line]
    assert len(notice) == 2 and "'host: drain' is" in notice[1]


def test_a_section_that_moves_to_another_file_or_goes_is_taken(serve):
    other = "pipeline: q\nresources: {model: echo}\nstages: [receive: {path: /q}, complete, respond]\n"
    host = serve(text("message: 1KiB"), other)
    (host.folder / "pipeline-1.yaml").write_text("host: {limits: {message: 2KiB}}\n" + other)
    reload(host, f"pipeline: p\n{ECHO}")
    with host.connect() as client:
        says(client, "x" * 1_500)
        (host.folder / "pipeline-1.yaml").write_text(other)
        reload(host, f"pipeline: p\n{ECHO}")
        says(client, "x" * 3_000)


def test_of_a_file_that_can_not_be_taken_nothing_is(serve):
    host = serve(text("message: 1KiB"))
    with host.connect() as client:
        for wrong in (text("message: 2KiB", ", history: maybe"),
                      text("message: 2KiB", flow=ECHO.replace("}\nstages", ", outbox: {disk: {path: /proc/nowhere/x.db}}}\nstages")),
                      text("message: 2KiB", ", auth: {jwt: {public_key: nowhere.pem}}")):
            reload(host, wrong, "what was served goes on")
            says(client, "x" * 1_000)
        client.send("x" * 1_500)
        assert closes(client) == 1009


def test_limits_change_while_many_talk(serve):
    """Every reload another limit, on connections of every kind; nobody is closed and nothing is lost."""
    host = serve(text())
    with host.connect() as client, Raw(host.raw()) as kept, Raw(host.raw()) as piped:
        for number in range(30):
            for _ in range(5):
                piped.send("POST", "/ws", body={"prompt": "x" * number * 30})
            client.send("x" * 100)
            host.process.send_signal(1)
            (host.folder / "pipeline-0.yaml").write_text(text(
                f"headers: {4_096 + number}B, message: {20_000 + number}B, queued: {number + 1}, ping: {number + 1}s, "
                f"outbound: {64_000 - number}B, idle: {number + 100}s, frames_per_second: {number * 1_000}"))
            host.process.send_signal(1)
            assert receive(client) == "x" * 100
            assert kept.ask("POST", "/ws", body={"prompt": "y"}).json["response"] == "y"
            for _ in range(5):
                assert piped.answer().json["response"] == "x" * number * 30
    wait_until(lambda: sum("Reloaded" in line for line in host.log) >= 5, "reloads")
