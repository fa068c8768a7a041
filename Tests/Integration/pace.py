"""A steady load: prompts at an even pace over some connections, each answer timed from when its prompt was due."""

import asyncio
import json
import time

from websockets.asyncio.client import connect


class Pace:
    """What came of a load: delays in seconds, errors with theirs, and the ids that were answered with their session and
    number."""

    def __init__(self):
        self.delays, self.errors, self.error_delays, self.answered = [], [], [], []

    def percentile(self, part):
        return sorted(self.delays)[int(len(self.delays) * part)]


def drive(url, rate, seconds, connections=16, **options):
    """Sends `rate` prompts a second in all for some seconds."""
    return asyncio.run(_drive(url, rate, seconds, connections, options))


async def _drive(url, rate, seconds, connections, options):
    pace = Pace()
    sockets = [await connect(url, max_queue=None, compression=None, **options) for _ in range(connections)]
    sessions = [json.loads(await socket.recv())["session_id"] for socket in sockets]
    begin = time.monotonic() + 0.1
    count = int(rate * seconds / connections)

    async def talk(index):
        socket, first = sockets[index], begin + index / rate
        due = [first + number * connections / rate for number in range(count)]

        async def send():
            for number, moment in enumerate(due):
                await asyncio.sleep(moment - time.monotonic())
                await socket.send(json.dumps({"prompt": f"{number}"}))

        async def receive():
            for number in range(count):
                answer = {"type": "delta"}
                while answer["type"] == "delta":
                    answer = json.loads(await asyncio.wait_for(socket.recv(), 30))
                pace.delays.append(time.monotonic() - due[number])
                if answer["type"] == "response":
                    pace.answered.append((answer["message_id"], sessions[index], number))
                else:
                    pace.errors.append(answer)
                    pace.error_delays.append(pace.delays[-1])

        await asyncio.gather(send(), receive())

    await asyncio.gather(*map(talk, range(connections)))
    for socket in sockets:
        await socket.close()
    return pace
