"""A program of `exec` that says too much on standard error: the log has its end."""

import json
import time

from conftest import receive_json

LOUD = """
import json, sys

for line in sys.stdin:
    request = json.loads(line)
    print("x" * 1_000_000, file=sys.stderr)
    for number in range(20_000):
        print("line", number, file=sys.stderr)
    sys.stderr.flush()
    print(json.dumps({"id": request["id"], "fields": {"prompt": "done"}}), flush=True)
"""


def test_the_log_takes_so_much_of_each_line_and_so_many_lines_a_second(serve, tmp_path):
    (tmp_path / "loud.py").write_text(LOUD)
    host = serve("pipeline: p\nresources: {m: echo}\nstages:\n  - receive: {format: json}\n"
                 "  - exec: {command: [python3, loud.py], processes: 1}\n    label: loud\n  - complete\n  - respond\n")
    began = time.monotonic()
    with host.connect() as client:
        receive_json(client)
        client.send(json.dumps({"prompt": "x"}))
        assert receive_json(client)["response"] == "done"
    assert host.stop() == 0
    seconds = time.monotonic() - began
    lines = [entry for entry in map(json.loads, host.log) if entry.get("stage") == "loud"]
    # Seconds are those of the clock: a quarter of one may be in two.
    assert 100 <= len(lines) <= 100 * (seconds + 2) + 5
    assert max(len(entry["message"]) for entry in lines) <= 4096 + 100
