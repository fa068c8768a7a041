"""`stagecoach top` and `tap` in terminals, in pipes, and where there is nothing to see."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import DEADLINE, program, receive_json, say
from terminals import Terminal, width
from test_console import ask, text
from test_reload import reload


@pytest.fixture
def host(serve):
    return serve(text("tap: content"))


def piped(*arguments, until, env=None, deadline=DEADLINE):
    """The lines that a command writes into a pipe, until one passes."""
    process = subprocess.Popen([program(), *arguments], env={"PATH": os.environ["PATH"], **(env or {})},
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watchdog = threading.Timer(deadline, process.kill)
    watchdog.start()
    lines = []
    try:
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if until(lines[-1]):
                return lines
        pytest.fail(f"it ended: {lines[-3:]} {process.stderr.read()}")
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_top_keeps_within_the_terminal(host, columns):
    ask(host, *"abc")
    with Terminal("top", host.http, columns=columns, rows=12) as terminal:
        terminal.until("complete")
        terminal.until("\x1b[H", 2 * DEADLINE)
        terminal.press("q")
        assert terminal.end() == 0
        drawn = terminal.lines()
        assert len(drawn) <= 12
        assert all(width(line) <= columns for line in drawn), drawn
        assert any("complete" in line for line in drawn) and "\x1b[1m" in terminal.shown
        assert [title in terminal.shown for title in ("P99", "TOKENS/S", "CODES")] == [True, columns >= 80, columns == 200]


ENDS = {"q": lambda terminal: terminal.press("q"), "ctrl-c": lambda terminal: terminal.press("\x03"),
        "SIGTERM": lambda terminal: terminal.kill(), "SIGINT": lambda terminal: terminal.kill(signal.SIGINT),
        "SIGHUP": lambda terminal: terminal.kill(signal.SIGHUP)}


@pytest.mark.parametrize("command", ["top", "tap"])
@pytest.mark.parametrize("way", ENDS)
def test_the_terminal_is_left_as_it_was(host, command, way):
    with Terminal(command, host.http) as terminal:
        if command == "top":
            terminal.until("complete")
        else:
            seen(terminal, host)
        ENDS[way](terminal)
        assert terminal.end() == 0
        assert terminal.is_as_before()


def seen(terminal, host):
    """Speaks until the terminal shows a message."""
    end = time.monotonic() + DEADLINE
    while "p/complete" not in terminal.shown and time.monotonic() < end:
        ask(host, "hello")
        terminal.read(0.3)
    return terminal.until("p/complete")


def test_it_is_left_as_it_was_when_the_host_goes_too(serve):
    host = serve(text())
    with Terminal("top", host.http) as terminal:
        terminal.until("complete")
        host.stop()
        assert terminal.end() == 1
        assert terminal.is_as_before()
        assert "error: the host has ended it: the host is stopping" in terminal.shown.split("\x1b[?1049l")[-1]


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colours_where_they_are_not_wanted(host, env):
    for command in ("top", "tap"):
        with Terminal(command, host.http, env=env) as terminal:
            seen(terminal, host) if command == "tap" else terminal.until("complete")
            terminal.press("q")
            assert terminal.end() == 0
            assert not re.search(r"\x1b\[[0-9;]*m", terminal.shown)
            if env.get("TERM") == "dumb":
                assert "\x1b" not in terminal.shown
            assert terminal.is_as_before()


def test_top_writes_plain_lines_into_a_pipe(host):
    lines = piped("top", host.http, until=lambda line: " p respond " in line)
    assert [line.split()[2] for line in lines] == ["receive", "validate", "complete", "rows", "respond"]
    assert all("\x1b" not in line and "rate=" in line and "p99=" in line for line in lines)
    assert "wait=0" in lines[3]


def test_top_once_ends_by_itself(host):
    once = subprocess.run([program(), "top", host.http, "--once"], capture_output=True, text=True, timeout=2 * DEADLINE)
    assert (once.returncode, len(once.stdout.splitlines())) == (0, 5)


def test_json_is_the_feed(host):
    events = [json.loads(line) for line in piped("top", host.http, "--json", until=lambda line: '"type":"figures"' in line)]
    assert [event["type"] for event in events][0] == "pipelines" and events[-1]["pipelines"][0]["name"] == "p"


def speaking(host, **more):
    """Somebody who speaks all the time."""
    stop = threading.Event()

    def speak():
        with host.connect() as client:
            receive_json(client)
            while not stop.wait(0.2):
                say(client, "canary-prompt \x1b[2J\nof two lines", **more)

    thread = threading.Thread(target=speak)
    thread.start()
    return lambda: (stop.set(), thread.join())


@pytest.mark.parametrize("arguments, shown", [
    ([], False), (["--content"], True), (["--json"], False), (["--json", "--content"], True)])
def test_tap_shows_what_was_said_only_where_it_is_asked_to(host, arguments, shown):
    stop = speaking(host)
    try:
        lines = piped("tap", host.http, "--stage", "rows", *arguments, until=lambda line: "rows" in line)
        lines += [] if not shown or "--json" in arguments else piped(
            "tap", host.http, "--stage", "rows", *arguments, until=lambda line: line.startswith("  <"))
    finally:
        stop()
    everything = "\n".join(lines)
    assert ("canary-prompt" in everything) == shown
    assert "\x1b" not in everything
    if "--json" in arguments:
        event = json.loads(lines[-1])
        assert (event["stage"], event["outcome"], "prompt" in event) == ("rows", "ok", shown)
    else:
        assert "message=" in everything and "session=" in everything and "\np/complete" not in everything


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_tap_keeps_within_the_terminal_and_shows_whole_ids(host, columns):
    with Terminal("tap", host.http, "--content", columns=columns) as terminal:
        seen(terminal, host)
        terminal.press("q")
        assert terminal.end() == 0
        assert all(width(line) <= columns for line in terminal.lines()), terminal.lines()
        assert re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "\n".join(terminal.lines()))


def test_a_word_wider_than_the_terminal_is_shown_whole(host):
    word = "".join(f"{number:03}日🚀" for number in range(40))
    with Terminal("tap", host.http, "--stage", "complete", "--content", columns=40) as terminal:
        seen(terminal, host)
        ask(host, word)
        terminal.until(word[-5:])
        terminal.press("q")
        assert terminal.end() == 0
        assert all(width(line) <= 40 for line in terminal.lines()), terminal.lines()
        assert f">{word}" in "".join(terminal.lines()).replace(" ", "")


HOSTILE = r"""{"type":"figures","time":"\u001b[2J","over":1e300,"connections":1e300,"notes":["\u001b[2J"],"pipelines":[
{"name":"\u001b[2J","messages":{"answered":1e300},"stages":[{"label":"\u001b[2J","rate":1e300,"p50":-1e300,"p99":1e300,
"inside":1e300,"retries":1e300,"errors":{"\u001b[2J":1e300},"recent_errors":{"a":1e300,"b":9223372036854775807},
"tokens_rate":1e300,"queue":{"messages":1e300,"oldest":1e300}}]}]}""".replace("\n", "")
HOSTILE_MESSAGE = r"""{"type":"message","time":"\u001b[2J","pipeline":"\u001b[2J","stage":"\u001b[2J","took":1e300,
"outcome":"\u001b[2J","message_id":"\u001b[2J","session_id":"\u001b[2J","prompt":"\u001b[2J"}""".replace("\n", "")


@contextlib.contextmanager
def pretending(*events):
    """The address of what is no host, and says these events to whoever asks."""
    def answer():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
                    connection.sendall("".join(f"data: {event}\n\n" for event in events).encode())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("arguments", [["top"], ["top", "--json"], ["tap"], ["tap", "--content"]])
def test_nothing_that_a_host_says_reaches_the_terminal_as_an_order_or_ends_the_program(run, arguments):
    raw = '{"type":"figures","pipelines":[],"x":"\x9b2J"}'
    end = r'{"type":"end","reason":"\u001b[2J\u009b2J"}'
    omitted = '{"type":"omitted","messages":1e300}'
    with pretending(HOSTILE, HOSTILE_MESSAGE, omitted, raw, end) as address:
        with Terminal(*arguments, address) as terminal:
            assert terminal.end() == 1
            assert terminal.is_as_before()
            assert "the host has ended it: " in terminal.shown
            for order in ("\x1b[2J", "\x9b"):
                assert order not in terminal.shown, terminal.shown
        answer = run(*arguments, address)
        assert answer.returncode == 1 and not set("\x1b\x9b") & set(answer.stdout + answer.stderr)
    with pretending(r'{"type":"pipelines","tap":"\u001b[2J"}') as address:
        answer = run("tap", "--content", address)
        assert answer.returncode == 1 and "'content' would" in answer.stderr and "\x1b" not in answer.stderr


def problem(run, *arguments, key=None):
    answer = run(*arguments, env={"STAGECOACH_KEY": key} if key else {})
    assert answer.returncode == 1 and answer.stdout == "", answer
    line, = answer.stderr.splitlines()
    return line


def test_what_is_wrong_is_said_with_what_to_do(serve, run):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        free = nobody.getsockname()[1]
    assert "no host answers" in problem(run, "top", f"http://127.0.0.1:{free}")
    keys = "auth: {keys: [{key: key-of-ann, user: ann}, {key: key-of-op, user: op, operator: true}]}"
    host = serve(text(f"console: auth, {keys}"))
    assert "STAGECOACH_KEY" in problem(run, "top", host.http)
    assert "does not take the key" in problem(run, "tap", host.http, key="wrong")
    assert "not an operator's" in problem(run, "top", host.http, key="key-of-ann")
    assert "there are: receive, " in problem(run, "tap", host.http, "--stage", "nothing", key="key-of-op")
    assert "'content' would" in problem(run, "tap", host.http, "--content", key="key-of-op")
    lines = piped("top", host.http, until=lambda line: "respond" in line, env={"STAGECOACH_KEY": "key-of-op"})
    assert len(lines) == 5 and "key-of-op" not in "".join(lines)
    reload(host, text(f"console: loopback, tap: off, {keys}"))
    assert "host: {tap: ids}" in problem(run, "tap", host.http)
    reload(host, text(f"console: off, {keys}"))
    assert "host: {console: off}" in problem(run, "top", host.http)
    wrong = run("top", "ftp://somewhere")
    assert wrong.returncode not in (0, 1) and "no address of a host" in wrong.stderr
