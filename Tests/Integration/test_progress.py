"""What takes long says how far it is: a line that moves on a terminal, lines elsewhere, and a last line."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from conftest import DEADLINE, ROOT, program, receive_json, wait_until
from terminals import hears_interrupts

SLOW = """
pipeline: slow
resources:
  quick: echo
  slow: {echo: {delay: DELAY, fail: [FAIL]}}
stages:
  - receive
  - complete: {resource: quick}
  - respond
  - complete: {resource: slow}
    async: {dead_letter: dead.jsonl}
"""
TESTS = "tests:\n" + "".join(f"  - {{name: t{number}, send: hello}}\n" for number in range(3))


class Terminal:
    """A command on a terminal of its own, and what that shows in the end."""

    def __init__(self, folder, *arguments, columns=80, env=None, stdout=None):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "xterm-256color", **(env or {})}
        self.process = subprocess.Popen([program(), *map(str, arguments)], cwd=folder, env=environment, stdin=slave,
                                        stdout=stdout or slave, stderr=slave, start_new_session=True, preexec_fn=hears_interrupts)
        os.close(slave)
        self.shown = ""

    def read(self, pause=0.05):
        while select.select([self.master], [], [], pause)[0]:
            try:
                part = os.read(self.master, 65536)
            except OSError:
                return False
            if not part:
                return False
            self.shown += part.decode(errors="replace")
            pause = 0
        return True

    def until(self, pattern):
        end = time.monotonic() + DEADLINE
        while not (found := re.search(pattern, self.shown)):
            assert time.monotonic() < end, f"{pattern!r} is not shown: {self.shown[-2000:]!r}"
            self.read()
        return found

    def end(self):
        """The exit code and the lines that are left, once it has ended."""
        end = time.monotonic() + 2 * DEADLINE
        while self.read() and self.process.poll() is None:
            assert time.monotonic() < end, self.shown[-500:]
        code = self.process.wait(timeout=DEADLINE)
        self.read()
        os.close(self.master)
        return code, self.lines()

    def lines(self):
        """What a reader sees: a line's beginning is written over what stood there."""
        lines = []
        for line in self.shown.replace("\r\n", "\n").split("\n"):
            cells, at = [], 0
            for part in re.findall(r"\x1b\[[?0-9;]*[a-zA-Z]|\r|[^\x1b\r]", line):
                if part == "\r":
                    at = 0
                elif part == "\x1b[K":
                    del cells[at:]
                elif not part.startswith("\x1b"):
                    cells[at:at + 1] = [part]
                    at += 1
            lines.append("".join(cells))
        return lines

    def drawn(self):
        """Every state of the line that moves."""
        return [part.split("\n")[0] for part in self.shown.split("\r\x1b[K")[1:]]

    def hides_cursor(self):
        return (re.findall(r"\x1b\[\?25([hl])", self.shown) or ["h"])[-1] == "l"


@pytest.fixture
def letters(serve, tmp_path):
    """A file with dead letters, and a pipeline in which each takes its time."""

    def make(count, delay="40ms"):
        host = serve(SLOW.replace("DELAY", "0").replace("FAIL", "model_unavailable"))
        with host.connect("format=json") as client:
            receive_json(client)
            client.send(json.dumps({"prompt": "hello"}))
            file = tmp_path / "dead.jsonl"
            wait_until(lambda: file.exists() and file.read_text().endswith("\n"), "a dead letter")
        host.stop()
        file.write_text(file.read_text() * count)
        (tmp_path / "slow.yaml").write_text(SLOW.replace("DELAY", delay).replace("FAIL", "ok"))
        return "replay", "slow.yaml", "dead.jsonl"

    return make


