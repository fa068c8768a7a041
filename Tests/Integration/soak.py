"""Good and bad clients, reloads and database restarts for as long as one likes; `scripts/soak` runs it.

Every answer that a good client got must be a row, once, with what was said; and when everybody has gone, the host must
have the memory and the descriptors that it had after the first quarter of the time, give or take 5 %. (15 % of memory in a run
of a few minutes: the heap of a process takes longer than that to find its size.)
"""

import asyncio
import collections
import json
import os
import pathlib
import random
import re
import signal
import socket
import struct
import threading
import time
import urllib.request
import zlib

from websockets.asyncio.client import connect

from conftest import wait_until, waiting
from test_protocol import KEY, frame

SECONDS = float(os.environ.get("SOAK_SECONDS", "180"))
GOOD, BAD = 12, 4
ALLOWED = 0.05
ALLOWED_MEMORY = ALLOWED if SECONDS >= 1800 else 0.15

HOST = """
host:
  compression: true
  limits: {handshake: 5s, write: 2s, outbound: 256KiB, ping: 5s, frames_per_second: 500}
"""
FLOW = """
pipeline: NAME
resources:
  model: MODEL
  database: {postgres: {url: "${DATABASE_URL}", create: true}}
stages:
  - receive: {path: /NAME, format: json, on_disconnect: finish}
  - validate: {resources: [model], max_length: 8000}
  - complete: {stream: true}
  - persist: {}
    async: {capacity: 100000}
  - respond: {stream: true}
"""
ECHO = FLOW.replace("NAME", "echo").replace("MODEL", "echo") + HOST
AI = FLOW.replace("NAME", "ai").replace("MODEL", 'openai: {url: "${OPENAI_BASE_URL}", key: k}').replace(
    "model: openai", "model:\n    openai")


class Figures:
    """What the process holds while nobody is there.

    Connections to the database and to the model are counted by themselves: each is made when it is needed and kept, so how many
    there are depends on how many were needed at once since the last restart of the database, or the last reload.
    """

    def __init__(self, process, pools):
        folder = pathlib.Path(f"/proc/{process}")
        self.memory = int(re.search(r"VmRSS:\s+(\d+)", (folder / "status").read_text())[1])
        sockets = [line.split() for line in (folder / "net/tcp").read_text().splitlines()[1:]]
        names = {
            f"socket:[{field[9]}]": pools[port]
            for field in sockets if (port := int(field[2].split(":")[1], 16)) in pools}
        kinds = collections.Counter(
            names.get(target := self.target(file)) or re.sub(r"\d+", "N", target) for file in (folder / "fd").iterdir())
        self.pooled = {name: kinds.pop(name, 0) for name in pools.values()}
        self.kinds = dict(sorted(kinds.items()))
        self.files = kinds.total()

    @staticmethod
    def target(file):
        try:
            return os.readlink(file)
        except FileNotFoundError:
            return "closed this instant"

    def __str__(self):
        return f"{self.memory} KiB, {self.files} descriptors ({self.kinds}), pools {self.pooled}"


