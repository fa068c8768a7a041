"""Words of many answers share the wake-ups of the host; few words do not wait for others."""

import asyncio
import json
import pathlib
import socket
import statistics
import time

import pytest
import websockets

STREAMED = """
pipeline: streamed
resources:
  model: {openai: {url: "URL", key: sk-canary-1234567890}}
stages:
  - receive: {format: json}
  - validate
  - complete: {stream: true}
  - respond: {stream: true}
"""


async def speak(reader, writer, gap):
    """An API that streams: each word is the instant at which it is sent."""

    def chunk(text):
        writer.write(f"{len(text):x}\r\n{text}\r\n".encode())

    while head := await reader.readline():
        length = 0
        while head := (await reader.readline()).strip():
            name, value = head.lower().split(b":", 1)
            length = int(value) if name == b"content-length" else length
        words = int(json.loads(await reader.readexactly(length))["messages"][-1]["content"])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(words):
            event = {"choices": [{"index": 0, "delta": {"content": f"{time.monotonic():.6f} "}}]}
            chunk(f"data: {json.dumps(event)}\n\n")
            await asyncio.sleep(gap)
        chunk("data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")


def wakeups(host):
    """How often threads of the host have slept and been woken."""
    tasks = pathlib.Path(f"/proc/{host.process.pid}/task").glob("*/status")
    return sum(int(line.split()[1]) for task in tasks for line in task.read_text().splitlines()
               if line.startswith("voluntary_ctxt_switches"))


async def answer(host, words, begin):
    """How late each word of an answer came."""
    await asyncio.sleep(begin)
    lateness = []
    async with websockets.connect(f"ws://127.0.0.1:{host.port}/ws?format=json") as connection:
        await connection.recv()
        await connection.send(json.dumps({"prompt": str(words)}))
        async for text in connection:
            frame = json.loads(text)
            if frame["type"] == "response":
                return lateness
            assert frame["type"] == "delta", frame
            lateness.append(time.monotonic() - float(frame["text"]))


def measured(serve, *crowds):
    """For each crowd of clients a host of its own, all at the same time: wake-ups of the host for each word, and how late the
    words were. A crowd is how many clients, how many words each gets, and how long after another each begins."""
    listeners = [socket.create_server(("127.0.0.1", 0), backlog=clients) for clients, _, _ in crowds]
    hosts = [serve(STREAMED.replace("URL", f"http://127.0.0.1:{listener.getsockname()[1]}/v1")) for listener in listeners]

    async def crowd(host, listener, clients, words, pause):
        async with await asyncio.start_server(lambda reader, writer: speak(reader, writer, GAP), sock=listener):
            before = wakeups(host)
            lateness = await asyncio.gather(*(answer(host, words, number * pause) for number in range(clients)))
            share = (wakeups(host) - before) / (clients * words)
            # A host that has gone has left the API's connections, for whose end the server waits.
            assert await asyncio.to_thread(host.stop) == 0
            return share, lateness

    async def everybody():
        return await asyncio.gather(*(crowd(*each) for each in zip(hosts, listeners, *zip(*crowds))))

    return asyncio.run(everybody())


# 60 answers of 20 words a second begin 3 ms apart: 1,200 words a second, none of which is sent with another.
GAP = 0.05
MANY = (60, 50, 0.003)


@pytest.mark.alone
def test_words_of_many_answers_share_wakeups_and_none_is_lost(serve):
    (share, lateness), = measured(serve, MANY)
    assert all(len(answer) == 50 for answer in lateness)
    # Each word took two wake-ups or more when each was worked on as it came: one to read and one to wait again.
    assert share < 0.6, f"{share:.2f} wake-ups a word"


@pytest.mark.alone
def test_few_words_do_not_wait_for_others(serve):
    """Beside many at another host: what else the machine and this process do makes the words of both late."""
    (_, many), (_, few) = measured(serve, MANY, (3, 50, 0.013))
    later = statistics.median(word for answer in many for word in answer[10:])
    alone = statistics.median(word for answer in few for word in answer[10:])
    assert alone < later, (alone, later)
