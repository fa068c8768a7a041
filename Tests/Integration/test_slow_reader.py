"""A client that hardly reads its stream, among others that do."""

import asyncio
import json
import os
import socket
import time

import pytest
from websockets.asyncio.client import connect

from conftest import memory, wait_until

CLIENTS = int(os.environ.get("STREAM_CLIENTS", "10"))
FLOW = """
pipeline: flow
host: {limits: {write: 2s, outbound: 64KiB}}
resources: {model: {echo: {tokens_per_second: 100}}}
stages:
  - receive: {format: json}
  - complete: {stream: true, timeout: 30s}
  - respond: {stream: true}
"""
PROMPT = " ".join(["word"] * 200)


async def stream(url, delays):
    async with connect(url, compression=None) as client:
        await client.recv()
        began = time.monotonic()
        await client.send(json.dumps({"prompt": PROMPT}))
        number = 0
        while True:
            frame = json.loads(await asyncio.wait_for(client.recv(), 30))
            if frame["type"] == "response":
                return
            number += 1
            delays.append(time.monotonic() - began - number / 100)


def p99(host):
    delays = []

    async def all_streams():
        await asyncio.gather(*(stream(host.url(), delays) for _ in range(CLIENTS)))

    asyncio.run(all_streams())
    assert len(delays) == CLIENTS * 200
    return sorted(delays)[int(len(delays) * 0.99)]


def slow_reader(host):
    """As many prompts as may wait, whose answers it does not take."""
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    slow.connect(("127.0.0.1", host.port))
    slow.sendall(b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
    slow.recv(1)
    prompt = json.dumps({"prompt": "x" * 20_000 + " x"}).encode()
    for _ in range(60):
        slow.sendall(b"\x81\xfe" + len(prompt).to_bytes(2) + bytes(4) + prompt)
    return slow


def closes(host):
    return sum("takes too little" in line or "nothing" in line for line in host.log)


@pytest.mark.alone
@pytest.mark.memory
def test_a_client_that_hardly_reads_slows_nobody_and_is_closed(serve):
    host = serve(FLOW)
    alone, beside = [], []
    for number in range(3):
        alone.append(p99(host))
        before = memory(host)
        with slow_reader(host):
            beside.append(p99(host))
            wait_until(lambda: closes(host) > number, "the close")
            assert memory(host) - before < 16 << 20
    # The best of three rounds each, and a floor: the clients themselves share the machine.
    print(f"\np99 of {CLIENTS} streams {min(alone) * 1e3:.1f} ms alone, {min(beside) * 1e3:.1f} ms beside a slow reader")
    assert min(beside) <= max(1.2 * min(alone), min(alone) + 0.05)