class Soak:
    def __init__(self, host, database, model):
        self.host, self.database = host, database
        self.pools = {database.server.port: "database", model.port: "model"}
        self.said = {}  # what each answered message said, by its id
        self.counts = collections.Counter()
        self.faults = []
        self.ends = 0

    # Good clients.

    async def good(self, number):
        chosen = random.Random(number)
        while time.monotonic() < self.ends:
            kind = chosen.choice([self.talk, self.talk, self.leave, self.post])
            try:
                await kind(chosen)
            except Exception as error:  # whatever it is, the test ends with it
                self.faults.append(f"{kind.__name__}: {error!r}, {error.__cause__!r}")
            await asyncio.sleep(chosen.random() / 20)

    def socket(self, chosen):
        path = chosen.choice(["/echo", "/echo", "/ai"])
        return connect(self.host.url(path=path), max_queue=None, open_timeout=30,
                       compression=chosen.choice([None, "deflate"]))

    async def talk(self, chosen):
        """Asks some things, a few of them ahead, and wants every answer in its order."""
        async with self.socket(chosen) as client:
            session = json.loads(await client.recv())["session_id"]
            prompts = [f"{session} {number} {'é' * chosen.randrange(400)}" for number in range(chosen.randrange(1, 30))]
            ahead, sent = chosen.randrange(1, 4), 0
            for number, prompt in enumerate(prompts):
                while sent < min(len(prompts), number + ahead):
                    await client.send(json.dumps({"id": str(sent), "prompt": prompts[sent]}))
                    sent += 1
                answer = await self.answer(client)
                if answer.get("id") != str(number) or answer.get("response") != prompt:
                    self.faults.append(f"number {number} got {str(answer)[:300]}")
                    return
                self.said[answer["message_id"]] = prompt
                self.counts["answers"] += 1

    async def answer(self, client):
        while True:
            answer = json.loads(await asyncio.wait_for(client.recv(), 60))
            if answer["type"] != "delta":
                return answer

    async def leave(self, chosen):
        """Goes away in the middle."""
        client = await self.socket(chosen)
        await client.recv()
        await client.send(json.dumps({"prompt": "never mind"}))
        client.transport.abort()
        self.counts["left"] += 1

    async def post(self, chosen):
        prompt = f"post {chosen.random()}"
        request = urllib.request.Request(f"{self.host.http}/echo", json.dumps({"prompt": prompt}).encode())
        answer = json.loads(await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=60).read()))
        assert answer["response"] == prompt, answer
        self.said[answer["message_id"]] = prompt
        self.counts["posts"] += 1

    # Bad clients: each opens a connection and does one thing that it must not.

    def bad(self, number):
        chosen = random.Random(-number)
        while time.monotonic() < self.ends:
            kind = chosen.choice([self.noise, self.half_a_handshake, self.breach, self.pings, self.bomb, self.reset,
                                  self.deaf])
            try:
                with socket.create_connection(("127.0.0.1", self.host.port), timeout=10) as connection:
                    kind(connection, chosen)
            except OSError:
                pass  # the host need not be polite
            self.counts[kind.__name__] += 1
            time.sleep(0.02)

    def shake(self, connection, more=""):
        connection.sendall(
            f"GET /echo HTTP/1.1\r\nHost: 127.0.0.1:{self.host.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{more}\r\n".encode())
        return connection.recv(4096)

    def until_closed(self, connection):
        connection.settimeout(10)
        while connection.recv(1 << 16):
            pass

    def noise(self, connection, chosen):
        connection.sendall(chosen.randbytes(2000))
        self.until_closed(connection)

    def half_a_handshake(self, connection, chosen):
        connection.sendall(b"GET /echo HTTP/1.1\r\nHost: ")
        self.until_closed(connection)

    def breach(self, connection, chosen):
        self.shake(connection)
        connection.sendall(chosen.choice([
            frame(1, b"bare", mask=None), frame(1, length=100 << 30), frame(3, b"x"), frame(1, b"\xff"), frame(0, b"x"),
            frame(1, b"x", final=False) + frame(0, b"x", final=False) * 300, frame(2, b"x"), frame(8, b"\x03")]))
        self.until_closed(connection)

    def pings(self, connection, chosen):
        self.shake(connection)
        connection.sendall(frame(9, b"p" * 100) * 20_000)
        time.sleep(0.1)

    def bomb(self, connection, chosen):
        self.shake(connection, "Sec-WebSocket-Extensions: permessage-deflate\r\n")
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = (packer.compress(bytes(1 << 22)) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
        connection.sendall(frame(1, packed, reserved=0x40))
        self.until_closed(connection)

    def reset(self, connection, chosen):
        self.shake(connection)
        connection.sendall(frame(1, b'{"prompt": "gone"}') * 5 + b"\x81")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def deaf(self, connection, chosen):
        self.shake(connection)
        connection.settimeout(4)
        prompt = frame(1, json.dumps({"prompt": "x" * 7000}).encode())
        try:
            for _ in range(200):
                connection.sendall(prompt)
        except TimeoutError:
            pass

    # What happens to the host meanwhile.

    def reloads(self):
        texts = [ECHO, ECHO.replace("max_length: 8000", "max_length: 9000"), ECHO.replace("stages:", "stages: wrong"),
                 ECHO.replace("- validate", "- log: {}\n  - validate")]
        number = 0
        while time.monotonic() < self.ends:
            number += 1
            (self.host.folder / "pipeline-0.yaml").write_text(texts[number % len(texts)])
            self.host.process.send_signal(signal.SIGHUP)
            self.counts["reloads"] += 1
            time.sleep(3)

    def restarts(self):
        while time.monotonic() < self.ends:
            time.sleep(min(20, max(0, self.ends - time.monotonic())))
            self.database.server.stop()
            self.database.server.start()
            self.counts["restarts"] += 1

    # The whole.

    def run(self, seconds):
        """Everything at once for so long; then everybody leaves, and what waits is stored."""
        self.ends = time.monotonic() + seconds
        threads = [threading.Thread(target=self.bad, args=(number,)) for number in range(1, 1 + BAD)]
        threads += [threading.Thread(target=self.reloads), threading.Thread(target=self.restarts)]
        for thread in threads:
            thread.start()

        async def everybody():
            await asyncio.gather(*map(self.good, range(GOOD)))

        asyncio.run(everybody())
        for thread in threads:
            thread.join()
        assert not self.faults, self.faults[:5]
        wait_until(lambda: waiting(self.host) == 0, "the queues to be empty", deadline=60, pause=0.2)
        wait_until(lambda: self.connections() <= 1, "the connections to be closed", deadline=30, pause=0.2)
        self.stored()
        return self.at_rest()

    def at_rest(self):
        """The host gives memory back some seconds after the last has left."""
        figures = []

        def rests():
            figures.append(Figures(self.host.process.pid, self.pools))
            return len(figures) > 2 and abs(figures[-1].memory - figures[-3].memory) < figures[-1].memory / 200

        wait_until(rests, "the memory to stay the same", deadline=120, pause=6)
        return figures[-1]

    def connections(self):
        with urllib.request.urlopen(f"{self.host.http}/metrics", timeout=10) as answer:
            return float(re.search(r"^stagecoach_connections (\S+)$", answer.read().decode(), re.M)[1])

    def stored(self):
        """Every answer is a row, once (the id is the key), with what was said."""
        rows = {str(row["id"]): row for row in self.database.rows()}
        for message, prompt in self.said.items():
            row = rows.get(message)
            assert row and row["prompt"] == prompt and row["response"] == prompt, f"{message} is stored as {row}"
        self.said.clear()
        self.database.execute("DELETE FROM requests")


def test_the_host_is_after_a_long_time_what_it_was(serve, ai, stoppable_postgres):
    host = serve(ECHO, AI, env={
        "DATABASE_URL": stoppable_postgres.url(), "OPENAI_BASE_URL": ai.url, "LOG_LEVEL": "error"})
    soak = Soak(host, stoppable_postgres, ai)
    before = soak.run(SECONDS / 4)
    after = soak.run(SECONDS * 3 / 4)
    print(f"soak: {before}, then {after}; {dict(soak.counts)}")
    assert soak.counts["answers"] > SECONDS and soak.counts["restarts"] > 0, soak.counts
    assert abs(after.memory - before.memory) <= before.memory * ALLOWED_MEMORY, f"{before}, then {after}"
    assert abs(after.files - before.files) <= max(2, before.files * ALLOWED), f"{before}, then {after}"
    # A client that left may have its call go on while it makes the next.
    assert after.pooled["model"] <= 2 * (GOOD + BAD), f"{before}, then {after}"
