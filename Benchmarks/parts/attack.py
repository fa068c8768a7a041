"""Clients that mean harm, and the well-meaning beside them."""

import concurrent.futures
import json
import os
import subprocess
import sys
import time

from build import TOOLS
from loads import connect, load
from peers import GUARDED, NIO, host
from servers import LOAD_CORE, Failed
from targets import Target


class Attack:
    """Well-meaning clients at 1,000 messages a second, in turn beside a program that does nothing but keep the load's core
    awake and beside clients that mean harm and do what the server's name says; and one who comes in meanwhile. The best
    turn of each counts: what else a machine does only adds."""

    needs = ["loads"]
    RATE, TURNS, SECONDS = 1000, 4, 2

    def __init__(self, name, kinds):
        self.name, self.servers = name, [host(GUARDED, kind) for kind in kinds]

    def measure(self, server, seconds):
        server.start()
        try:
            kind = server.name.split(",")[0]
            attack = [TOOLS / "wsattack", str(server.port), kind, str(self.SECONDS + 1)]
            load(server, connections=16, seconds=1, rate=self.RATE)
            before = server.most_resident_bytes()
            turns = [(self.beside([sys.executable, "-c", "while True: pass"], server, self.SECONDS),
                      self.beside(attack, server, self.SECONDS)) for _ in range(self.TURNS)]
            return {**{figure: min(beside[figure] for _, beside in turns) for figure in ("p50", "p99")},
                    "alone": min(alone["p99"] for alone, _ in turns),
                    "joining": min(beside["joining"] for _, beside in turns),
                    "bytes": server.most_resident_bytes() - before}
        finally:
            server.stop()

    def beside(self, command, server, seconds):
        """The load begins once its connections are there and the other program has begun."""
        with concurrent.futures.ThreadPoolExecutor() as threads:
            figures = threads.submit(load, server, connections=16, seconds=seconds, rate=self.RATE, wait=0.5)
            time.sleep(0.25)
            with subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=give_way) as other:
                time.sleep(0.5)
                begun = time.monotonic()
                connect(server.port).close()
                joining = (time.monotonic() - begun) * 1e6
                figures = figures.result()
                other.kill()
        return {**figures, "joining": joining}


def give_way():
    """On the load's core, but never before the load, which is what measures."""
    os.sched_setaffinity(0, LOAD_CORE)
    os.nice(19)


class Storm:
    """2,000 connections a second that only want to be let in: how many were not."""

    needs = ["loads"]

    def __init__(self, name, servers):
        self.name, self.servers = name, servers

    def measure(self, server, seconds):
        server.start()
        try:
            before = server.cpu_seconds()
            result = subprocess.run([TOOLS / "wsattack", str(server.port), "storm", str(seconds)], capture_output=True, text=True,
                                    preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CORE))
            if result.returncode:
                raise Failed(f"{server.name}: {result.stderr.strip()}")
            figures = json.loads(result.stdout)
            return {"lost": figures["lost"], "cpu": (server.cpu_seconds() - before) * 1e6 / figures["connections"]}
        finally:
            server.stop()


class AttackTarget(Target):
    """p99 beside an attack, beside that of the same clients and server without it."""

    def value(self, median):
        beside, alone = (median(self.scenario, self.server, figure) for figure in (self.figure, "alone"))
        return None if None in (beside, alone) else beside / alone

    def text(self):
        return f"{self.scenario}: {self.server}, {self.figure}", "× that without the attack"


KINDS = ["handshakes", "bytes", "fragments", "pings", "length", "bomb", "halfopen", "unread"]
BESIDE = "beside clients that mean harm"
SCENARIOS = [Storm("2,000 new connections a second", [host(GUARDED), NIO]), Attack(BESIDE, KINDS)]

TARGETS = [
    Target("2,000 new connections a second", "lost", "<=", 0),
    *[AttackTarget(BESIDE, "p99", "<=", 1.5, server=kind) for kind in KINDS],
    *[Target(BESIDE, "bytes", "<=", 64 << 20, server=kind) for kind in KINDS],
]
