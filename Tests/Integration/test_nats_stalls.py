"""A NATS server that takes nothing any more, and a connection to it that breaks in the middle of a message: what waits comes,
and the host goes on with the rest."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import socket
import threading
import time
import urllib.request

from conftest import DEADLINE, receive_json, say, wait_until
from test_nats import SHARED

# Together more than an event loop keeps for a server that does not read (16 MiB), and than its socket does (4 MB).
CLIENTS, SIZE = 96, 400_000
LARGE = SHARED.replace("pipeline: chat", f"pipeline: chat\nhost: {{limits: {{message: {SIZE + 1_000}B}}}}").replace(
    "64MiB", "256MiB")


class Between:
    """Between host and server: takes nothing while it is paused, and breaks the connection, once, on which the server has
    sent so many bytes since it was told to.

    It has little room: a system may give a socket that nobody reads 32 MiB, and then nothing would wait at the host. While it
    is paused it answers pings: else the host would give the connection up, and what waits with it.
    """

    def __init__(self, server, after=None):
        self.server, self.after, self.hasBroken = server, None, threading.Event()
        self.limit, self.hosts = after, []
        self.flows, self.lock = threading.Event(), threading.Lock()
        self.flows.set()
        self.listener = socket.socket()
        # Before it listens: the connections have the same, and it stays as it is.
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.url = f"nats://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def arm(self):
        self.after = self.limit

    def pause(self):
        """Once the server has said what it had to say: what is said for it comes between two of its messages."""
        self.flows.clear()
        threading.Thread(target=self.answer, daemon=True).start()

    def go_on(self):
        with self.lock:
            self.flows.set()

    def answer(self):
        while not self.flows.wait(0.5):
            with self.lock, contextlib.suppress(OSError):
                for host in self.hosts if not self.flows.is_set() else []:
                    host.sendall(b"PONG\r\n")

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                self.hosts.append(near)
                far = socket.create_connection(("127.0.0.1", self.server.port))
                for source, target, counts in ((near, far, False), (far, near, True)):
                    threading.Thread(target=self.pump, args=(source, target, counts), daemon=True).start()

    def pump(self, source, target, counts):
        sent = 0
        with contextlib.suppress(OSError):
            while data := source.recv(16_384):
                self.flows.wait()
                target.sendall(data)
                sent = sent + len(data) if counts and self.after else 0
                if sent and sent > self.after:
                    self.after = None
                    self.hasBroken.set()
                    break
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.go_on()
        self.listener.close()


def wanted_seconds(host):
    """How long the host's threads have run, or have waited for a processor that others had."""
    total = 0
    for thread in pathlib.Path(f"/proc/{host.process.pid}/task").iterdir():
        # One may have ended.
        with contextlib.suppress(OSError):
            total += sum(map(int, (thread / "schedstat").read_text().split()[:2]))
    return total / 1e9


def test_a_host_answers_others_while_more_waits_for_nats_than_it_keeps(serve, nats):
    # With one processor it has one event loop.
    one = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
    prompt = json.dumps({"prompt": "x" * SIZE})
    with contextlib.ExitStack() as stack:
        between = stack.enter_context(contextlib.closing(Between(nats)))
        host = serve(LARGE, env={"NATS_URL": between.url}, prefix=one)
        clients = [stack.enter_context(host.connect(max_size=None)) for _ in range(CLIENTS)]
        for client in clients:
            receive_json(client)
        clients[0].send(prompt)
        assert receive_json(clients[0])["type"] == "response"
        host.wait_for_rows(1)
        between.pause()
        try:
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                list(pool.map(lambda client: client.send(prompt), clients))
            rest = False
            end = time.monotonic() + 30
            while not rest and time.monotonic() < end:
                before = wanted_seconds(host)
                time.sleep(1)
                # Once it has read what has come; an event loop that tries again and again has none.
                rest = wanted_seconds(host) - before < 0.5
                with urllib.request.urlopen(f"{host.http}/healthz", timeout=2 * DEADLINE) as answer:
                    assert answer.status == 200
        finally:
            between.go_on()
        assert rest, "the host has no rest"
        for client in clients:
            assert json.loads(client.recv(timeout=60))["type"] == "response"
    wait_until(lambda: len(host.rows("id")) == CLIENTS + 1, "the rows", deadline=60)


def test_a_connection_that_breaks_in_the_middle_of_a_message_is_followed_by_a_whole_one(serve, nats):
    with contextlib.closing(Between(nats, after=100_000)) as between:
        host = serve(LARGE, env={"NATS_URL": between.url})
        with host.connect(max_size=None) as client:
            receive_json(client)
            assert say(client, "small")["type"] == "response"
            host.wait_for_rows(1)
            between.arm()
            assert say(client, "x" * SIZE)["type"] == "response"
            assert between.hasBroken.wait(DEADLINE), "the message was on its way back"
            wait_until(lambda: len(host.rows("id")) == 2, "the row of the message that broke off", deadline=60)
            assert say(client, "small again")["type"] == "response"
            wait_until(lambda: len(host.rows("id")) == 3, "what follows", deadline=60)
