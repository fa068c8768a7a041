"""Whole answers by `POST`, beside SMG."""

from loads import load
from peers import ASKED, WITHOUT, host, smg
from servers import Model
from targets import Target


class Posts:
    """A closed loop of requests to a model API that answers at once."""

    needs = ["loads"]

    def __init__(self, name, servers, clients):
        self.name, self.servers, self.clients = name, servers, clients

    def measure(self, server, seconds):
        model = Model()
        try:
            server.start(model.environment)
            try:
                figures = load(server, "postload", clients=self.clients, seconds=seconds, path=server.path, body=server.body,
                               warm_up=min(1, seconds))
            finally:
                server.stop()
        finally:
            model.stop()
        return {"rate": figures["answers_per_second"], "p50": figures["p50"], "p99": figures["p99"],
                "cpu": figures["cpu_seconds"] * 1e6 / max(1, figures["answers"])}


SERVERS = [host(WITHOUT), smg(ASKED)]
SCENARIOS = [Posts("POST, 1 client", SERVERS, 1)] + [Posts(f"POST, {n} clients", SERVERS, n) for n in (8, 64, 500)]

TARGETS = [
    Target("POST, 1 client", "cpu", "<=", 1.0, of="smg"),
    Target("POST, 8 clients", "cpu", "<=", 0.8, of="smg"),
    Target("POST, 64 clients", "cpu", "<=", 0.55, of="smg"),
    Target("POST, 500 clients", "cpu", "<=", 0.55, of="smg"),
    Target("POST, 1 client", "p50", "<=", 1.05, of="smg"),
]
