"""What `/healthz` and `/readyz` say, and to whom."""

import http.client
import signal
import urllib.error
import urllib.request

from conftest import DEADLINE, ROOT, receive, wait_until

SMALL = (ROOT / "pipelines/offline.yaml").read_text() + "\nhost:\n  limits: {connections: 1}\n"


def get(host, path):
    try:
        with urllib.request.urlopen(f"{host.http}{path}", timeout=DEADLINE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def ask(connection, path):
    """A request on a connection that is kept."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, answer.read().decode()


def test_every_resource_that_is_ready_is_named(offline):
    assert get(offline, "/healthz") == (200, "ok\n")
    assert get(offline, "/readyz") == (200, "offline model: ready\noffline database: ready\n")


def test_a_resource_that_is_not_says_why_without_an_address(serve):
    pipeline = (ROOT / "pipelines/chat.yaml").read_text().replace(
        "sqlite: {path: data/stagecoach.db}", "postgres: {url: 'postgresql://someone:password@127.0.0.1:9/nowhere'}")
    host = serve(pipeline)
    status, text = get(host, "/readyz")
    assert status == 503 and text == "chat model: OpenAI client not initialized\nchat database: Database not connected\n"
    assert get(host, "/healthz") == (200, "ok\n")


def test_a_host_that_stops_lives_and_is_not_ready(chat, ai):
    ai.script = ["gate"]
    # Each is answered once more while the host stops, which takes no new connection.
    with chat.connect() as client, chat.raw() as ready, chat.raw() as alive, chat.raw() as other:
        for watcher in (ready, alive, other):
            assert ask(watcher, "/readyz")[0] == 200
        client.send("hello")
        assert ai.arrived.acquire(timeout=DEADLINE)
        chat.process.send_signal(signal.SIGTERM)
        text = wait_until(lambda: (answer := ask(ready, "/readyz"))[0] == 503 and answer[1], "the host to be stopping")
        assert text.startswith("stopping\n")
        assert ask(alive, "/healthz") == (200, "ok\n")
        assert ask(other, "/")[0] == 503
        ai.released.release()
        assert receive(client) == "hello"
    # A second signal would end it at once.
    assert chat.process.wait(timeout=40) == 0


def test_a_host_that_is_full_still_says_how_it_is(serve):
    host = serve(SMALL)
    with host.connect() as client:
        client.send("hello")
        assert receive(client) == "hello"
        assert get(host, "/")[0] == 503
        for path in ("/healthz", "/readyz", "/metrics"):
            assert get(host, path)[0] == 200, path
