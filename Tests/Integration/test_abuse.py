"""Abusive clients of every kind, alone and all together, beside good ones: memory is afterwards what it was, and the good hear
every answer. For ten seconds here, for two minutes, with delays compared, by `scripts/nightly` (ABUSE_SECONDS)."""

import os
import pathlib
import subprocess
import sys
import threading
import time

import pytest

from abusers import KINDS, TOKEN
from conftest import memory, program
from pace import drive

SECONDS = float(os.environ.get("ABUSE_SECONDS", "10"))
ALONE = float(os.environ.get("ABUSE_ALONE", "0.7"))
IS_LONG = SECONDS >= 60
ALLOWED = 64 << 20
GOOD, RATE = 50, 100
KEY = "good-clients-key-of-32-bytes-or-more"

HOST = f"""
host:
  auth: {{keys: [{TOKEN}, {KEY}]}}
  history: true
  compression: true
  limits: {{write: 5s, handshake: 5s, frames_per_second: 200}}
"""
FLOW = """
pipeline: NAME
HOST
resources:
  model: echo
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive: {path: /PATH, format: jsonMORE}
  - validate: {resources: [model, database]}
  - limit: {per: user, messages: 100000000, every: 1m}
  - complete: {stream: true}
  - persist: {}
    async: true
  - respond: {stream: true}
"""
PLAIN = FLOW.replace("NAME", "plain").replace("PATH", "ws").replace("HOST", HOST).replace("MORE", "")
RETAINED = FLOW.replace("NAME", "retained").replace("PATH", "retained").replace("HOST", "").replace(
    "MORE", ", on_disconnect: {hold: 10m}")


class Peak:
    """The most memory that the host has while something lasts."""

    def __init__(self, host):
        self.host, self.value, self.over = host, 0, threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.over.wait(0.1):
            self.value = max(self.value, memory(self.host))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


@pytest.fixture
def host(serve, tmp_path, monkeypatch):
    """In the long form it has a core, and those who come another."""
    variable = "STAGECOACH"
    if IS_LONG:
        script = tmp_path / "pinned"
        script.write_text(f'#!/bin/sh\nexec taskset -c 0 "{program()}" "$@"\n')
        script.chmod(0o755)
        monkeypatch.setenv("PINNED", str(script))
        variable = "PINNED"
    return serve(PLAIN, RETAINED, env={"LOG_LEVEL": "critical"}, variable=variable, ends_well=False)


def others(host, seconds, *arguments, only=None):
    """The others, in a process beside the load."""
    command = [sys.executable, str(pathlib.Path(__file__).parent / "abusers.py"), str(host.port), str(seconds), *arguments]
    pin = ["taskset", "-c", "1"] if IS_LONG else []
    environment = {**os.environ, **({"ABUSE_ONLY": only} if only else {})}
    return subprocess.Popen(pin + command, stdout=subprocess.PIPE, text=True, env=environment)


def good(host, seconds):
    """Fifty well-meaning clients: nobody is refused, and every answer comes."""
    if IS_LONG:
        os.sched_setaffinity(0, {1})
    pace = drive(host.url("format=json"), RATE, seconds, connections=GOOD,
                 additional_headers={"Authorization": f"Bearer {KEY}"}, open_timeout=60)
    assert not pace.errors, pace.errors[:3]
    return pace


def settled(host, before):
    """The host's memory once those who left are gone, at most."""
    end = time.monotonic() + 20
    while (now := memory(host)) - before > ALLOWED and time.monotonic() < end:
        time.sleep(0.5)
    return now - before


@pytest.mark.alone
@pytest.mark.memory
def test_every_kind_alone_leaves_memory_as_it_was(host):
    good(host, 1)
    before = memory(host)
    grown = {}
    for kind in KINDS:
        with Peak(host) as peak:
            assert others(host, ALONE, "abuse", only=kind).wait(60) == 0
        grown[kind] = peak.value - before
        assert settled(host, before) <= ALLOWED, (kind, grown)
    print("\nKiB more at most: " + ", ".join(f"{kind} {more >> 10}" for kind, more in grown.items()))


@pytest.mark.alone
@pytest.mark.memory
def test_all_kinds_together_leave_memory_as_it_was_and_refuse_no_good_client(host):
    good(host, 2)
    before = memory(host)
    with Peak(host) as peak:
        process = others(host, SECONDS, "abuse")
        beside = good(host, SECONDS)
        sent = int(process.communicate(timeout=60)[0])
    grown = settled(host, before)
    print(f"\nabusive clients sent {sent >> 20} MiB; memory {before >> 20} MiB before, {peak.value >> 20} at most, "
          f"{(before + grown) >> 20} after; p99 {beside.percentile(0.99) * 1e3:.1f} ms")
    assert grown <= ALLOWED
    if IS_LONG:
        process = others(host, SECONDS, "harmless", str(sent / SECONDS))
        quiet = good(host, SECONDS)
        same = int(process.communicate(timeout=60)[0])
        print(f"harmless clients sent {same >> 20} MiB; p99 {quiet.percentile(0.99) * 1e3:.1f} ms")
        assert beside.percentile(0.99) <= 3 * quiet.percentile(0.99)
