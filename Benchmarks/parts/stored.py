"""Rows in the background and queues on disk: what they cost the messages beside them."""

from databases import databases, migrate
from loads import Load
from peers import DURABLE, ECHO, FLOW, POSTGRES, STORED, SUPABASE, WITHOUT, host
from targets import Target


class HalfRate(Load):
    """The same number of messages a second for every server: half of what the first server can do."""

    def figures(self, server, seconds):
        if server is self.servers[0]:
            self.rate = int(super().figures(server, 1)["rate"] / 2)
        return super().figures(server, seconds, self.rate)


class Databases(Load):
    """Pipelines with databases that are servers."""

    def measure(self, server, seconds):
        with databases() as self.environment:
            if server.name.startswith("supabase"):
                migrate(server.command[0], self.environment)
            return super().measure(server, seconds)


class StorageTarget(Target):
    """CPU per message that `persist` adds, in microseconds, beyond a bare insert's."""

    def value(self, median):
        stored, without = (median(self.scenario, name, "cpu") for name in ("stagecoach", "without"))
        bare = median("microbenchmarks", "grdb-row", "cpu")
        return None if None in (stored, without, bare) else stored - without - bare

    def text(self):
        return f"{self.scenario}: CPU µs that persist adds beyond a bare insert's", ""


class DeliveryTarget(Target):
    """Rows a second that a pipeline with a queue on disk takes, beside a program that does no more than that, with the same
    syncs: one commit for as many rows as there are connections."""

    def __init__(self, scenario, bare, wanted):
        super().__init__(scenario, "rate", ">=", wanted)
        self.bare = bare

    def value(self, median):
        rate, bare = median(self.scenario, "stagecoach", "rate"), median("microbenchmarks", self.bare, "ns")
        return None if None in (rate, bare) else rate * bare / 1e9

    def text(self):
        return f"{self.scenario}: rate", f"× {self.bare}"


BEHIND = "stored behind a model at 20 ms"
BESIDE_NONE = [host(STORED), host(ECHO, "without")]
ON_DISK = [host(DURABLE), host(ECHO, "without")]
SCENARIOS = [
    Load("stored, 64 connections", BESIDE_NONE, 64),
    HalfRate("stored, 64 connections at half rate", BESIDE_NONE, 64),
    Load("kept on disk, 1 connection", ON_DISK, 1),
    Load("kept on disk, 64 connections", ON_DISK, 64),
    Load("kept on disk, 1,000 connections", ON_DISK, 1000),
    Databases(BEHIND, [host(WITHOUT, "without"), host(FLOW, "sqlite"), host(POSTGRES, "postgres"),
                       host(SUPABASE, "supabase")], 64, delay=20),
]

TARGETS = [
    StorageTarget("stored, 64 connections", "cpu", "<=", 2),
    Target("stored, 64 connections at half rate", "p50", "<=", 1.1, of="without"),
    Target("stored, 64 connections at half rate", "p99", "<=", 1.1, of="without"),
    DeliveryTarget("kept on disk, 1 connection", "log-and-store-row-1", 0.6),
    DeliveryTarget("kept on disk, 64 connections", "log-and-store-row-64", 0.6),
    DeliveryTarget("kept on disk, 1,000 connections", "log-and-store-row", 0.6),
    *[Target(BEHIND, figure, "<=", wanted, of="without", server=server) for server in ("sqlite", "postgres", "supabase")
      for figure, wanted in (("p50", 1.02), ("p99", 1.1))],
]
