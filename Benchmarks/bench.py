"""Measures the host against its peers in one run and prints ratios. `scripts/bench` builds everything and calls it."""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE / ".build"
TOOLS = BUILD / "release"
HOST = HERE.parent / ".build" / "release" / "stagecoach"
SERVER_CORE, LOAD_CORE = {0}, {1}

ECHO = "pipeline: echo\nresources: {model: echo}\nstages: [receive, validate, complete, respond]\n"
STORED = ("pipeline: stored\nresources:\n  model: echo\n  database: {sqlite: {path: rows.db}}\n"
          "stages:\n  - receive\n  - validate\n  - complete\n  - persist: {}\n    async: true\n  - respond\n")
FLOW = STORED.replace("model: echo", 'model: {openai: {url: "${OPENAI_BASE_URL}", key: "${OPENAI_API_KEY}"}}')


class Load:
    """What `wsload` is asked for."""

    def __init__(self, connections, size=64, ahead=1, rate=0, seconds=None):
        self.connections, self.size, self.ahead, self.rate, self.seconds = connections, size, ahead, rate, seconds


class Server:
    """A server under measurement: how it is started, and its files."""

    def __init__(self, name, command, pipeline=None):
        self.name, self.command, self.pipeline = name, command, pipeline

    def start(self, environment):
        self.folder = tempfile.TemporaryDirectory(prefix="bench-")
        if self.pipeline:
            (pathlib.Path(self.folder.name) / "pipeline.yaml").write_text(self.pipeline)
        self.port = free_port()
        command = [str(part).replace("PORT", str(self.port)) for part in self.command]
        self.process = subprocess.Popen(
            command, cwd=self.folder.name, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, **environment}, preexec_fn=lambda: os.sched_setaffinity(0, SERVER_CORE))
        if not self.process.stdout.readline().startswith("listening on"):
            sys.exit(f"bench: {self.name} did not start")
        wait_for_port(self.port)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port):
    for _ in range(1000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    sys.exit(f"bench: nobody listens on {port}")


def host(pipeline):
    return Server("stagecoach", [HOST, "serve", "pipeline.yaml", "--port", "PORT"], pipeline)


GORILLA = Server("gorilla", [BUILD / "gorilla", "-port", "PORT"])
NIO = Server("nio", [TOOLS / "nio-echo", "PORT"])
FASTAPI = Server("fastapi", [BUILD / "venv/bin/python", HERE / "peers/fastapi/echo.py", "PORT"])
FASTAPI_FLOW = Server("fastapi", [BUILD / "venv/bin/python", HERE / "peers/fastapi/flow.py", "PORT"])


class Scenario:
    """One load on several servers. `delay` is the model API's, in milliseconds; `None` where there is no model API."""

    def __init__(self, name, load, servers, delay=None):
        self.name, self.load, self.servers, self.delay = name, load, servers, delay


ECHOES = [host(ECHO), GORILLA, NIO, FASTAPI]
SCENARIOS = [
    Scenario("echo, 64 connections", Load(64), ECHOES),
    Scenario("echo, 1,000 connections", Load(1000), ECHOES),
    Scenario("echo, 16 ahead on 64 connections", Load(64, ahead=16), ECHOES),
    Scenario("echo, 60 KiB on 16 connections", Load(16, size=60 * 1024), ECHOES),
    Scenario("echo, 1 connection", Load(1), ECHOES),
    Scenario("flow, 64 connections", Load(64), [host(FLOW), FASTAPI_FLOW], delay=0),
    Scenario("flow, 500 connections", Load(500), [host(FLOW), FASTAPI_FLOW], delay=0),
    Scenario("flow, 64 connections, model at 20 ms", Load(64), [host(FLOW), FASTAPI_FLOW], delay=20),
]

# What the project holds itself to: scenario, figure, peer, and the ratio of the host's figure to the peer's.
TARGETS = [
    ("echo, 64 connections", "rate", "gorilla", ">=", 0.9),
    ("echo, 64 connections", "rate", "nio", ">=", 1.2),
    ("echo, 64 connections", "rate", "fastapi", ">=", 2.0),
    ("echo, 1,000 connections", "rate", "gorilla", ">=", 0.75),
    ("echo, 1,000 connections", "rate", "nio", ">=", 1.1),
    ("echo, 1,000 connections", "rate", "fastapi", ">=", 3.0),
    ("echo, 16 ahead on 64 connections", "rate", "nio", ">=", 1.5),
    ("echo, 60 KiB on 16 connections", "rate", "nio", ">=", 3.0),
    ("echo, 1 connection", "p50", "nio", "<=", 1.2),
    ("flow, 64 connections", "cpu", "fastapi", "<=", 1 / 25),
    ("flow, 64 connections", "p99", "fastapi", "<=", 0.1),
]


def measure(server, scenario, seconds):
    model, environment = None, {}
    if scenario.delay is not None:
        port = free_port()
        model = subprocess.Popen(
            [TOOLS / "model-stub", str(port), str(scenario.delay)], stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CORE))
        model.stdout.readline()
        environment = {"OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1", "OPENAI_API_KEY": "none"}
    server.start(environment)
    try:
        load(server, scenario.load, min(1, seconds))
        before = server.cpu_seconds()
        figures = load(server, scenario.load, seconds)
        cpu = server.cpu_seconds() - before
        return {
            "rate": figures["messages_per_second"], "p50": figures["p50"], "p99": figures["p99"],
            "cpu": cpu * 1e6 / max(1, figures["messages"]), "resident": server.resident_bytes()}
    finally:
        server.stop()
        if model:
            model.kill()
            model.wait()


