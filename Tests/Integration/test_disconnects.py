"""Clients that leave at random instants: nothing is left over, and the rows are those that the file promises."""

import asyncio
import json
import os
import random
import time

import pytest
from websockets.asyncio.client import connect

from conftest import DEADLINE, receive_json, wait_until

DISCONNECTS = int(os.environ.get("DISCONNECTS", "1000"))
AT_ONCE = 20
FLOW = """
pipeline: flow
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: sk-canary-1234567890}}
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive: {format: json, on_disconnect: POLICY}
  - validate
  - complete: {stream: true}
  - persist: {}
    async: true
  - respond: {stream: true}
"""


class Seen:
    """What a client heard of its one prompt before it left."""

    def __init__(self, prompt):
        self.prompt, self.text, self.answer = prompt, "", None


async def come_and_go(host, number, chance):
    seen = Seen(f"{number} two three four five")
    client = await connect(host.url(), compression=None)
    await client.recv()
    await client.send(json.dumps({"prompt": seen.prompt, "id": "c"}))
    try:
        async with asyncio.timeout(chance.uniform(0, 0.06)):
            async for frame in client:
                frame = json.loads(frame)
                seen.text += frame.get("text", "")
                seen.answer = frame.get("response") or seen.answer
    except TimeoutError:
        pass
    # Half of them say goodbye, half are just gone.
    if number % 2:
        client.transport.abort()
    else:
        await client.close()
    return seen


async def all_come_and_go(host, chance):
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number):
        async with gate:
            return await come_and_go(host, number, chance)

    return await asyncio.gather(*(one(number) for number in range(DISCONNECTS)))


def files(host):
    return len(os.listdir(f"/proc/{host.process.pid}/fd"))


@pytest.mark.parametrize("policy", ["cancel", "finish", "{hold: 100ms}"])
def test_disconnects_at_random_instants_leave_nothing_behind(serve, ai, policy):
    ai.usual = "stream_paced"
    host = serve(FLOW.replace("POLICY", policy), env={"OPENAI_BASE_URL": ai.url})
    with host.connect() as connection:
        receive_json(connection)
        connection.send(json.dumps({"prompt": "first"}))
        while receive_json(connection)["type"] != "response":
            pass
    host.wait_for_rows(1)
    wait_until(lambda: ai.busy == 0, "the first call's end")
    before = files(host) - ai.open
    everything = asyncio.run(all_come_and_go(host, random.Random(5)))

    wait_until(lambda: ai.busy == 0, "the end of every call")
    # Connections to the API that are kept for the next calls are no leak.
    wait_until(lambda: files(host) - ai.open <= before, "descriptors to be closed")
    began = time.monotonic()
    assert host.stop() == 0
    assert time.monotonic() - began < DEADLINE, "a message was still in flight"

    rows = {row["prompt"]: row for row in host.rows()}
    called = [call["body"]["messages"][-1]["content"] for call in ai.calls]
    assert len(rows) == len(host.rows()) and len(set(called)) == len(called) and set(rows) <= set(called)
    assert any(seen.text and not seen.answer for seen in everything), "nobody left in the middle"
    for seen in everything:
        row = rows.get(seen.prompt)
        if seen.text:
            assert row["response"].startswith(seen.text)
        if seen.answer:
            assert row["response"] == seen.answer
        if policy != "cancel" and seen.prompt in called:
            assert row["response"] == seen.prompt
    for row in rows.values():
        assert "partial" in json.loads(row["metadata"]) or row["response"] == row["prompt"]
