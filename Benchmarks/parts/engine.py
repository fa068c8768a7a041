"""The microbenchmarks of the engine alone (Benchmarks/Sources/microbenchmarks): each is a "server" of its own."""

import json
import os
import subprocess

from build import PRODUCTS
from servers import SERVER_CORE
from targets import Target


class Micro:
    class One:
        is_ours, needs = False, ("microbenchmarks",)

        def __init__(self, name):
            self.name = name

    needs = ()

    def __init__(self, name, names):
        self.name, self.servers, self.costs = name, [Micro.One(each) for each in names], {}

    def measure(self, server, seconds):
        if server is self.servers[0]:
            result = subprocess.run(
                [PRODUCTS / "microbenchmarks", "--json"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True, preexec_fn=lambda: os.sched_setaffinity(0, SERVER_CORE))
            self.costs = json.loads(result.stdout)
        cost = self.costs[server.name]
        return {"ns": cost["time"], "cpu": cost["cpu"] / 1e3}


SCENARIOS = [
    Micro("microbenchmarks", [
        "chain", "five-stages", "plain-loop", "memory-queue", "disk-queue", "check", "libyaml", "settings", "json-frame-in",
        "json-frame-out", "json-model-in", "json-model-out", "stream-event", "store-row", "grdb-row",
        "log-and-store-row", "log-and-store-row-64", "log-and-store-row-1"]),
]

TARGETS = [
    Target("microbenchmarks", "ns", "<=", 3, of="plain-loop", server="five-stages"),
    Target("microbenchmarks", "ns", "<=", 3, of="libyaml", server="check"),
]
