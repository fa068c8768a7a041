"""A NATS server that takes nothing any more, and a connection to it that breaks in the middle of a message: what waits comes,
and the host goes on with the rest."""

import concurrent.futures
import contextlib
import json
import os
import socket
import threading
import time
import urllib.request

from conftest import DEADLINE, receive_json, say, wait_until
from natsserver import free_port
from test_limits import cpu_seconds
from test_nats import SHARED

# Together more than an event loop keeps for a server that does not read (16 MiB), and than the sockets' buffers.
CLIENTS, SIZE = 96, 400_000
LARGE = SHARED.replace("pipeline: chat", f"pipeline: chat\nhost: {{limits: {{message: {SIZE + 1_000}B}}}}").replace(
    "64MiB", "256MiB")


def test_a_host_answers_others_while_more_waits_for_nats_than_it_keeps(serve, nats):
    # With one processor it has one event loop.
    one = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
    host = serve(LARGE, env={"NATS_URL": nats.url}, prefix=one)
    prompt = json.dumps({"prompt": "x" * SIZE})
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(host.connect(max_size=None)) for _ in range(CLIENTS)]
        for client in clients:
            receive_json(client)
        clients[0].send(prompt)
        assert receive_json(clients[0])["type"] == "response"
        nats.pause()
        try:
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                list(pool.map(lambda client: client.send(prompt), clients))
            rest = False
            end = time.monotonic() + 15
            while not rest and time.monotonic() < end:
                before = cpu_seconds(host)
                time.sleep(1)
                # Once it has read what has come; an event loop that tries again and again has none.
                rest = cpu_seconds(host) - before < 0.5
                with urllib.request.urlopen(f"{host.http}/healthz", timeout=2 * DEADLINE) as answer:
                    assert answer.status == 200
        finally:
            nats.go_on()
        assert rest, "the host has no rest"
        for client in clients:
            assert json.loads(client.recv(timeout=60))["type"] == "response"
    wait_until(lambda: len(host.rows("id")) == CLIENTS + 1, "the rows", deadline=60)


class Breaking:
    """Between host and server: breaks the connection, once, on which the server has sent so many bytes since it was told to."""

    def __init__(self, server, after):
        self.server, self.after, self.hasBroken = server, None, threading.Event()
        self.limit = after
        self.listener = socket.create_server(("127.0.0.1", free_port()))
        self.url = f"nats://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def arm(self):
        self.after = self.limit

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.server.port))
                for source, target, counts in ((near, far, False), (far, near, True)):
                    threading.Thread(target=self.pump, args=(source, target, counts), daemon=True).start()

    def pump(self, source, target, counts):
        sent = 0
        with contextlib.suppress(OSError):
            while data := source.recv(16_384):
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
        self.listener.close()


def test_a_connection_that_breaks_in_the_middle_of_a_message_is_followed_by_a_whole_one(serve, nats):
    with contextlib.closing(Breaking(nats, after=100_000)) as between:
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
