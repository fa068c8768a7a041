"""What is measured, each scenario on several servers, and what the project holds itself to."""

import concurrent.futures
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import time

from databases import databases, migrate
from servers import (DURABLE, ECHO, FASTAPI, FASTAPI_FLOW, FLOW, GORILLA, GUARDED, LISTENER, LOAD_CORE, NIO, POSTGRES, PRODUCTS,
                     RELAY, SERVER_CORE, STORED, STREAMED, SUPABASE, TOOLS, WITHOUT, free_port, host)


def load(server, *arguments, tool="wsload"):
    result = subprocess.run(
        [TOOLS / tool, str(server.port), *map(str, arguments)], capture_output=True, text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CORE))
    if result.returncode:
        sys.exit(f"bench: {server.name}: {result.stderr}")
    return json.loads(result.stdout)


class Load:
    """A closed loop. `delay` is the model API's, in milliseconds; `None` where there is no model API."""

    def __init__(self, name, servers, connections, size=64, ahead=1, delay=None):
        self.name, self.servers, self.connections, self.size, self.ahead = name, servers, connections, size, ahead
        self.delay = delay
        self.environment = {}

    def measure(self, server, seconds):
        model, environment = None, dict(self.environment)
        if self.delay is not None:
            port = free_port()
            model = subprocess.Popen(
                [TOOLS / "model-stub", str(port), str(self.delay)], stdout=subprocess.PIPE, text=True,
                preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CORE))
            model.stdout.readline()
            environment |= {"OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1", "OPENAI_API_KEY": "none"}
        server.start(environment)
        try:
            self.warm_up(server, min(1, seconds))
            return self.figures(server, seconds)
        finally:
            server.stop()
            if model:
                model.kill()
                model.wait()

    def warm_up(self, server, seconds):
        load(server, self.connections, seconds, self.size, self.ahead, 0)

    def figures(self, server, seconds, rate=0):
        before = server.cpu_seconds()
        figures = load(server, self.connections, seconds, self.size, self.ahead, rate)
        cpu = server.cpu_seconds() - before
        return {"rate": figures["messages_per_second"], "p50": figures["p50"], "p99": figures["p99"],
                "cpu": cpu * 1e6 / max(1, figures["messages"])}


class HalfRate(Load):
    """The same number of messages a second for every server: half of what the first server can do."""

    def figures(self, server, seconds):
        if server is self.servers[0]:
            self.rate = int(super().figures(server, 1)["rate"] / 2)
        return super().figures(server, seconds, self.rate)


class Streams(Load):
    """Streamed answers; p50 and p99 are of the time to the first event."""

    def warm_up(self, server, seconds):
        self.figures(server, seconds)

    def figures(self, server, seconds):
        before = server.cpu_seconds()
        figures = load(server, self.connections, seconds, tool="streamload")
        cpu = server.cpu_seconds() - before
        return {"rate": figures["answers_per_second"], "p50": figures["p50"], "p99": figures["p99"],
                "cpu": cpu * 1e6 / figures["answers"]}


class Stored(Load):
    """Pipelines with databases that are servers."""

    def measure(self, server, seconds):
        with databases() as self.environment:
            if server.name == "supabase":
                migrate(self.environment)
            return super().measure(server, seconds)


class Idle:
    """Connections that say nothing: what each adds to the server's resident memory."""

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
            load(server, 64, 0.5, 64, 1, 0)
            before = server.resident_bytes()
            for _ in range(self.connections):
                sockets.append(connect(server.port))
            return {"bytes": (server.resident_bytes() - before) / self.connections}
        finally:
            for each in sockets:
                each.close()
            server.stop()


