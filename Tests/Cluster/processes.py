"""Processes that outlive the program that starts them: each has a folder with its log and a file with its id, by which it is
stopped."""

import os
import pathlib
import signal
import subprocess
import time

PATIENCE = float(os.environ.get("PATIENCE", "1"))


class Failed(Exception):
    """What the user is told, in place of a traceback."""


def wait_until(condition, what, seconds, pause=0.05):
    end = time.monotonic() + seconds * PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"waited {seconds * PATIENCE:.0f} s in vain for {what}")
        time.sleep(pause)


def started_at(pid):
    """When a process was started, in the kernel's ticks; `None` where it has ended. An id comes again, this with it does not."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]


class Part:
    """One process of the cluster."""

    def __init__(self, name, folder):
        self.name = name
        self.folder = pathlib.Path(folder)
        self.pid_file = self.folder / "pid"
        self.log = self.folder / "log"

    # What each kind says for itself.

    def command(self):
        raise NotImplementedError

    def environment(self):
        return {}

    def working_folder(self):
        return self.folder

    def is_ready(self):
        raise NotImplementedError

    # What all have.

    @property
    def pid(self):
        """Its id, while it runs."""
        try:
            pid, ticks = self.pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if started_at(pid) == ticks else None

    def start(self):
        if self.pid:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as log:
            process = subprocess.Popen(
                [str(word) for word in self.command()], cwd=self.working_folder(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.environment()})
        self.note(process.pid)
        # So that a child of this program that ends is no zombie.
        self.process = process

    def note(self, pid):
        self.pid_file.write_text(f"{pid} {started_at(pid) or 0}")

    def has_ended(self):
        if process := getattr(self, "process", None):
            process.poll()
        return self.pid is None

    def wait(self, seconds=60):
        """Until it can be used.

        Raises `Failed` with the end of its log where that does not come.
        """
        def ready():
            if self.has_ended():
                raise Failed(f"{self.name} has ended; the end of {self.log}:\n{self.tail()}")
            return self.is_ready()

        try:
            wait_until(ready, self.name, seconds)
        except Failed as failure:
            raise Failed(f"{failure}\n{self.tail()}" if self.pid else str(failure)) from None

    def kill(self, number=signal.SIGKILL):
        """Gives how long it took to end."""
        begun = time.monotonic()
        if pid := self.pid:
            os.kill(pid, number)
            wait_until(self.has_ended, f"the end of {self.name}", 45, pause=0.005)
        self.pid_file.unlink(missing_ok=True)
        return time.monotonic() - begun

    def stop(self):
        self.kill(signal.SIGTERM)

    def tail(self, lines=15):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])
