"""Measures the host against its peers in one run and prints ratios. `scripts/bench` calls it."""

import argparse
import datetime
import fcntl
import importlib
import json
import os
import pathlib
import platform
import statistics
import sys

import table
from build import BUILD, need
from loads import others
from peers import with_program
from report import judge, report
from servers import Failed
from targets import not_slower

PARTS = ["echo", "flow", "streams", "post", "stored", "nats", "memory", "attack", "start", "engine"]


def options():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all where none is named")
    parser.add_argument("--rounds", type=int, default=3, help="in turn, whose medians count (3)")
    parser.add_argument("--seconds", type=float, default=3, help="of the measured part of each (3)")
    parser.add_argument(
        "--only", action="append", metavar="TEXT", help="scenarios whose name holds this; several times for several")
    parser.add_argument(
        "--servers", metavar="NAME,…", help="only these servers; those that targets compare with may be missing then")
    parser.add_argument("--program", type=pathlib.Path,
                        help="the build of stagecoach to measure; this tree's is built where it is left out")
    parser.add_argument("--against", type=pathlib.Path, help="another build of stagecoach, measured in turn as 'before'")
    parser.add_argument("--json", type=pathlib.Path, default=BUILD / "bench.json",
                        help="where the figures go; those of scenarios that are not measured now stay in it")
    parser.add_argument("--markdown", action="store_true",
                        help="no run: write the table of docs/performance.md from the figures that are there")
    parsed = parser.parse_args()
    unknown = set(parsed.parts) - set(PARTS)
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}")
    return parsed


def builds(server, chosen):
    """A server of ours by each build that is asked for."""
    if not server.is_ours:
        return [server]
    own = with_program(server, chosen.program) if chosen.program else server
    return [own, with_program(server, chosen.against, f"{server.name}, before")] if chosen.against else [own]


def main():
    chosen = options()
    known = json.loads(chosen.json.read_text()) if chosen.json.exists() else {"results": {}}
    if chosen.markdown:
        return table.write(known)
    if os.cpu_count() < 2:
        sys.exit("bench: two cores are needed, one for the server and one for the load")
    modules = [importlib.import_module(f"parts.{part}") for part in chosen.parts or PARTS]
    scenarios = [scenario for module in modules for scenario in module.SCENARIOS
                 if not chosen.only or any(text in scenario.name for text in chosen.only)]
    targets = [target for module in modules for target in module.TARGETS]
    for scenario in scenarios:
        scenario.servers = [each for server in scenario.servers
                            if not chosen.servers or server.name in chosen.servers.split(",")
                            for each in builds(server, chosen)]
        for needed in [*scenario.needs, *(need for server in scenario.servers for need in server.needs)]:
            need(needed)
    alone = wait_until_alone()
    results = {scenario.name: {server.name: [] for server in scenario.servers} for scenario in scenarios}
    failures = []
    for round in range(chosen.rounds):
        for scenario in scenarios:
            for server in scenario.servers:
                what = f"round {round + 1}: {scenario.name}: {server.name}"
                print(what, file=sys.stderr)
                try:
                    results[scenario.name][server.name].append(scenario.measure(server, chosen.seconds))
                except Failed as failure:
                    failures.append(f"{what}: {failure}")
    alone.close()
    report(results)
    if chosen.against:
        targets += [target for scenario in scenarios for target in not_slower(scenario, figures_of(results, scenario))]
    verdicts = judge(results, targets)
    figures = {"machine": machine(), "results": {**known["results"], **results}, "targets": verdicts}
    chosen.json.write_text(json.dumps(figures, indent=1) + "\n")
    if others:
        print(f"\nother programs had {statistics.median(others):.1%} of the servers' core, {max(others):.1%} at worst")
    print(f"all figures: {chosen.json}")
    if failures:
        sys.exit("\n".join(["", "not measured:", *failures]))


def wait_until_alone():
    """Two runs at once would spoil each other."""
    lock = open("/tmp/stagecoach-bench.lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another run is under way: waiting for its end", file=sys.stderr)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def machine():
    processors = [line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")]
    return f"{len(processors)} processors, {processors[0] if processors else platform.machine()}, {datetime.date.today()}"


def figures_of(results, scenario):
    return {figure for rounds in results[scenario.name].values() for round in rounds for figure in round}


if __name__ == "__main__":
    main()