class Attack:
    """Well-meaning clients at 1,000 messages a second, in turn beside a program that does nothing but keep the load's core
    awake and beside clients that mean harm and do what the server's name says; and one who comes in meanwhile. The best
    turn of each counts: what else a machine does only adds."""

    RATE, TURNS, SECONDS = 1000, 4, 2

    def __init__(self, name, kinds):
        self.name, self.servers = name, [host(GUARDED, kind) for kind in kinds]

    def measure(self, server, seconds):
        server.start()
        try:
            attack = [TOOLS / "wsattack", str(server.port), server.name, str(self.SECONDS + 1)]
            load(server, 16, 1, 64, 1, self.RATE)
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
            figures = threads.submit(load, server, 16, seconds, 64, 1, self.RATE, 0.5)
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

    def __init__(self, name, servers):
        self.name, self.servers = name, servers

    def measure(self, server, seconds):
        server.start()
        try:
            before = server.cpu_seconds()
            figures = load(server, "storm", seconds, tool="wsattack")
            cpu = server.cpu_seconds() - before
            return {"lost": figures["lost"], "cpu": cpu * 1e6 / figures["connections"]}
        finally:
            server.stop()


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(
        f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer and (more := connection.recv(4096)):
        answer += more
    if not answer.startswith(b"HTTP/1.1 101"):
        sys.exit(f"bench: no WebSocket: {answer[:80]}")
    return connection


class Start:
    """From the start of the process to the line that says it listens; the median of ten."""

    def __init__(self, name, servers):
        self.name, self.servers = name, servers

    def measure(self, server, seconds):
        times = []
        for _ in range(10):
            server.start()
            times.append(server.seconds_to_ready * 1e3)
            server.stop()
        return {"ms": statistics.median(times)}


class Micro:
    """The microbenchmarks: each is a "server" of its own."""

    class One:
        def __init__(self, name):
            self.name = name

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


ECHOES = [host(ECHO), GORILLA, NIO, FASTAPI]
FLOWS = [host(FLOW), FASTAPI_FLOW]
ATTACKS = ["handshakes", "bytes", "fragments", "pings", "length", "bomb", "halfopen", "unread"]
BOTH_CORES = SERVER_CORE | LOAD_CORE
SCENARIOS = [
    Load("echo, 64 connections", ECHOES, 64),
    Load("echo, 1,000 connections", ECHOES, 1000),
    Load("echo, 16 ahead on 64 connections", ECHOES, 64, ahead=16),
    Load("echo, 60 KiB on 16 connections", ECHOES, 16, size=60 * 1024),
    Load("echo, 1 connection", ECHOES, 1),
    Load("echo, one core or two", [host(ECHO), host(ECHO, "two-cores", BOTH_CORES)], 64),
    Load("echo, one core or two, 16 ahead", [host(ECHO), host(ECHO, "two-cores", BOTH_CORES)], 64, ahead=16),
    Load("stored, 64 connections", [host(STORED), host(ECHO, "without")], 64),
    HalfRate("stored, 64 connections at half rate", [host(STORED), host(ECHO, "without")], 64),
    Load("kept on disk, 1 connection", [host(DURABLE), host(ECHO, "without")], 1),
    Load("kept on disk, 64 connections", [host(DURABLE), host(ECHO, "without")], 64),
    Load("kept on disk, 1,000 connections", [host(DURABLE), host(ECHO, "without")], 1000),
    Load("flow, 64 connections", FLOWS, 64, delay=0),
    Load("flow, 500 connections", FLOWS, 500, delay=0),
    Load("flow, 64 connections, model at 20 ms", FLOWS, 64, delay=20),
    Streams("64 streams of 50 words a second", [host(STREAMED), RELAY], 64, delay=20),
    Stored("stored behind a model at 20 ms", [
        host(WITHOUT, "without"), host(FLOW, "sqlite"), host(POSTGRES, "postgres"), host(SUPABASE, "supabase")], 64,
        delay=20),
    Idle("10,000 idle connections", [host(ECHO), host(GUARDED, "every-limit"), NIO], 10_000),
    Storm("2,000 new connections a second", [host(GUARDED), NIO]),
    Attack("beside clients that mean harm", ATTACKS),
    Start("start", [host(ECHO), LISTENER]),
    Micro("microbenchmarks", [
        "chain", "five-stages", "plain-loop", "memory-queue", "disk-queue", "check", "libyaml", "settings", "json-frame-in",
        "json-frame-out", "json-model-in", "json-model-out", "stream-event", "store-row", "grdb-row",
        "log-and-store-row", "log-and-store-row-64", "log-and-store-row-1"]),
]


class Target:
    """A figure of one server, at most or at least so many times that of another, or a plain limit."""

    def __init__(self, scenario, figure, relation, wanted, of=None, server="stagecoach", in_scenario=None):
        self.scenario, self.figure, self.relation, self.wanted = scenario, figure, relation, wanted
        self.of, self.server, self.in_scenario = of, server, in_scenario or scenario

    def value(self, median):
        own = median(self.scenario, self.server, self.figure)
        other = 1 if self.of is None else median(self.in_scenario, self.of, self.figure)
        return None if own is None or other is None else own / max(1e-9, other)

    def text(self):
        times = f"× {self.of}" + (f" in '{self.in_scenario}'" if self.in_scenario != self.scenario else "")
        server = "" if self.server == "stagecoach" else f"{self.server}, "
        return f"{self.scenario}: {server}{self.figure}", times if self.of else ""


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


class AttackTarget(Target):
    """p99 beside an attack, beside that of the same clients and server without it."""

    def value(self, median):
        beside, alone = (median(self.scenario, self.server, figure) for figure in (self.figure, "alone"))
        return None if None in (beside, alone) else beside / alone

    def text(self):
        return f"{self.scenario}: {self.server}, {self.figure}", "× that without the attack"


TARGETS = [
    Target("echo, 64 connections", "rate", ">=", 0.9, of="gorilla"),
    Target("echo, 64 connections", "rate", ">=", 1.2, of="nio"),
    Target("echo, 64 connections", "rate", ">=", 2.0, of="fastapi"),
    Target("echo, 1,000 connections", "rate", ">=", 0.75, of="gorilla"),
    Target("echo, 1,000 connections", "rate", ">=", 1.1, of="nio"),
    Target("echo, 1,000 connections", "rate", ">=", 3.0, of="fastapi"),
    Target("echo, 16 ahead on 64 connections", "rate", ">=", 1.5, of="nio"),
    Target("echo, 60 KiB on 16 connections", "rate", ">=", 3.0, of="nio"),
    Target("echo, 1 connection", "p50", "<=", 1.2, of="nio"),
    Target("echo, one core or two", "cpu", "<=", 1.1, of="stagecoach", server="two-cores"),
    Target("echo, one core or two, 16 ahead", "cpu", "<=", 1.1, of="stagecoach", server="two-cores"),
    StorageTarget("stored, 64 connections", "cpu", "<=", 2),
    Target("stored, 64 connections at half rate", "p50", "<=", 1.1, of="without"),
    Target("stored, 64 connections at half rate", "p99", "<=", 1.1, of="without"),
    DeliveryTarget("kept on disk, 1 connection", "log-and-store-row-1", 0.6),
    DeliveryTarget("kept on disk, 64 connections", "log-and-store-row-64", 0.6),
    DeliveryTarget("kept on disk, 1,000 connections", "log-and-store-row", 0.6),
    Target("flow, 64 connections", "cpu", "<=", 1 / 25, of="fastapi"),
    Target("flow, 64 connections", "p99", "<=", 0.1, of="fastapi"),
    Target("flow, 500 connections", "rate", ">=", 0.8, of="stagecoach", in_scenario="flow, 64 connections"),
    Target("flow, 64 connections, model at 20 ms", "p50", "<=", 22_000),
    Target("64 streams of 50 words a second", "p99", "<=", 2, of="curl-relay"),
    Target("stored behind a model at 20 ms", "p50", "<=", 1.02, of="without", server="sqlite"),
    Target("stored behind a model at 20 ms", "p99", "<=", 1.1, of="without", server="sqlite"),
    Target("stored behind a model at 20 ms", "p50", "<=", 1.02, of="without", server="postgres"),
    Target("stored behind a model at 20 ms", "p99", "<=", 1.1, of="without", server="postgres"),
    Target("stored behind a model at 20 ms", "p50", "<=", 1.02, of="without", server="supabase"),
    Target("stored behind a model at 20 ms", "p99", "<=", 1.1, of="without", server="supabase"),
    Target("10,000 idle connections", "bytes", "<=", 6 * 1024),
    Target("10,000 idle connections", "bytes", "<=", 6 * 1024, server="every-limit"),
    Target("2,000 new connections a second", "lost", "<=", 0),
    *[AttackTarget("beside clients that mean harm", "p99", "<=", 1.5, server=kind) for kind in ATTACKS],
    *[Target("beside clients that mean harm", "bytes", "<=", 64 << 20, server=kind) for kind in ATTACKS],
    Target("start", "ms", "<=", 2, of="nio"),
    Target("microbenchmarks", "ns", "<=", 3, of="plain-loop", server="five-stages"),
    Target("microbenchmarks", "ns", "<=", 3, of="libyaml", server="check"),
]
