"""From the start of the process to the line that says it listens, beside a bare listener with the same libraries."""

import statistics

from peers import ECHO, LISTENER, host
from targets import Target


class Start:
    """The median of ten."""

    needs = ()

    def __init__(self, name, servers):
        self.name, self.servers = name, servers

    def measure(self, server, seconds):
        times = []
        for _ in range(10):
            server.start()
            times.append(server.seconds_to_ready * 1e3)
            server.stop()
        return {"ms": statistics.median(times)}


SCENARIOS = [Start("start", [host(ECHO), LISTENER])]
TARGETS = [Target("start", "ms", "<=", 2, of="nio")]
