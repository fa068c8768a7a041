"""What a changed file weakens: in the log of a reload, and by `explain --against`."""

import json
import signal

import pytest

from conftest import wait_until

BASE = """
pipeline: chat
resources:
  model: echo
  database: {sqlite: {path: data/stagecoach.db}}
  outbox: {disk: {path: data/outbox.db}}
stages:
  - receive: {format: json, remember: 10m, on_disconnect: {hold: 60s}}
  - limit: {per: user, messages: 20, every: 1m}
  - validate: {resources: [model, database], max_length: 8000}
  - complete: {timeout: 30s}
  - persist: {table: requests}
    async: {queue: outbox, retry: {attempts: 5}, dead_letter: data/lost.jsonl}
  - respond
"""
PERSIST = """\
  - persist: {table: requests}
    async: {queue: outbox, retry: {attempts: 5}, dead_letter: data/lost.jsonl}
"""
KILLED = "nothing is lost when the process is killed: what waits is on disk before the message goes on"

# What is changed, and a word of what was promised and of what is.
WEAKER = {
    "a queue in memory": (BASE.replace("queue: outbox, ", ""), KILLED, "what waits (at most 1000 messages) is lost"),
    "a store behind the answer": (BASE.replace(PERSIST, "") + PERSIST, KILLED,
                                  "a process killed between the answer and the queue loses that message"),
    "a full queue that drops": (BASE.replace("queue: outbox, ", "queue: outbox, when_full: drop, "),
                                "makes the client wait", "is dropped, counted and logged"),
    "no dead letters": (BASE.replace(", dead_letter: data/lost.jsonl", ""), "goes to data/lost.jsonl", "logged and gone"),
    "fewer attempts": (BASE.replace("attempts: 5", "attempts: 2"), "is tried up to 5 times", "is tried up to 2 times"),
    "a shorter memory": (BASE.replace("remember: 10m", "remember: 1m"), "within 10m", "within 1m"),
    "no kept session": (BASE.replace("{hold: 60s}", "cancel"), "the session is kept for 1m", "end where they are"),
    "a database that nobody looks at": (BASE.replace("[model, database]", "[model]"),
                                        "refuses messages while 'database'", "takes messages while 'database'"),
    "prompts of any length": (BASE.replace(", max_length: 8000", ""), "longer than 8000", "as long as the connection"),
    "no limit": (BASE.replace("  - limit: {per: user, messages: 20, every: 1m}\n", ""),
                 "takes 20 messages in 1m per user", "takes any number of messages"),
    "a longer wait": (BASE.replace("timeout: 30s", "timeout: 40s"), "at most 30s", "at most 40s"),
}
# Another name, another order, more than before.
HARMLESS = {
    "renamed": BASE.replace("database", "store").replace(
        "- persist: {table: requests}", "- persist: {table: requests}\n    label: keep"),
    "moved": BASE.replace(PERSIST, "  - log\n" + PERSIST),
    "stronger": BASE.replace("attempts: 5", "attempts: 9").replace("8000", "4000").replace("hold: 60s", "hold: 90s"),
}


def reload(host, text):
    """The entries of one reload."""
    before = len(host.log)
    (host.folder / "pipeline-0.yaml").write_text(text)
    host.process.send_signal(signal.SIGHUP)
    wait_until(lambda: any('"Reloaded"' in line for line in host.log[before:]), "'Reloaded' in the log")
    entries = [json.loads(line) for line in host.log[before:] if line.startswith("{")]
    return [entry for entry in entries if "weaker" in entry["message"]]


def test_the_log_of_a_reload_says_each_guarantee_that_got_weaker_and_nothing_where_none_did(serve):
    host = serve(BASE)
    for what, (text, before, now) in WEAKER.items():
        entries = reload(host, text)
        assert all(entry["level"] == "warning" for entry in entries)
        assert any(before in entry["before"] and now in entry["now"] and f"{entry['before']} → {entry['now']}" in
                   entry["message"] for entry in entries), (what, entries)
        assert reload(host, BASE) == [], what
    for what, text in HARMLESS.items():
        assert reload(host, text) == [], what


HOST = BASE + """
host:
  auth: {keys: [{key: "0123456789abcdef", user: ann}]}
  limits: {message: 16KiB}
"""


def test_the_log_of_a_reload_says_what_is_opened_of_the_host_and_nothing_of_what_waits_for_a_restart(serve):
    host = serve(HOST)
    opened = {
        "authentication": (HOST.replace('{keys: [{key: "0123456789abcdef", user: ann}]}', "none"), "anybody who reaches it"),
        "origins": (HOST + '  origins: ["https://a.example"]\n', "of https://a.example may connect"),
        "metrics": (HOST + "  metrics: open\n", "/metrics is shown to everybody"),
        "history": (HOST + "  history: true\n", "shown at /sessions/{id}"),
        "message": (HOST.replace("16KiB", "32KiB"), "at most 32KiB in a message"),
    }
    for topic, (text, now) in opened.items():
        (entry,) = reload(host, text)
        assert entry["part"] == "host" and entry["topic"] == topic and now in entry["now"], entry
        assert reload(host, HOST) == [], topic
    assert reload(host, HOST + "  drain: 1s\n") == []
    assert not any("0123456789abcdef" in line for line in host.log)


def test_a_file_that_is_refused_weakens_nothing(serve):
    host = serve(BASE)
    (host.folder / "pipeline-0.yaml").write_text(WEAKER["a queue in memory"][0].replace("- respond", "- respnd"))
    host.process.send_signal(signal.SIGHUP)
    wait_until(lambda: any("what was served goes on" in line for line in host.log), "the refusal in the log")
    assert not any("weaker" in line for line in host.log)


def test_several_pipelines_are_told_apart(serve):
    other = BASE.replace("pipeline: chat", "pipeline: other").replace("format: json", "path: /other").replace(
        "data/", "other/")
    host = serve(BASE, other)
    (host.folder / "pipeline-1.yaml").write_text(other.replace("queue: outbox, ", ""))
    entries = reload(host, BASE)
    assert {entry["pipeline"] for entry in entries} == {"other"}
    assert [entry["topic"] for entry in entries] == ["a killed process", "an outage", "a lost machine"]


@pytest.mark.parametrize("what", WEAKER)
def test_explain_says_what_got_weaker_and_exits_with_1(run, tmp_path, what):
    (tmp_path / "old.yaml").write_text(BASE)
    text, before, now = WEAKER[what]
    (tmp_path / "new.yaml").write_text(text)
    result = run("explain", "--against", "old.yaml", "new.yaml")
    assert result.returncode == 1 and "error" not in result.stderr
    weaker = result.stdout.split("\nWeaker:\n")[1].split("\n\n")[0]
    assert before in weaker and now in weaker


@pytest.mark.parametrize("what", HARMLESS)
def test_explain_exits_with_0_where_nothing_got_weaker(run, tmp_path, what):
    (tmp_path / "old.yaml").write_text(BASE)
    (tmp_path / "new.yaml").write_text(HARMLESS[what])
    result = run("explain", "--against", "old.yaml", "new.yaml")
    assert result.returncode == 0 and "Weaker" not in result.stdout
    assert ("Stronger" in result.stdout) == (what == "stronger")
    if what == "renamed":
        assert result.stdout == "chat: every promise is as it was\n"


def test_an_old_file_that_can_t_be_read_is_an_error(run, tmp_path):
    (tmp_path / "new.yaml").write_text(BASE)
    result = run("explain", "--against", "old.yaml", "new.yaml")
    assert result.returncode == 1 and "old.yaml" in result.stderr and result.stdout == ""
