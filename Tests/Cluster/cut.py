"""The network between a host and NATS is cut, for each number of seconds that is given; then all three servers are stopped for as
long as the first, and started again. Conversations go on over it, with each of the three kinds of `when_full`.

scripts/cut starts it in a network namespace of its own, in which it may do what it wants; NATS is in another, at the other end
of a cable. The cable is cut by taking down the far end, so that what is sent vanishes: nobody hears of it, as of a switch that
died.
"""

import asyncio
import collections
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from websockets.asyncio.client import connect

from parts import NATS, Host, Worker, free_ports
from processes import PATIENCE, Failed, wait_until

HERE, THERE = "10.99.0.1", "10.99.0.2"
MODES = ("wait", "reject", "drop")
PIPELINE = """\
pipeline: {mode}
resources:
  model: echo
  database: {{sqlite: {{path: {folder}/{mode}.db}}}}
  outbox: {{nats: {{url: "${{NATS_URL}}", replicas: 3, size: 64MiB}}}}
stages:
  - receive: {{path: /{mode}, format: json}}
  - complete
  - persist: {{table: requests}}
    async: {{queue: outbox, when_full: {mode}}}
  - respond
"""
# A cut is noticed after two pings without an answer, 2 s apart; a message that is on its way then is tried for 12 s in all. So
# whoever is refused knows within this, in seconds.
REFUSED = 20
# What is under way goes on, and what is new is stored, so soon after.
BACK = 30


class Cable:
    """Another network namespace and the way to it."""

    def __init__(self):
        self.there = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        wait_until(lambda: os.stat(f"/proc/{self.there.pid}/ns/net").st_ino != os.stat("/proc/self/ns/net").st_ino,
                   "the namespace", 10, pause=0.01)
        self.prefix = ["nsenter", f"--net=/proc/{self.there.pid}/ns/net"]
        for words in (["link", "set", "lo", "up"],
                      ["link", "add", "cut0", "type", "veth", "peer", "name", "cut1", "netns", str(self.there.pid)],
                      ["address", "add", f"{HERE}/24", "dev", "cut0"], ["link", "set", "cut0", "up"]):
            self.ip(*words)
        for words in (["link", "set", "lo", "up"], ["address", "add", f"{THERE}/24", "dev", "cut1"], ["link", "set", "cut1", "up"]):
            self.ip(*words, there=True)

    def ip(self, *words, there=False):
        done = subprocess.run([*(self.prefix if there else []), "ip", *words], capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"ip {' '.join(words)}: {done.stderr}")

    def cut(self):
        self.ip("link", "set", "cut1", "down", there=True)

    def mend(self):
        self.ip("link", "set", "cut1", "up", there=True)

    def end(self):
        self.there.kill()
        self.there.wait()


class Talker:
    """One client of one pipeline: the next message follows the answer to the one before."""

    def __init__(self, mode, port):
        self.mode, self.port = mode, port
        self.seen = []
        self.is_over = False
        self.session = None

    async def run(self):
        url = f"ws://127.0.0.1:{self.port}/{self.mode}"
        # It is the host that must bear the cut: no connection of a client may end.
        async with connect(url, proxy=None, ping_interval=None, close_timeout=1) as socket:
            self.session = json.loads(await socket.recv())["session_id"]
            number = 0
            while not self.is_over:
                number += 1
                begun = time.monotonic()
                await socket.send(json.dumps({"prompt": f"{self.mode} {number}", "id": str(number)}))
                frame = json.loads(await socket.recv())
                code = frame["error"]["code"] if frame["type"] == "error" else "answered"
                self.seen.append((begun, time.monotonic(), code, frame.get("message_id"), f"{self.mode} {number}"))
                await asyncio.sleep(random.uniform(0.02, 0.15))

    def codes(self, since, until):
        return collections.Counter(code for _, ended, code, _, _ in self.seen if since <= ended <= until)

    def slowest(self, since, until):
        """Of the messages that were under way between two instants, how long the slowest took; one that still is counts."""
        times = [(begun, ended) for begun, ended, *_ in self.seen]
        found = [ended - begun for begun, ended in times if ended >= since and begun <= until]
        return max(found, default=0)


