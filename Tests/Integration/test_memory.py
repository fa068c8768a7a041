"""Open calls: what each costs in memory while the model takes its time. `scripts/bench memory` has the exact figures, of
2,000 calls; these are bounds that the size of the heap's pieces does not decide."""

import asyncio
import json
import time

import pytest
from websockets.asyncio.client import connect

from conftest import DEADLINE, memory
from test_kept_connections import certificate  # noqa: F401

PIPELINE = """
pipeline: t
resources: {m: {openai: {url: "URL", key: k}}}
stages:
  - receive: {format: json}
  - validate: {max_length: 40000}
  - complete: {timeout: 10m, stream: true}
  - respond: {stream: true}
"""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b'data: {"choices": [{"delta": {"content": "word"}}]}\n\n'
WORD = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)
# Open and ended again before memory is first looked at, so that what all calls have in common is there.
WARM_UP = 50
CALLS = 300


class OpenCalls:
    """A model API that never ends an answer, and conversations that wait for it."""

    def __init__(self, begins, prompt="go on"):
        self.begins, self.prompt = begins, prompt
        self.asked = 0

    async def answer(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
            body = await reader.readexactly(int(fields[b"content-length"]))
            assert json.loads(body)["messages"][-1]["content"] == self.prompt
            self.asked += 1
            if self.begins:
                writer.write(HEAD + WORD)
            await reader.read()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def client(self):
        client = await connect(self.host.url(), compression=None, open_timeout=DEADLINE, max_queue=None)
        await client.recv()
        await client.send(json.dumps({"prompt": self.prompt}))
        if self.begins:
            assert json.loads(await asyncio.wait_for(client.recv(), DEADLINE))["type"] == "delta"
        return client

    async def clients(self, number):
        before = self.asked
        clients = []
        for _ in range(0, number, 25):
            clients += await asyncio.gather(*(self.client() for _ in range(25)))
        end = time.monotonic() + DEADLINE
        while self.asked < before + number:
            assert time.monotonic() < end, f"{self.asked - before} of {number} calls have come"
            await asyncio.sleep(0.01)
        return clients

    async def cost(self, serve, context, env):
        server = await asyncio.start_server(self.answer, "localhost", 0, ssl=context, limit=1 << 17, backlog=512)
        port = server.sockets[0].getsockname()[1]
        scheme = "https" if context else "http"
        self.host = serve(PIPELINE.replace("URL", f"{scheme}://localhost:{port}/v1"), env=env)
        for client in await self.clients(WARM_UP):
            await client.close()
        before = memory(self.host)
        clients = await self.clients(CALLS)
        await asyncio.sleep(0.5)
        each = (memory(self.host) - before) / CALLS
        for client in clients:
            client.transport.abort()
        server.close()
        return each


@pytest.mark.parametrize("begins", [True, False], ids=["that has begun", "that has yet to begin"])
def test_an_open_call_over_tls_keeps_nothing_of_its_sending(serve, certificate, begins):
    context, trust = certificate
    each = asyncio.run(OpenCalls(begins).cost(serve, context, trust))
    print(f"{each / 1024:.1f} KiB each")
    assert each < 76 << 10


def test_an_answer_that_has_begun_does_not_keep_what_was_sent_for_it(serve, certificate):
    # What stays are the message's own, and buffers that have grown with it; it was four copies and more.
    prompt = "p" * 32_000
    each = asyncio.run(OpenCalls(True, prompt).cost(serve, *certificate))
    print(f"{each / 1024:.1f} KiB each")
    assert each < (76 << 10) + 3 * len(prompt)
