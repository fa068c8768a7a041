"""Conversations while each part is killed and started again, and what came of it."""

import asyncio
import collections
import random
import sys
import time

import psycopg

from conversations import Crowd, Fault, count_codes
from oracle import judge
from parts import NATS, Host, Postgres, Worker
from processes import PATIENCE, Failed

# Seconds, as docs/scale.md says them: without an answer; the same where the server that was killed led the stream; and until
# another worker has the messages of one that died (its partitions are free after 8, leaders are elected in up to 9) and stored
# them.
GOES_ON, ELECTION, TAKEN_OVER = 5, 15, 25


STREAM = "stagecoach"


def say(text):
    print(f"check: {text}", file=sys.stderr, flush=True)


class Table:
    """The rows in the order in which they were stored: by a column of a sequence that is the check's own."""

    def __init__(self, url):
        self.url = url
        self.ask("ALTER TABLE requests ADD COLUMN IF NOT EXISTS stored bigserial")

    def ask(self, statement, *values):
        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def rows(self, sessions):
        return self.ask("SELECT session_id, id, prompt, response FROM requests WHERE session_id = ANY(%s) ORDER BY stored",
                        sessions)

    def lacks(self, ids):
        """How many of some ids it has not; all of them where it can't be asked."""
        try:
            return len(ids) - self.ask("SELECT count(*) FROM requests WHERE id = ANY(%s::uuid[])", ids)[0][0]
        except psycopg.Error:
            return len(ids)