def load(server, wanted, seconds):
    result = subprocess.run(
        [TOOLS / "wsload", str(server.port), str(wanted.connections), str(wanted.seconds or seconds), str(wanted.size),
         str(wanted.ahead), str(wanted.rate)],
        capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CORE))
    if result.returncode:
        sys.exit(f"bench: {server.name}: {result.stderr}")
    return json.loads(result.stdout)


def median_of(rounds, figure):
    values = [round[figure] for round in rounds]
    return statistics.median(values), min(values), max(values)


def report(results):
    for scenario, servers in results.items():
        print(f"\n{scenario}")
        print(f"  {'':12}{'messages/s':>12}{'(spread)':>20}{'p50 µs':>10}{'p99 µs':>10}{'CPU µs/message':>16}")
        for name, rounds in servers.items():
            rate, low, high = median_of(rounds, "rate")
            spread = f"{low:,.0f} – {high:,.0f}"
            print(f"  {name:12}{rate:>12,.0f}{spread:>20}{median_of(rounds, 'p50')[0]:>10,.0f}"
                  f"{median_of(rounds, 'p99')[0]:>10,.0f}{median_of(rounds, 'cpu')[0]:>16.2f}")


def judge(results):
    print("\nratios to peers (medians)")
    verdicts = []
    for scenario, figure, peer, relation, wanted in TARGETS:
        servers = results.get(scenario, {})
        if peer not in servers:
            continue
        ratio = median_of(servers["stagecoach"], figure)[0] / max(1e-9, median_of(servers[peer], figure)[0])
        is_met = ratio >= wanted if relation == ">=" else ratio <= wanted
        verdicts.append({"scenario": scenario, "figure": figure, "peer": peer, "ratio": ratio, "wanted": wanted,
                         "relation": relation, "met": is_met})
        print(f"  {'met   ' if is_met else 'missed'}  {scenario}: {figure} {ratio:.3f} × {peer} ({relation} {wanted:.3g})")
    return verdicts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--only", default="", help="scenarios whose name holds this text")
    parser.add_argument("--json", type=pathlib.Path, default=BUILD / "bench.json", help="where the figures go")
    options = parser.parse_args()
    if os.cpu_count() < 2:
        sys.exit("bench: two cores are needed, one for the server and one for the load")
    for tool in (HOST, TOOLS / "wsload"):
        if not shutil.which(tool):
            sys.exit(f"bench: {tool} is not built; scripts/bench builds it")
    chosen = [scenario for scenario in SCENARIOS if options.only in scenario.name]
    results = {scenario.name: {server.name: [] for server in scenario.servers} for scenario in chosen}
    for round in range(options.rounds):
        for scenario in chosen:
            for server in scenario.servers:
                print(f"round {round + 1}: {scenario.name}: {server.name}", file=sys.stderr)
                results[scenario.name][server.name].append(measure(server, scenario, options.seconds))
    report(results)
    verdicts = judge(results)
    options.json.write_text(json.dumps({"results": results, "ratios": verdicts}, indent=1) + "\n")
    print(f"\nall figures: {options.json}")


if __name__ == "__main__":
    main()
