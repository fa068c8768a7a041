"""Pipeline files from elsewhere: whatever they hold, `check` ends soon, runs nothing, asks nobody and prints no secret."""

import re
import resource
import subprocess
import time

import pytest

from conftest import DEADLINE, program, receive

FLOW = "pipeline: t\nresources: {m: echo}\nstages:\n  - receive\n  - complete\n  - respond\n"
MARK = "c4n4ry"

HOSTILE = {
    "a million brackets": "[" * 1_000_000,
    "64 aliases that double": "a: &a0 [x, x]\n" + "".join(f"b{n}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(64)),
    "ten megabytes": FLOW + "# " + "x" * (10 << 20),
    "200,000 values": FLOW + "description: [" + "x, " * 200_000 + "]\n",
    "U+0000": FLOW + "description: a\0b\n",
    "a tag": FLOW + "description: !!python/object:os.system x\n",
    "two documents": FLOW + "---\n" + FLOW,
    "a key twice": FLOW + "pipeline: u\n",
    "100,000 mistakes": FLOW + "".join(f"x{n}: 1\n" for n in range(49_000)),
}


@pytest.mark.memory
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused_at_its_place_soon_and_in_little_memory(tmp_path, text):
    (tmp_path / "p.yaml").write_text(text)
    limit = 512 << 20
    began = time.monotonic()
    done = subprocess.run(
        [program(), "check", "p.yaml"], cwd=tmp_path, env={}, capture_output=True, text=True, timeout=DEADLINE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))
    assert time.monotonic() - began < 0.5 * DEADLINE
    assert done.returncode == 1 and re.search(r"^p\.yaml(:\d+:\d+)?: error: ", done.stderr, re.M), done.stderr[:1000]
    assert len(done.stderr) < 100_000


def test_a_variables_value_stays_a_text_whatever_it_holds(serve):
    values = ["x}\n  - log: {text: forged}\n#", "x, modle: y", "'\"x", "- a\n- b", "*alias", "{a: b}", "${PATH}", "~"]
    names = [f"VALUE_{number}" for number in range(len(values))]
    fields = "".join(f"      field{name}: ${{{name}}}\n" for name in names)
    text = "|".join(f"{{{{field{name}}}}}" for name in names)
    host = serve(FLOW.replace("  - complete\n", f"  - transform:\n{fields}  - transform: {{completion: \"{text}\"}}\n"),
                 env=dict(zip(names, values)))
    with host.connect() as client:
        client.send("x")
        assert receive(client) == "|".join(values)
    assert not any("forged" in line for line in host.log)


@pytest.mark.parametrize("named", ["/proc/self/environ", "secrets.env", "secrets.yaml", "/proc/self/cmdline"])
def test_nothing_is_shown_of_a_file_that_is_no_pipeline(run, tmp_path, named):
    (tmp_path / "secrets.env").write_text(f"OPENAI_API_KEY={MARK}\n")
    (tmp_path / "secrets.yaml").write_text(f"password: {MARK}\nkeys:\n  - {MARK}\n")
    (tmp_path / "p.yaml").write_text(FLOW.replace("- complete", f"- use: {named}\n  - complete"))
    for command in (["check"], ["check", "--format", "json"], ["serve"], ["test"], ["explain"]):
        done = run(*command, "p.yaml", env={"SECRET": MARK})
        assert done.returncode == 1 and MARK not in done.stdout + done.stderr, done
        assert "is no pipeline file" in done.stdout + done.stderr
    done = run("check", "secrets.env")
    assert done.returncode == 1 and MARK not in done.stdout + done.stderr


@pytest.mark.preload
def test_check_runs_no_program_and_asks_nobody(run, tmp_path):
    (tmp_path / "run.sh").write_text("#!/bin/sh\ntouch ran\n")
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "p.yaml").write_text("""
pipeline: t
resources:
  model: {openai: {url: "http://127.0.0.1:9/v1", key: k}}
  database: {postgres: {url: "postgres://127.0.0.1:9/x", create: true}}
  outbox: {disk: {path: made/outbox.db}}
stages:
  - receive
  - exec: {command: [./run.sh]}
  - http: {url: "http://127.0.0.1:9/"}
  - complete
  - persist:
    async: {queue: outbox, dead_letter: made/dead.jsonl}
  - respond
""")
    for command in ("check", "graph"):
        trace = tmp_path / f"{command}.trace"
        done = subprocess.run(
            ["strace", "-f", "-o", trace, "-e", "trace=execve,connect,unlink,rename,mkdir,openat", program(), command, "p.yaml"],
            cwd=tmp_path, capture_output=True, text=True, timeout=3 * DEADLINE)
        assert done.returncode == 0, done.stderr
        calls = trace.read_text()
        assert calls.count("execve(") == 1 and "connect(" not in calls and "mkdir(" not in calls
        written = [line for line in calls.splitlines() if re.search(r"O_(WRONLY|RDWR|CREAT)", line)]
        assert all("/dev/" in line or "/proc/" in line for line in written), written
    assert not (tmp_path / "ran").exists() and not (tmp_path / "made").exists()