class Check:
    def __init__(self, cluster, clients):
        self.cluster = cluster
        self.crowd = Crowd(f"ws://127.0.0.1:{cluster.proxy.port}/ws", clients)
        self.table = Table(cluster.postgres.url)
        self.seen = collections.defaultdict(list)
        self.wrong = []

    async def run(self, parts, times):
        self.crowd.start()
        if not await self.crowd.all_answered_since(0, 20):
            raise Failed(f"no conversation at {self.cluster.proxy.address}")
        turns = [turn for _ in range(times) for turn in self.turns(parts)]
        for number, (part, database_is_down) in enumerate(turns, 1):
            await self.kill(part, database_is_down, f"{number} of {len(turns)}")
        late = await self.crowd.end()
        self.wrong += [f"{name} waits for an answer at the end" for name in late]
        answers = self.crowd.answers
        await self.stored([answer.message_id for answer in answers], 60)
        clients = self.crowd.clients
        again = sum(client.again for client in clients)
        rows = await asyncio.to_thread(self.table.rows, [client.session for client in clients])
        self.wrong += [sentence for client in clients for sentence in client.wrong]
        self.wrong += judge(answers, rows, again)
        for worker in self.cluster.workers:
            letters = worker.folder / "data/dead-letters.jsonl"
            if letters.exists() and letters.stat().st_size:
                self.wrong.append(f"there are dead letters in {letters}")
        return {"answered": len(answers), "rows": len(rows), "sent again": again,
                "sessions resumed": sum(client.resumed for client in clients),
                "connections lost": sum(len(client.lost) for client in clients)}

    def turns(self, parts):
        """Each part once; and one of the hosts and one of the workers while PostgreSQL is down, so that much waits."""
        found = [(part, False) for part in parts]
        for kind in (Host, Worker):
            if same := [part for part in parts if type(part) is kind]:
                found.append((random.choice(same), True))
        return random.sample(found, len(found))

    async def kill(self, part, database_is_down, which):
        await asyncio.sleep(random.uniform(0, 2))
        kind = {Host: "host", Worker: "worker", Postgres: "PostgreSQL", NATS: "NATS server"}[type(part)]
        leads = isinstance(part, NATS) and STREAM in part.leads(await asyncio.to_thread(part.streams))
        if leads:
            kind = "NATS server that leads the stream"
        if database_is_down:
            kind += ", PostgreSQL down"
            await asyncio.to_thread(self.cluster.postgres.kill)
            await asyncio.sleep(random.uniform(0.5, 2))
        fault = Fault(kind, time.monotonic(), allowed=ELECTION if leads else GOES_ON)
        answered = [answer.message_id for answer in self.crowd.answers]
        say(f"{which}: kill -9 {part.name}, {kind}")
        await asyncio.to_thread(part.kill)
        await asyncio.sleep(random.uniform(0.5, 3))
        for down in [self.cluster.postgres, part] if database_is_down else [part]:
            await asyncio.to_thread(down.start)
            await asyncio.to_thread(down.wait)
        back = time.monotonic()
        if isinstance(part, NATS):
            await self.replicated()
        answered += [answer.message_id for answer in self.crowd.answers if fault.begun < answer.at <= back]
        goes_on = await self.crowd.all_answered_since(back, 30)
        fault.ended = time.monotonic()
        stored = await self.stored(answered, 60)
        self.note(fault, back, stored, goes_on)

    async def replicated(self):
        """Two servers down at once are more than three survive, so the next waits until this one has what it missed."""
        def current():
            streams, found = set(), set()
            for server in self.cluster.nats:
                known = server.streams()
                streams |= known.keys()
                for name in server.leads(known):
                    replicas = known[name].get("replicas") or []
                    if len(replicas) == 2 and all(one.get("current") and not one.get("offline") for one in replicas):
                        found.add(name)
            return STREAM in found and streams == found

        end = time.monotonic() + 60 * PATIENCE
        while not await asyncio.to_thread(current):
            if time.monotonic() > end:
                raise Failed("the streams' replicas are not current again")
            await asyncio.sleep(0.2)

    async def stored(self, ids, seconds):
        """When the table had them all."""
        end = time.monotonic() + seconds * PATIENCE
        while await asyncio.to_thread(self.table.lacks, ids) and time.monotonic() < end:
            await asyncio.sleep(0.2)
        return time.monotonic()

    def note(self, fault, back, stored, goes_on):
        clients = self.crowd.clients
        silence = max(client.silence(fault.begun, fault.ended) for client in clients)
        stopping = max(sum(code == "stopping" for at, code in client.errors if fault.begun <= at <= fault.ended)
                       for client in clients)
        codes = count_codes(clients, fault.begun, fault.ended)
        others = {code: count for code, count in codes.items() if code != "stopping"}
        late = stored - fault.begun
        say(f"{fault.name}: {silence:.1f} s without an answer, rows complete after {late:.1f} s")
        self.seen[fault.name].append((back - fault.begun, silence, late, stopping, sum(others.values())))
        if not goes_on or silence > fault.allowed * PATIENCE:
            self.wrong.append(f"{fault.name}: {silence:.1f} s without an answer, more than {fault.allowed} s")
        if late > TAKEN_OVER * PATIENCE:
            self.wrong.append(f"{fault.name}: its rows came after {late:.1f} s")
        if stopping > 1:
            self.wrong.append(f"{fault.name}: a client heard 'stopping' {stopping} times")
        if others:
            self.wrong.append(f"{fault.name}: clients heard {others}")

    def report(self, totals):
        head = ("killed", "times", "down, s", "without an answer, s", "rows complete, s", "'stopping' a client", "other errors")
        rows = [head]
        for name, faults in sorted(self.seen.items()):
            worst = [max(column) for column in zip(*faults)]
            rows.append((name, str(len(faults)), *(f"{value:.1f}" for value in worst[:3]), *map(str, worst[3:])))
        widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
        lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
        return "\n".join([*lines, "the longest and the most of all times", "",
                          ", ".join(f"{value} {name}" for name, value in totals.items())])


def check(cluster, times, clients, only, seed):
    seed = random.randrange(1 << 32) if seed is None else seed
    random.seed(seed)
    say(f"seed {seed}")
    parts = [*cluster.hosts, *cluster.workers, *cluster.nats, cluster.postgres]
    if only:
        unknown = set(only) - {part.name for part in parts}
        if unknown:
            raise Failed(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(part.name for part in parts)}")
        parts = [part for part in parts if part.name in only]
    run = Check(cluster, clients)
    totals = asyncio.run(run.run(parts, times))
    print(run.report(totals))
    for sentence in run.wrong[:40]:
        print(f"wrong: {sentence}")
    print("wrong" if run.wrong else "every answered message is in the table once, in the order of its session")
    return 1 if run.wrong else 0
