"""What a queue in NATS costs beside one in memory: the documented flow, its rows in SQLite, a local server with one replica."""

from databases import nats
from loads import Load, load
from peers import FLOW, Worked, host
from targets import Target

QUEUED = FLOW.replace("rows.db}}\n", 'rows.db}}\n  outbox: {nats: {url: "${NATS_URL}", size: 512MiB}}\n').replace(
    "async: true", "async: {queue: outbox}")


class Queued(Load):
    """The processor time of the host, its worker where it has one, and NATS, each for a message. All have the server of NATS,
    so that the load's core has as much beside it."""

    def measure(self, server, seconds):
        with nats() as self.nats:
            self.environment = {"NATS_URL": f"nats://127.0.0.1:{self.nats.port}"}
            return super().measure(server, seconds)

    def figures(self, server, seconds):
        spread = self.delay / 1e3
        found = load(server, connections=self.connections, seconds=max(seconds, 2 * spread), bytes=self.size, spread=spread,
                     warm_up=min(2, seconds) + spread, expect="2 + 2 = 4", beside=[self.nats.pid])
        costs = [1e6 * each / max(1, found["messages"]) for each in found["each_seconds"]]
        return {"rate": found["messages_per_second"], "p50": found["p50"], "p99": found["p99"], "cpu": sum(costs[:-1]),
                "host": costs[0], "worker": sum(costs[1:-1]), "nats": costs[-1], "errors": found["errors"]}


SERVERS = [host(FLOW, "memory"), host(QUEUED, "nats"), Worked(QUEUED, "nats, apart")]
SCENARIOS = [
    Queued("queued, 64 connections", SERVERS, 64, delay=0),
    Queued("queued, 64 connections, model at 20 ms", SERVERS, 64, delay=20),
]
TARGETS = [
    *[Target("queued, 64 connections", "cpu", "<=", 4 / 3, of="memory", server=server) for server in ("nats", "nats, apart")],
    *[Target("queued, 64 connections, model at 20 ms", "p50", "<=", 1.1, of="memory", server=server)
      for server in ("nats", "nats, apart")],
]
