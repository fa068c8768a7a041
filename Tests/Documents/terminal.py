"""A reader's terminal: it runs a page's commands as they stand and compares what they print."""

import os
import pathlib
import re
import shlex
import signal
import subprocess
import threading
import time

from page import ROOT

# A build of one's own package is the longest.
DEADLINE = 300 * float(os.environ.get("PATIENCE", "1"))
# They go on until they are told to stop; one is told where the next would take its port, and at the page's end.
SERVES = re.compile(r"(?m)(\b(stagecoach|[A-Z]\w*Host) (serve|record)\b|\buvicorn )")
# They go on, too, and are told to stop once they have shown something.
WATCHES = re.compile(r"\bstagecoach (top|tap)\b(?!.*--once)")
IS_READY = re.compile(r"listening on http|Uvicorn running on http")
NEVER_THE_SAME = [
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?Z?)?"), "TIME"),
    (re.compile(r"\x1b(\[[0-9;]*[A-Za-z]|[0-9A-Z])"), ""),
    (re.compile(r" +"), " "),
]


class Failed(AssertionError):
    """A command that did not do what its page says."""


def comparable(line):
    for pattern, replacement in NEVER_THE_SAME:
        line = pattern.sub(replacement, line)
    return line.strip()


def is_printed(expected, printed):
    """Whether the lines are what a page shows: ids, times and widths are each run's own, `…` is anything within a line, and a
    line of `…` any lines."""
    pattern = ""
    for line in expected:
        if line.strip() == "…":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += re.escape(comparable(line)).replace("…", "[^\n]*") + "\n"
    return re.fullmatch(pattern, "".join(comparable(line) + "\n" for line in printed)) is not None


class Process:
    """A command that was started; what it prints is kept by lines."""

    def __init__(self, script, folder, env, state):
        self.script = script
        # The next command finds the folder and the variables of this one, also where this one goes on.
        leave = shlex.quote(f"{{ pwd; env -0; }} > {shlex.quote(str(state))}")
        script = f"trap {leave} DEBUG EXIT\nset -a\n{script}"
        self.process = subprocess.Popen(
            ["bash", "-e", "-o", "pipefail", "-c", script], cwd=folder, env=env, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self.lines, self.changed, self.ended = [], threading.Condition(), False
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def wait_for(self, condition, what):
        with self.changed:
            if not self.changed.wait_for(lambda: condition() or self.ended, DEADLINE):
                self.kill()
                raise Failed(f"{self.script}\nwaited in vain for {what}; it printed:\n" + "\n".join(self.lines))
            return condition()

    def is_ready(self):
        return any(IS_READY.search(line) for line in self.lines)

    def end(self):
        """Waits until it has ended, and gives its exit code."""
        self.process.stdin.close()
        self.wait_for(lambda: self.ended, "its end")
        return self.process.wait()

    def stop(self):
        """As Ctrl-C does."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.end()

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Terminal:
    def __init__(self, clone, env):
        self.clone = self.folder = clone
        self.env = env
        self.state = clone / ".build/terminal"
        self.serving = None

    def write(self, file, text):
        """Writes a file of the page's, by its path in the clone."""
        (self.clone / file).parent.mkdir(exist_ok=True)
        (self.clone / file).write_text(text)

    def run(self, block):
        """Runs a block's commands; afterwards a program that serves is ready."""
        for command, lines in block.commands():
            try:
                self.run_command(command, lines, strict=block.language == "sh")
            except Failed as failure:
                raise Failed(f"{block.where}: {failure}") from None

    def run_command(self, command, lines=(), strict=True):
        serves = SERVES.search(command)
        if serves:
            self.stop_serving()
        started = time.monotonic()
        process = Process(command, self.folder, self.env, self.state)
        try:
            if WATCHES.search(command):
                process.wait_for(lambda: process.lines, "what it shows")
                if (code := process.stop()) not in (0, -signal.SIGINT, 128 + signal.SIGINT) or not process.lines:
                    raise Failed(f"{command}\nended with {code}, and printed:\n" + "\n".join(process.lines))
            elif serves:
                if not process.wait_for(process.is_ready, "the line that it is ready"):
                    raise Failed(f"{command}\nended, and printed:\n" + "\n".join(process.lines))
                self.serving = process
            elif any(line.startswith("> ") for line in lines):
                self.converse(process, lines)
            else:
                code = process.end()
                if code and strict:
                    raise Failed(f"{command}\nended with {code}, and printed:\n" + "\n".join(process.lines))
                if not strict and not is_printed(lines, process.lines):
                    raise Failed(f"{command}\nprinted:\n" + "\n".join(process.lines))
        except Failed:
            process.kill()
            raise
        if self.state.exists():
            where, _, variables = self.state.read_text().partition("\n")
            self.folder = pathlib.Path(where)
            self.env = dict(variable.split("=", 1) for variable in variables.split("\0") if variable)
            self.state.unlink()
        print(f"{time.monotonic() - started:6.1f} s  {command.strip().splitlines()[0]}")
        return process.lines

    @staticmethod
    def converse(process, lines):
        """Types the lines after '> ' and waits for each of the others."""
        seen = 0
        for line in lines:
            if line.startswith("> "):
                process.process.stdin.write(line[2:] + "\n")
                process.process.stdin.flush()
                continue

            def appears():
                return any(comparable(line) in comparable(printed) for printed in process.lines[seen:])

            if not process.wait_for(appears, f"'{line}'"):
                raise Failed("ended, and printed:\n" + "\n".join(process.lines))
            seen = len(process.lines)
        process.end()

    def stop_serving(self):
        if self.serving is not None:
            process, self.serving = self.serving, None
            code = process.stop()
            # uvicorn ends by the signal itself.
            if code and "uvicorn" not in process.script:
                raise Failed(f"{process.script}\nended with {code}, and printed:\n" + "\n".join(process.lines))
