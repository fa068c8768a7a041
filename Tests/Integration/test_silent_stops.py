"""A stop takes no longer than `drain`, whatever does not answer."""

import contextlib
import glob
import json
import time

import pytest

from conftest import receive_json, wait_until
from severable import SeverableProxy
from silence import SLACK, ask, stop


@pytest.fixture
def proxy(postgres_server):
    server = SeverableProxy(postgres_server.port)
    yield server
    server.stop()


STOPPED = """
pipeline: p
host: {drain: 500ms}
resources:
  model: echo
  database: {postgres: {url: "URL", create: true}}
  outbox: {disk: {path: data/outbox.db}}
stages: [receive: {format: json}, complete, STAGES]
"""

STOPS = {
    "async": "{persist: {}, async: true}, respond",
    "disk": "{persist: {}, async: {queue: outbox}}, respond",
    "letters": "{persist: {}, async: {dead_letter: data/dead.jsonl}}, respond",
    "awaited": "persist, respond",
}


@pytest.mark.parametrize("name", STOPS)
@pytest.mark.parametrize("known", [False, True], ids=["at once", "known"])
def test_a_stop_behind_a_silent_database_takes_no_longer_than_drain(serve, postgres, proxy, name, known):
    text = STOPPED.replace("URL", postgres.url(port=proxy.port))
    host = serve(text.replace("STAGES", STOPS[name]), ends_well=False)
    assert ask(host, "before") is None
    wait_until(lambda: postgres.count() == 1, "the first row")
    proxy.silent = True
    if known:
        wait_until(lambda: host.entries("database_unavailable"), "the silence to be known")
    with host.connect() as client:
        receive_json(client)
        client.send(json.dumps({"prompt": "waits"}))
        if name != "awaited":
            assert receive_json(client)["type"] == "response"
        else:
            time.sleep(0.1)
        took, code = stop(host)
    assert took < 0.5 + 0.1 * SLACK, host.log
    assert code == (0 if name in ("disk", "letters") or name == "awaited" and known else 1), host.log
    assert not any("have not closed in time" in line for line in host.log), host.log


def running(program):
    """The processes that run it."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(program) in open(path).read().split("\0"):
                found.append(path)
    return found


DEAF = "import sys, time, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)\n"


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_a_stop_takes_no_longer_than_drain_whatever_a_program_does(serve, tmp_path, busy):
    program = tmp_path / "deaf.py"
    program.write_text(DEAF)
    host = serve(f"pipeline: p\nhost: {{drain: 500ms}}\nresources: {{model: echo}}\nstages:\n  - receive: {{format: json}}\n"
                 f"  - exec: {{command: [python3, {program}], processes: 2}}\n  - complete\n  - respond\n", ends_well=False)
    wait_until(lambda: len(running(program)) == 2, "the processes")
    with contextlib.ExitStack() as stack:
        if busy:
            client = stack.enter_context(host.connect())
            receive_json(client)
            client.send(json.dumps({"prompt": "never answered"}))
            time.sleep(0.1)
        took, code = stop(host)
    assert took < 0.5 + 0.1 * SLACK and code == (1 if busy else 0), host.log
    assert not running(program)


def test_pipelines_whose_databases_are_silent_stop_together(serve, postgres, proxy, tmp_path):
    """Each with a message in its queue and a program that does not end."""
    program = tmp_path / "deaf.py"
    program.write_text(DEAF)
    texts = []
    for number in range(3):
        stages = f"{{exec: {{command: [python3, {program}]}}, when: {{prompt: {{equals: never}}}}}}, {STOPS['async']}"
        text = STOPPED.replace("URL", postgres.url(port=proxy.port)).replace("STAGES", stages)
        text = text.replace("pipeline: p", f"pipeline: p{number}").replace("outbox.db", f"outbox-{number}.db")
        texts.append(text.replace("receive: {", f"receive: {{path: /{number}, "))
    texts = [texts[0], *(text.replace("host: {drain: 500ms}\n", "") for text in texts[1:])]
    host = serve(*texts, ends_well=False)
    proxy.silent = True
    for number in range(3):
        assert ask(host, "waits", f"/{number}") is None
    took, code = stop(host)
    assert took < 0.5 + 0.1 * SLACK and code == 1, host.log
    assert host.log[-1].count("1 waited for") == 3
    assert not running(program)
