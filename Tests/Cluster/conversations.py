"""Clients that talk through HAProxy without end, come back with their session when they are cut off, and note what they saw."""

import asyncio
import collections
import dataclasses
import json
import random
import time

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from processes import PATIENCE

WORDS = "one two three four five six seven eight".split()
# How often a client connects anew after an answer, as pages are reloaded: so that a host that was started has clients again.
RELOADS = 1 / 20
# Longer than anything may take; who waits for so long connects anew.
SILENCE = 60


@dataclasses.dataclass
class Answer:
    """What a client was told: when, to which of its messages, under which id the row must be, and what the row must say."""

    session: str
    number: int
    message_id: str
    prompt: str
    text: str
    at: float


@dataclasses.dataclass
class Fault:
    """A part that is down from one instant to another, by the clock of `time.monotonic`."""

    name: str
    begun: float
    ended: float | None = None
    allowed: float = 5


class Client:
    def __init__(self, name, url, think=0.1):
        self.name, self.url, self.think = name, url, think
        self.session = None
        self.seq = 0
        self.number = 0
        self.pending = None
        self.is_over = False
        self.answers = []
        # Error frames with their time and code; connections that ended; what must never happen.
        self.errors, self.lost, self.wrong = [], [], []
        self.sent = self.again = self.resumed = 0

    async def run(self):
        while not self.is_over or self.pending:
            try:
                async with connect(self._address(), open_timeout=4 * PATIENCE, close_timeout=1, ping_interval=5 * PATIENCE,
                                   ping_timeout=5 * PATIENCE, proxy=None) as socket:
                    await self._greet(socket)
                    await self._converse(socket)
            except (OSError, WebSocketException, asyncio.TimeoutError):
                self.lost.append(time.monotonic())
                await asyncio.sleep(random.uniform(0.02, 0.1))

    def _address(self):
        query = f"format=json&username={self.name}"
        return f"{self.url}?{query}" + (f"&session={self.session}&after={self.seq}" if self.session else "")

    async def _next(self, socket):
        frame = json.loads(await asyncio.wait_for(socket.recv(), SILENCE * PATIENCE))
        if frame["seq"] <= self.seq:
            self.wrong.append(f"{self.name}: frame {frame['seq']} after {self.seq}: {frame}")
        self.seq = frame["seq"]
        return frame

    async def _greet(self, socket):
        frame = json.loads(await asyncio.wait_for(socket.recv(), SILENCE * PATIENCE))
        if frame["type"] != "session":
            self.wrong.append(f"{self.name}: greeted with {frame}")
        if self.session not in (None, frame["session_id"]):
            self.wrong.append(f"{self.name}: came back to another session")
        self.session = frame["session_id"]
        if frame.get("resumed"):
            self.resumed += 1
        else:
            self.seq = frame["seq"]

    async def _converse(self, socket):
        while not self.is_over or self.pending:
            if self.pending:
                # The same id: it gets the answer that it had or will get.
                self.again += 1
            else:
                self.number += 1
                words = " ".join(random.choices(WORDS, k=random.randint(2, 12)))
                self.pending = f"{self.name} {self.number} {words}"
                self.sent += 1
            await socket.send(json.dumps({"prompt": self.pending, "id": str(self.number)}))
            while self.pending and await self._reply(socket):
                pass
            await asyncio.sleep(random.uniform(0, 2 * self.think))
            if not self.pending and random.random() < RELOADS:
                return

    async def _reply(self, socket):
        """Reads a frame; false where the message must be sent again."""
        frame = await self._next(socket)
        if frame.get("id") != str(self.number):
            # What comes of an earlier message was known before the connection was cut.
            if frame["type"] in ("response", "error") and int(frame.get("id", 0)) > self.number:
                self.wrong.append(f"{self.name}: {frame}")
            return True
        if frame["type"] == "response":
            self.answers.append(Answer(self.session, self.number, frame["message_id"], self.pending, frame["response"],
                                       time.monotonic()))
            self.pending = None
        elif frame["type"] == "error":
            error = frame["error"]
            self.errors.append((time.monotonic(), error["code"]))
            if not error["retryable"]:
                self.wrong.append(f"{self.name}: {error}")
                self.pending = None
            return False
        return True

    def silence(self, since, until):
        """The longest time without an answer that begins or ends between two instants."""
        times = [answer.at for answer in self.answers]
        gaps = [(later - earlier) for earlier, later in zip(times, times[1:]) if later > since and earlier < until]
        if times and times[-1] < until:
            gaps.append(until - times[-1])
        return max(gaps, default=until - since)


class Crowd:
    """All clients together."""

    def __init__(self, url, count):
        self.clients = [Client(f"client-{number}", url) for number in range(1, count + 1)]
        self.tasks = []

    def start(self):
        self.tasks = [asyncio.create_task(client.run()) for client in self.clients]

    async def end(self):
        """Until each has the answer to what it has sent."""
        for client in self.clients:
            client.is_over = True
        done, late = await asyncio.wait(self.tasks, timeout=SILENCE * PATIENCE)
        for task in late:
            task.cancel()
        for task in done:
            task.result()
        return [client.name for client, task in zip(self.clients, self.tasks) if task in late]

    @property
    def answers(self):
        return [answer for client in self.clients for answer in client.answers]

    async def all_answered_since(self, instant, seconds):
        """Whether each client has had an answer after that instant, within so many seconds."""
        end = time.monotonic() + seconds * PATIENCE
        while time.monotonic() < end:
            if all(client.answers and client.answers[-1].at > instant for client in self.clients):
                return True
            await asyncio.sleep(0.05)
        return False


def count_codes(clients, since, until):
    return collections.Counter(code for client in clients for at, code in client.errors if since <= at <= until)
