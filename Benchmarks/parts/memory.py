"""Resident memory: of the host that does nothing yet, and of connections that are open."""

import resource
import sys

from loads import connect, load
from peers import ECHO, GUARDED, NIO, host
from targets import Target


class Idle:
    """Connections that say nothing: what each adds to the server's resident memory."""

    needs = ["loads"]

    def __init__(self, name, servers, connections):
        self.name, self.servers, self.connections = name, servers, connections

    def measure(self, server, seconds):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard < self.connections + 100:
            sys.exit(f"bench: '{self.name}' needs {self.connections + 100} open files, the limit is {hard}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        server.start()
        sockets = []
        try:
            load(server, seconds=0.5)
            before = server.resident_bytes()
            for _ in range(self.connections):
                sockets.append(connect(server.port))
            return {"bytes": (server.resident_bytes() - before) / self.connections}
        finally:
            for each in sockets:
                each.close()
            server.stop()


SCENARIOS = [
    Idle("10,000 idle connections", [host(ECHO), host(GUARDED, "every-limit"), NIO], 10_000),
]

TARGETS = [
    Target("10,000 idle connections", "bytes", "<=", 6 * 1024),
    Target("10,000 idle connections", "bytes", "<=", 6 * 1024, server="every-limit"),
]