def test_a_line_moves_on_a_terminal_and_nothing_of_it_is_left(letters, tmp_path):
    terminal = Terminal(tmp_path, *letters(30))
    code, lines = terminal.end()
    counts = [int(found[1]) for text in terminal.drawn() if (found := re.search(r"replaying dead.jsonl: (\d+) of 30", text))]
    assert code == 0 and len(set(counts)) >= 3 and counts == sorted(counts), terminal.shown
    assert lines == ["30 of 30 messages replayed", ""] and not terminal.hides_cursor()
    assert "\x1b[3" not in terminal.shown and "\x1b[1m" not in terminal.shown


def test_it_is_never_as_wide_as_the_terminal(letters, tmp_path):
    terminal = Terminal(tmp_path, *letters(12), columns=20)
    code, lines = terminal.end()
    assert code == 0 and lines == ["12 of 12 messages replayed", ""]
    assert terminal.drawn() and all(len(text) < 20 for text in terminal.drawn() if "messages" not in text), terminal.shown


def test_ctrl_c_takes_the_line_away_and_the_next_replay_goes_on(letters, tmp_path):
    command = letters(60, delay="80ms")
    terminal = Terminal(tmp_path, *command)
    done = int(terminal.until(r"dead.jsonl: ([5-9]|\d\d) of 60")[1])
    terminal.process.send_signal(signal.SIGINT)
    code, lines = terminal.end()
    assert code == -signal.SIGINT and "".join(lines) == "" and not terminal.hides_cursor()
    again = Terminal(tmp_path, *command)
    code, lines = again.end()
    assert code == 0 and int(lines[0].split(" ")[0]) <= 60 - done


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"TERM": ""}])
def test_a_terminal_that_can_not_go_back_has_lines(letters, tmp_path, env):
    terminal = Terminal(tmp_path, *letters(40), env=env)
    code, lines = terminal.end()
    assert code == 0 and "\x1b" not in terminal.shown and "\r" not in terminal.shown.replace("\r\n", "")
    assert lines[-2] == "40 of 40 messages replayed" and re.fullmatch(r"replaying dead.jsonl: \d+ of 40", lines[0])


def test_elsewhere_there_is_at_most_one_line_a_second_and_standard_output_stays_as_it_is(letters, run):
    start = time.monotonic()
    done = run(*letters(60))
    took = time.monotonic() - start
    lines = done.stderr.splitlines()
    assert done.stdout == "60 of 60 messages replayed\n"
    assert 1 <= len(lines) <= took and all(re.fullmatch(r"replaying dead.jsonl: \d+ of 60", line) for line in lines), lines


