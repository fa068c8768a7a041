"""Runs the Autobahn suite's fuzzing client by groups, and counts; scripts/autobahn prepares what it needs."""

import json
import pathlib
import subprocess
import sys

REPORTS = pathlib.Path(".build/autobahn/reports")
AGENT = "Stagecoach"
# The packages lie in a folder of their own, whose .pth files count as well.
RUN = "import site, sys; site.addsitedir(sys.argv.pop(1)); from autobahntestsuite.wstest import run; run()"

FULL = [([f"{group}.*"], group) for group in (1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 13)]
# Of compression: small, medium and large messages, each with every set of parameters.
SAMPLE = [([f"12.{kind}.{size}" for kind in range(1, 6) for size in (2, 5, 11)], 12),
          ([f"13.{kind}.{size}" for kind in range(1, 8) for size in (2, 5, 11)], 13)]


def run_group(python, packages, port, group, cases):
    """What the suite says about each case."""
    folder = REPORTS / str(group)
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / "index.json"
    index.unlink(missing_ok=True)
    specification = folder / "specification.json"
    specification.write_text(json.dumps({
        "outdir": str(folder), "servers": [{"agent": AGENT, "url": f"ws://127.0.0.1:{port}"}],
        "cases": cases, "exclude-cases": [], "exclude-agent-cases": {}}))
    with open(folder / "output.txt", "w") as output:
        subprocess.run(
            [python, "-W", "ignore", "-c", RUN, packages, "--mode", "fuzzingclient", "--spec", str(specification)],
            stdout=output, stderr=subprocess.STDOUT, timeout=1800, check=True)
    if not index.exists():
        sys.exit(f"autobahn: group {group} did not end; see {folder}/output.txt")
    return json.loads(index.read_text())[AGENT]


def verdict(result):
    behaviors = {result["behavior"], result["behaviorClose"]}
    if behaviors == {"OK"}:
        return "passed"
    if "NON-STRICT" in behaviors:
        return "non-strict"
    if behaviors <= {"OK", "INFORMATIONAL"}:
        return "informational"
    # What is not implemented has failed as well: it would mean that nothing was negotiated.
    return "failed"


def main(python, packages, echo, *options):
    groups = [entry for entry in FULL if entry[1] < 12] + SAMPLE if "--short" in options else FULL
    kinds = ("passed", "failed", "non-strict", "informational")
    totals = dict.fromkeys(kinds, 0)
    server = subprocess.Popen([echo], stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline())
        print(f"{'group':<8}" + "".join(f"{kind:>15}" for kind in kinds), flush=True)
        for cases, group in groups:
            counts = dict.fromkeys(kinds, 0)
            results = run_group(python, packages, port, group, cases)
            for result in results.values():
                counts[verdict(result)] += 1
            print(f"{group:<8}" + "".join(f"{counts[kind]:>15}" for kind in kinds), flush=True)
            for case, result in sorted(results.items()):
                if verdict(result) in ("failed", "non-strict"):
                    print(f"  {case}: {result['behavior']}, close: {result['behaviorClose']}"
                          f" ({REPORTS / str(group) / result['reportfile']})", flush=True)
            for kind in kinds:
                totals[kind] += counts[kind]
    finally:
        server.terminate()
        server.wait()
    print(f"{'all':<8}" + "".join(f"{totals[kind]:>15}" for kind in kinds))
    sys.exit(1 if totals["failed"] or totals["non-strict"] or not totals["passed"] else 0)


main(*sys.argv[1:])