class Run:
    def __init__(self, folder, cable):
        self.folder, self.cable = folder, cable
        ports = free_ports(11)
        self.nats = [NATS(f"nats-{number}", folder / f"nats-{number}", ports[number], ports[3 + number], ports[6 + number],
                          routes=ports[4:7], prefix=cable.prefix, address=THERE) for number in (1, 2, 3)]
        files = []
        for mode in MODES:
            files.append(folder / f"{mode}.yaml")
            files[-1].write_text(PIPELINE.format(mode=mode, folder=folder))
        program = os.environ["STAGECOACH"]

        class Three:
            """Every file in one process."""

            def command(self):
                return [program, *self.arguments, "--port", self.port, *files]

        def variables():
            return {"NATS_URL": ",".join(server.url for server in self.nats)}

        self.host = type("Host", (Three, Host), {})("host", folder / "host", ports[0], program, None, variables)
        self.worker = type("Worker", (Three, Worker), {})("work", folder / "work", ports[10], program, None, variables)
        self.wrong, self.rows = [], []

    @property
    def parts(self):
        return [*self.nats, self.worker, self.host]

    def start(self):
        for part in self.nats:
            part.start()
        for part in self.nats:
            part.wait()
        for part in (self.worker, self.host):
            part.start()
        for part in (self.worker, self.host):
            part.wait()

    def stop(self):
        for part in reversed(self.parts):
            with contextlib.suppress(Failed):
                part.kill()

    async def trial(self, name, seconds, away, back):
        """Conversations while something is away for so long."""
        talkers = [Talker(mode, self.host.port) for mode in MODES]
        tasks = [asyncio.create_task(talker.run()) for talker in talkers]
        pids = [self.host.pid, self.worker.pid]
        await asyncio.sleep(2)
        begun = time.monotonic()
        dropped = self.metric('stagecoach_queue_dropped_total{pipeline="drop"')
        await asyncio.to_thread(away)
        unready = await self.until(lambda: self.ready()[0] == 503, seconds)
        said = (await asyncio.to_thread(self.ready))[1]
        await asyncio.sleep(max(0, begun + seconds - time.monotonic()))
        await asyncio.to_thread(back)
        ended = time.monotonic()
        ready = await self.until(lambda: self.ready()[0] == 200, BACK * PATIENCE)
        # Each has had an answer to what it asked after the end.
        went_on = await self.until(
            lambda: all(any(at > ended and code == "answered" for at, _, code, _, _ in talker.seen) for talker in talkers),
            BACK * PATIENCE)
        for talker in talkers:
            talker.is_over = True
        _, late = await asyncio.wait(tasks, timeout=BACK * PATIENCE)
        for task, talker in zip(tasks, talkers):
            if task in late:
                task.cancel()
                self.wrong.append(f"{name}: a message of '{talker.mode}' has no answer")
            elif task.exception():
                self.wrong.append(f"{name}: the client of '{talker.mode}' was cut off: {task.exception()}")
        if [self.host.pid, self.worker.pid] != pids or None in pids:
            self.wrong.append(f"{name}: a process has ended; see {self.folder}")
        if unready is None or "outbox" not in said:
            self.wrong.append(f"{name}: /readyz did not say it: {said}")
        if ready is None or went_on is None:
            self.wrong.append(f"{name}: not back after {BACK} s: {self.ready()}")
        for talker in talkers:
            stored = await self.compare(name, talker, dropped)
            self.judge(name, talker, begun, ended, seconds)
            codes = talker.codes(begun, ended)
            self.rows.append((name, talker.mode, f"{len(talker.seen)}", f"{codes['answered']}", f"{codes['busy']}",
                              f"{talker.slowest(begun, ended):.1f}", f"{stored}",
                              "never" if ready is None else f"{ready:.1f}", "never" if went_on is None else f"{went_on:.1f}"))

    def judge(self, name, talker, begun, ended, seconds):
        codes = talker.codes(begun, float("inf"))
        others = {code: count for code, count in codes.items() if code not in ("answered", "busy")}
        if others:
            self.wrong.append(f"{name}: '{talker.mode}' heard {others}")
        if talker.mode != "reject" and codes["busy"]:
            self.wrong.append(f"{name}: '{talker.mode}' refused {codes['busy']} messages")
        if talker.mode == "reject" and seconds > REFUSED and not talker.codes(begun, ended)["busy"]:
            self.wrong.append(f"{name}: nothing was refused")
        if talker.mode != "wait" and talker.slowest(begun, ended) > REFUSED * PATIENCE:
            self.wrong.append(f"{name}: '{talker.mode}' made a client wait for {talker.slowest(begun, ended):.1f} s")
        if talker.mode == "wait" and talker.slowest(begun, ended) > seconds + BACK * PATIENCE:
            self.wrong.append(f"{name}: 'wait' took {talker.slowest(begun, ended):.1f} s")

    async def compare(self, name, talker, dropped_before):
        """Every message that was answered is in the table once, in order; where it drops, but for as many as it says."""
        answered = [(identifier, prompt) for _, _, code, identifier, prompt in talker.seen if code == "answered"]

        def lacking():
            known = {row[0] for row in self.table(talker)}
            return [prompt for identifier, prompt in answered if identifier not in known]

        def dropped():
            return self.metric('stagecoach_queue_dropped_total{pipeline="drop"') - dropped_before if talker.mode == "drop" else 0

        await self.until(lambda: len(lacking()) <= dropped(), BACK * PATIENCE)
        rows = self.table(talker)
        if len(lacking()) > dropped():
            self.wrong.append(f"{name}: '{talker.mode}' lost {len(lacking())} of {len(answered)}, {dropped()} are said to be "
                              f"dropped: {lacking()[:5]}")
        numbers = [int(prompt.split(" ")[1]) for _, prompt in rows]
        if numbers != sorted(numbers) or len(set(numbers)) != len(numbers):
            self.wrong.append(f"{name}: the rows of '{talker.mode}' are not in order, or not once: {numbers}")
        return len(rows)

    def table(self, talker):
        with contextlib.closing(sqlite3.connect(f"file:{self.folder}/{talker.mode}.db?mode=ro", uri=True, timeout=10)) as database:
            return database.execute("select id, prompt from requests where session_id = ? order by rowid",
                                    [talker.session]).fetchall()

    async def until(self, condition, seconds):
        """After how many seconds it holds; `None` where it does not."""
        begun = time.monotonic()
        while not await asyncio.to_thread(condition):
            if time.monotonic() - begun > seconds:
                return None
            await asyncio.sleep(0.1)
        return time.monotonic() - begun

    def get(self, path):
        try:
            with urllib.request.urlopen(f"{self.host.address}{path}", timeout=10 * PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def ready(self):
        return self.get("/readyz")

    def metric(self, name):
        return sum(float(line.rpartition(" ")[2]) for line in self.get("/metrics")[1].splitlines() if line.startswith(name))

    def report(self):
        head = ("what", "when_full", "messages", "answered meanwhile", "refused meanwhile", "slowest, s", "rows", "ready after, s",
                "answers after, s")
        rows = [head, *self.rows]
        widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
        return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows)


async def trials(run, cuts):
    for seconds in cuts:
        await run.trial(f"a cut of {seconds} s", seconds, run.cable.cut, run.cable.mend)

    def stop():
        for server in run.nats:
            os.kill(server.pid, signal.SIGTERM)
        for server in run.nats:
            wait_until(server.has_ended, f"the end of {server.name}", 30)

    def start():
        for server in run.nats:
            server.start()
        for server in run.nats:
            server.wait()

    await run.trial(f"all servers stopped for {cuts[0]} s", cuts[0], stop, start)


def main(cuts):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="stagecoach-cut-"))
    cable = Cable()
    run = Run(folder, cable)
    try:
        run.start()
        asyncio.run(trials(run, cuts))
    except Failed as failure:
        run.wrong.append(str(failure))
    finally:
        run.stop()
        cable.end()
    print(run.report())
    for sentence in run.wrong:
        print(f"wrong: {sentence}")
    if run.wrong:
        print(f"the logs are in {folder}")
        return 1
    shutil.rmtree(folder)
    print("what was answered is in the table once, in order; host and worker went on by themselves")
    return 0


if __name__ == "__main__":
    sys.exit(main([float(word) if "." in word else int(word) for word in sys.argv[1:]] or [10]))
