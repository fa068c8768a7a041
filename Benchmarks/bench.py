"""Measures the host against its peers in one run and prints ratios. `scripts/bench` builds everything and calls it."""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import sys

from scenarios import SCENARIOS, TARGETS
from servers import BUILD, PRODUCTS, TOOLS

HEADINGS = {"rate": "messages/s", "p50": "p50 µs", "p99": "p99 µs", "cpu": "CPU µs each", "bytes": "bytes", "lost": "lost",
            "alone": "p99 alone µs", "joining": "to join µs",
            "ms": "ms", "ns": "ns each"}


def report(results):
    for scenario, servers in results.items():
        figures = list(next(iter(servers.values()))[0])
        print(f"\n{scenario}\n  {'':16}" + "".join(f"{HEADINGS[each]:>14}" for each in figures) + "   spread of the first")
        for name, rounds in servers.items():
            medians = "".join(f"{statistics.median(round[each] for round in rounds):>14,.{2 if each == 'cpu' else 0}f}"
                              for each in figures)
            first = [round[figures[0]] for round in rounds]
            print(f"  {name:16}{medians}   {min(first):,.0f} – {max(first):,.0f}")


def judge(results):
    def median(scenario, server, figure):
        rounds = results.get(scenario, {}).get(server)
        return rounds and statistics.median(round[figure] for round in rounds)

    print("\nwhat the project holds itself to (medians)")
    verdicts = []
    for target in TARGETS:
        value = target.value(median)
        if value is None:
            continue
        is_met = value >= target.wanted if target.relation == ">=" else value <= target.wanted
        what, times = target.text()
        verdicts.append({"what": f"{what} {times}".strip(), "value": value, "wanted": target.wanted,
                         "relation": target.relation, "met": is_met})
        print(f"  {'met   ' if is_met else 'missed'}  {what} {value:,.3f} {times} ({target.relation} {target.wanted:,.3g})")
    return verdicts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument(
        "--only", action="append", help="scenarios whose name holds this text; several times for several")
    parser.add_argument("--json", type=pathlib.Path, default=BUILD / "bench.json", help="where the figures go")
    options = parser.parse_args()
    if os.cpu_count() < 2:
        sys.exit("bench: two cores are needed, one for the server and one for the load")
    for tool in (PRODUCTS / "stagecoach", PRODUCTS / "microbenchmarks", TOOLS / "wsload"):
        if not shutil.which(tool):
            sys.exit(f"bench: {tool} is not built; scripts/bench builds it")
    chosen = [scenario for scenario in SCENARIOS
              if not options.only or any(text in scenario.name for text in options.only)]
    results = {scenario.name: {server.name: [] for server in scenario.servers} for scenario in chosen}
    for round in range(options.rounds):
        for scenario in chosen:
            for server in scenario.servers:
                print(f"round {round + 1}: {scenario.name}: {server.name}", file=sys.stderr)
                results[scenario.name][server.name].append(scenario.measure(server, options.seconds))
    report(results)
    verdicts = judge(results)
    options.json.write_text(json.dumps({"results": results, "targets": verdicts}, indent=1) + "\n")
    print(f"\nall figures: {options.json}")


if __name__ == "__main__":
    main()
