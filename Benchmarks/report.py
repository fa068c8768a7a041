"""What a run found, as text."""

import statistics

HEADINGS = {"rate": "a second", "p50": "p50 µs", "p99": "p99 µs", "cpu": "CPU µs each", "bytes": "bytes", "lost": "lost", "errors": "errors",
            "host": "host µs", "worker": "worker µs", "nats": "NATS µs", "alone": "p99 alone µs", "joining": "to join µs", "late99": "late p99 µs", "late": "late max µs",
            "first99": "first p99 µs", "own": "its own bytes", "ms": "ms", "ns": "ns each"}


def median(results, scenario, server, figure):
    rounds = results.get(scenario, {}).get(server)
    return statistics.median(round[figure] for round in rounds) if rounds and figure in rounds[0] else None


def report(results):
    for scenario, servers in results.items():
        measured = {name: rounds for name, rounds in servers.items() if rounds}
        if not measured:
            continue
        figures = list(next(iter(measured.values()))[0])
        width = max(16, *(len(name) + 1 for name in measured))
        print(f"\n{scenario}\n  {'':{width}}" + "".join(f"{HEADINGS[each]:>14}" for each in figures) + "   spread of the first")
        for name, rounds in measured.items():
            medians = "".join(f"{median(results, scenario, name, each):>14,.{2 if each == 'cpu' else 0}f}" for each in figures)
            first = [round[figures[0]] for round in rounds]
            print(f"  {name:{width}}{medians}   {min(first):,.0f} – {max(first):,.0f}")


def judge(results, targets):
    print("\nwhat the project holds itself to (medians)")
    verdicts = []
    for target in targets:
        value = target.value(lambda *which: median(results, *which))
        if value is None:
            continue
        what, times = target.text()
        verdicts.append({"what": f"{what} {times}".strip(), "value": value, "wanted": target.wanted,
                         "relation": target.relation, "met": target.is_met(value)})
        print(f"  {'met   ' if target.is_met(value) else 'missed'}  {what} {value:,.3f} {times} "
              f"({target.relation} {target.wanted:,.3g})")
    return verdicts

