"""More than the host can do, and clients that come and go without end: for a few seconds here, for ten minutes with
`scripts/load`."""

import contextlib
import itertools
import os
import resource
import selectors
import socket
import threading
import time

import pytest

from conftest import DEADLINE, receive, wait_until, waiting
from pace import drive
from test_disconnects import files
from test_metrics import Metrics
from test_protocol import KEY, frame

# Under a sanitizer nothing has the pace that is asked here.
pytestmark = [pytest.mark.memory, pytest.mark.alone]
SECONDS = float(os.environ.get("LOAD_SECONDS", "5"))
# An optimised build takes far more than 1,000 connections a second; the one for debugging about a fifth of that.
STORM = float(os.environ.get("LOAD_STORM", "100"))
DELAY, WORKERS, CAPACITY = 0.02, 4, 10
# What the workers do where none of them ever waits for a message.
MOST = WORKERS / DELAY
# So many that a client's last message has ended before its next.
CLIENTS = 80

OVERLOADED = f"""
pipeline: overloaded
resources:
  model: {{echo: {{delay: {int(DELAY * 1000)}ms}}}}
stages:
  - receive: {{format: json}}
  - validate
  - background: {{stages: [complete, respond], workers: {WORKERS}, capacity: {CAPACITY}, when_full: reject}}
"""


def test_twice_of_what_it_can_do_leaves_as_many_answers_and_tells_the_rest_at_once(serve):
    host = serve(OVERLOADED, env={"LOG_LEVEL": "critical"})
    depths, over = [], threading.Event()

    def watch():
        while not over.wait(0.2):
            depths.append(waiting(host))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        pace = drive(host.url(), 2 * MOST, SECONDS, connections=CLIENTS)
    finally:
        over.set()
        watcher.join()
    answers = len(pace.answered) / SECONDS
    assert {error["error"]["code"] for error in pace.errors} == {"busy"}
    late = sorted(pace.error_delays)
    usually, rarely = late[len(late) // 2], late[int(len(late) * 0.99)]
    print(f"load: {answers:.0f} answers a second beside {MOST:.0f} at most, 'busy' after {usually * 1000:.1f} ms, "
          f"{rarely * 1000:.1f} ms for one in a hundred")
    assert answers >= 0.9 * MOST
    assert rarely < 0.1
    assert depths and max(depths) <= CAPACITY


class Figures:
    """What the host's process holds."""

    def __init__(self, host):
        self.files, self.threads = files(host), len(os.listdir(f"/proc/{host.process.pid}/task"))

    def __str__(self):
        return f"{self.files} descriptors, {self.threads} threads"


def others(host):
    """Connections besides the one that asks."""
    return Metrics(host).value("stagecoach_connections") - 1


def come_and_go(host, rate, seconds, faults, counts):
    """A thread's share of the storm: in, a prompt, and out, every other time without a word."""
    # Not by `opened`, which reads the answer byte by byte: too slow for so many.
    hello = (f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{host.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode()
    begin, count = time.monotonic(), 0
    while (due := count / rate) < seconds:
        time.sleep(max(0, begin + due - time.monotonic()))
        try:
            with socket.create_connection(("127.0.0.1", host.port), timeout=DEADLINE) as client:
                client.sendall(hello)
                if b" 101 " not in client.recv(4096):
                    faults.append("was not let in")
                client.sendall(frame(1, b"x") if count % 2 else frame(1, b"x") + frame(8, b"\x03\xe8"))
        except OSError as error:
            faults.append(repr(error))
        count += 1
    counts.append((count, time.monotonic() - begin))


def test_clients_that_come_and_go_leave_nothing_behind(serve):
    host = serve("pipeline: p\nresources: {m: echo}\nstages: [receive, validate, complete, respond]\n",
                 env={"LOG_LEVEL": "critical"})
    faults, counts, crowd = [], [], 8

    def storm(seconds, counts):
        threads = [threading.Thread(target=come_and_go, args=(host, STORM / crowd, seconds, faults, counts))
                   for _ in range(crowd)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    storm(1, [])  # by then it has the threads that it needs
    wait_until(lambda: others(host) == 0, "the connections' end")
    before = Figures(host)
    storm(SECONDS, counts)
    assert not faults, (len(faults), faults[:5])
    rate = sum(count / seconds for count, seconds in counts)
    wait_until(lambda: others(host) == 0, "the connections' end")
    after = Figures(host)
    print(f"load: {rate:.0f} connections a second; {before}, then {after}")
    assert rate >= 0.9 * STORM
    assert abs(after.files - before.files) <= 5 and abs(after.threads - before.threads) <= 5, f"{before}, then {after}"
    with host.connect() as client:
        client.send("still here")
        assert client.recv(timeout=DEADLINE) == "still here"


def trickle(sockets, over):
    """A byte of a request each second on every second socket, and nothing on the others."""
    request = itertools.cycle(b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Padding: " + b"x" * 1000)
    while not over.wait(1):
        byte = bytes([next(request)])
        for client in sockets[::2]:
            with contextlib.suppress(OSError):
                client.send(byte)


def closing_times(sockets, seconds):
    """After how long each was closed; those that were not are left out."""
    begin, times = time.monotonic(), {}
    with selectors.DefaultSelector() as selector:
        for client in sockets:
            selector.register(client, selectors.EVENT_READ)
        while len(times) < len(sockets) and time.monotonic() < begin + seconds:
            for key, _ in selector.select(timeout=0.1):
                with contextlib.suppress(ConnectionResetError):
                    if key.fileobj.recv(4096):
                        continue
                times[key.fileobj] = time.monotonic() - begin
                selector.unregister(key.fileobj)
    return list(times.values())


def test_thousands_that_never_finish_their_handshake_are_closed_and_keep_nobody_out(serve):
    limit, patience = 5, 2
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(5_000, hard // 2 - 500)
    host = serve("pipeline: p\nresources: {m: echo}\nstages: [receive, complete, respond]\n"
                 f"host: {{limits: {{handshake: {limit}s}}}}\n", env={"LOG_LEVEL": "critical"})
    joined, over = [], threading.Event()

    def join():
        while not over.is_set():
            begin = time.monotonic()
            with host.connect() as client:
                joined.append(time.monotonic() - begin)
                client.send("hello")
                assert receive(client) == "hello"
            over.wait(0.01)

    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(host.raw()) for _ in range(count)]
        for client in sockets:
            client.setblocking(False)
        threads = [threading.Thread(target=join), threading.Thread(target=trickle, args=(sockets, over))]
        for thread in threads:
            thread.start()
        times = closing_times(sockets, limit + patience)
        over.set()
        for thread in threads:
            thread.join()
    rarely = sorted(joined)[int(len(joined) * 0.99)]
    print(f"load: {len(times)} of {count} closed after {max(times):.2f} s at most, meanwhile {len(joined)} let in, "
          f"one in a hundred after {rarely * 1000:.0f} ms")
    assert len(times) == count and len(joined) > 50
    assert rarely < 1