def test_what_is_soon_done_says_no_more_than_its_end(run, tmp_path):
    (tmp_path / "p.yaml").write_text((ROOT / "pipelines/offline.yaml").read_text() + TESTS)
    tested = run("test", "p.yaml")
    assert tested.returncode == 0 and tested.stderr == "" and tested.stdout.endswith("3 tests, 0 failed\n")
    migrated = run("migrate", "p.yaml")
    assert migrated.stdout.endswith("data/stagecoach.db' was missing and has been created\nthe table 'requests' is ready\n")
    assert re.search(r"(^|\n)migrate: 1 table is ready, after \d+m?s\n$", migrated.stderr)
    examined = run("doctor", "p.yaml")
    checks = examined.stdout.splitlines()
    assert examined.returncode == 0 and all(line[0] in "✓!" for line in checks)
    assert re.fullmatch(rf"doctor: all {len(checks)} are well, after \d+m?s\n", examined.stderr)
    ill = run("doctor", ROOT / "pipelines/chat.yaml", env={"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "k"})
    assert ill.returncode == 1 and re.search(r"\ndoctor: 1 of \d+ is not well, after [\dms ]+\n$", "\n" + ill.stderr)


def test_results_stand_above_the_line(run, tmp_path):
    slow = (ROOT / "pipelines/offline.yaml").read_text() + TESTS.replace("send: hello", "send: hello, rows: []")
    for number in range(8):
        (tmp_path / f"p{number}.yaml").write_text(slow)
    files = [f"p{number}.yaml" for number in range(8)]
    plain = run("test", *files)
    terminal = Terminal(tmp_path, "test", *files)
    code, lines = terminal.end()
    assert code == plain.returncode and terminal.process.returncode == 1

    def without_times(text):
        return re.sub(r"\d+ ms|2\d\d\d-[\dT:.-]+Z|[0-9a-f-]{36}", "", text)

    assert [without_times(line) for line in lines] == without_times(plain.stdout).split("\n")


WAITING = """
pipeline: waiting
resources: {model: {echo: {delay: 2500ms}}}
stages:
  - receive
  - complete
  - respond
"""


@contextlib.contextmanager
def ask(url):
    from websockets.sync.client import connect

    with connect(url, open_timeout=DEADLINE, close_timeout=1) as client:
        client.send(json.dumps({"prompt": "hello"}))
        yield client


def test_a_stop_says_in_the_log_what_it_waits_for(serve):
    host = serve(WAITING)
    with ask(host.url()):
        time.sleep(0.2)
        host.process.send_signal(signal.SIGTERM)
        assert host.wait() == 0
    said = [entry["message"] for entry in map(json.loads, host.log)]
    waits = [message for message in said if message.startswith("stopping: 1 message in a stage, 1 connection open; ")]
    assert 1 <= len(waits) <= 3 and re.search(r"; 2\ds left$", waits[0]), said
    assert said[-1] == "Stopped"


def test_a_stop_says_on_a_terminal_what_it_waits_for_and_leaves_nothing(tmp_path):
    (tmp_path / "p.yaml").write_text(WAITING)
    terminal = Terminal(tmp_path, "serve", "p.yaml", "--port", "0")
    url = terminal.until(r"ws://\S+")[0]
    with ask(url):
        time.sleep(0.2)
        terminal.process.send_signal(signal.SIGINT)
        terminal.until("stopping: 1 message in a stage")
        code, lines = terminal.end()
    assert code == 0 and lines[-1] == "" and "info Stopped" in lines[-2] and not any("stopping:" in line for line in lines)


def test_record_says_how_much_it_has_and_what_it_wrote(tmp_path):
    terminal = Terminal(tmp_path, "record", ROOT / "pipelines/offline.yaml", "--port", "0", "--output", "mine.test.yaml")
    with ask(terminal.until(r"ws://\S+")[0] + "?format=json"):
        terminal.until("recording: 1 conversation with 1 message; Ctrl-C ends and writes the tests")
    terminal.process.send_signal(signal.SIGINT)
    code, lines = terminal.end()
    assert code == 0 and lines[-2:] == ["1 test added to mine.test.yaml", ""], lines
    assert not any("recording:" in line for line in lines)


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_sessions_says_when_it_shows_not_all(serve, run, request, store):
    text = (ROOT / "pipelines/offline.yaml").read_text()
    env = {}
    if store == "postgres":
        text = text.replace("sqlite: {path: data/stagecoach.db}", 'postgres: {url: "${DATABASE_URL}", create: true}')
        env = {"DATABASE_URL": request.getfixturevalue("postgres").url()}
    host = serve(text, env=env)
    sessions = []
    for number in range(4):
        with host.connect("format=json") as client:
            receive_json(client)
            for prompt in ("one", "two", "three")[:3 if number == 0 else 1]:
                client.send(json.dumps({"prompt": prompt}))
                sessions.append(receive_json(client)["session_id"])
    host.stop()

    def shown(*arguments):
        done = run("sessions", "pipeline-0.yaml", *arguments, env=env)
        assert done.returncode == 0, done.stderr
        return len(done.stdout.splitlines()), done.stderr

    assert shown() == (5, "") and shown("--limit", "4") == (5, "")
    assert shown("--limit", "3") == (4, "the latest 3 of 4 sessions are shown; --limit 4 shows all\n")
    assert shown("--limit", "0") == (1, "the latest 0 of 4 sessions are shown; --limit 4 shows all\n")
    assert shown(sessions[0]) == (9, "")
    assert shown(sessions[0], "--limit", "2") == (
        6, "the latest 2 of 3 messages of this session are shown; --limit 3 shows all\n")
