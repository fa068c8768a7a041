"""A terminal of a given size, in which a command runs: what it shows, and what it leaves behind."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata

import pytest

from conftest import DEADLINE, program


def hears_interrupts():
    """A shell that runs the tests in the background has them ignore Ctrl-C, and what they start with them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    def __init__(self, *arguments, columns=80, rows=24, env=None):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", **(env or {})}
        self.process = subprocess.Popen([program(), *arguments], env=environment, stdin=self.slave, stdout=self.slave,
                                        stderr=self.slave, start_new_session=True, preexec_fn=hears_interrupts)
        self.shown = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def read(self, pause=0.05):
        while select.select([self.master], [], [], pause)[0]:
            self.shown += os.read(self.master, 65536).decode(errors="replace")
            pause = 0

    def until(self, text, deadline=DEADLINE):
        end = time.monotonic() + deadline
        while text not in self.shown:
            self.read()
            if time.monotonic() > end:
                pytest.fail(f"{text!r} is not shown: {self.shown[-2000:]!r}")
        return self.shown

    def press(self, keys):
        os.write(self.master, keys.encode())

    def kill(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def end(self):
        """The exit code, once it has ended."""
        limit = time.monotonic() + DEADLINE
        while self.process.poll() is None:
            self.read()
            if time.monotonic() > limit:
                pytest.fail(f"it does not end: {self.shown[-500:]!r}")
        self.read()
        return self.process.returncode

    def is_as_before(self):
        """Whether its settings are those of before, and neither another screen nor a hidden cursor is left."""
        screens = re.findall(r"\x1b\[\?1049([hl])", self.shown)
        cursors = re.findall(r"\x1b\[\?25([hl])", self.shown)
        return (termios.tcgetattr(self.slave) == self.before and screens[-1:] in ([], ["l"])
                and cursors[-1:] in ([], ["h"]))

    def lines(self):
        """What was drawn last, as lines without their colours."""
        last = re.split(r"\x1b\[H", self.shown)[-1]
        return re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", last).replace("\r", "").split("\n")


def width(text):
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
