"""A bare Debian 12 that has booted: systemd-nspawn in a root that debootstrap made, with a network of its own."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BASE = ROOT / ".build/debian-12"
# What every server that was installed from Debian's medium has beside the minimum.
INSTALLED = "systemd,systemd-sysv,dbus"
TOOLS = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "slirp4netns": "slirp4netns"}


def base():
    """The root that each machine is a copy of; made once."""
    missing = [package for program, package in TOOLS.items() if not shutil.which(program)]
    if missing or os.geteuid() != 0:
        raise SystemExit(f"install-test: needs root, and: apt-get install {' '.join(TOOLS.values())}")
    if not BASE.exists():
        unfinished = BASE.with_name("debian-12.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        subprocess.run(["debootstrap", "--variant=minbase", f"--include={INSTALLED}", "bookworm", unfinished,
                        "http://deb.debian.org/debian"], check=True, stdout=subprocess.DEVNULL)
        unfinished.rename(BASE)
    return BASE


class Machine:
    """One that runs until `stop`."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="debian-"))
        self.root = self.folder / "root"
        subprocess.run(["cp", "-a", base(), self.root], check=True)
        # The network is reached by a tap device, and names are asked for where this machine asks.
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")
        # Debian's daily updates would have the lock of the packages now and then.
        for timer in ("apt-daily", "apt-daily-upgrade"):
            (self.root / f"etc/systemd/system/{timer}.timer").symlink_to("/dev/null")
        self.console = (self.folder / "console").open("w")
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--resolv-conf=off",
             "--boot", "-D", self.root],
            stdin=subprocess.DEVNULL, stdout=self.console, stderr=subprocess.STDOUT)
        self.network = None
        try:
            self.leader = self._child()
            self.network = subprocess.Popen(
                ["slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", self.leader, "tap0"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self._wait(lambda: "active" == self.run(
                "systemctl is-active multi-user.target", check=False).stdout.strip(), "boot")
            self._wait(lambda: "tap0" in self.run("cat /proc/net/dev").stdout, "network")
        except BaseException:
            self.stop()
            raise

    def _child(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        self._wait(lambda: children.read_text().split(), "container")
        return children.read_text().split()[0]

    def _wait(self, condition, what):
        end = time.monotonic() + 120
        while not condition():
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"no {what}: {(self.folder / 'console').read_text()[-2_000:]}")
            time.sleep(0.2)

    def run(self, script, check=True, timeout=300):
        """Runs it as root in root's home, as a shell would that stops at the first failure.

        What it leaves running keeps its output, so that is a file.
        """
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            done = subprocess.run(
                ["nsenter", "--target", self.leader, "--all", "env", "-i", "HOME=/root",
                 "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive",
                 "bash", "-c", "cd /root && set -euo pipefail\n" + script],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=timeout)
            out.seek(0)
            err.seek(0)
            done.stdout, done.stderr = out.read(), err.read()
        if check and done.returncode != 0:
            raise AssertionError(f"exit {done.returncode} of\n{script}\n{done.stdout}\n{done.stderr}")
        return done

    def put(self, file, name=None):
        shutil.copy(file, self.root / "root" / (name or pathlib.Path(file).name))

    def stop(self):
        if self.network:
            self.network.terminate()
            self.network.wait()
        # systemd's own signal for a shutdown.
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.console.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def blocks(page="docs/deploying.md"):
    """The commands of a page, by the heading above them; those of one heading in their order."""
    found, heading, marked = {}, None, False
    lines = iter((ROOT / page).read_text().splitlines())
    for line in lines:
        if line.startswith("#"):
            heading = line.lstrip("# ")
        if line == "```sh":
            text = "\n".join(iter(lambda: next(lines), "```"))
            assert marked, f"{heading}: nobody runs this block"
            found.setdefault(heading, []).append(text)
        elif line.startswith("```"):
            for _ in iter(lambda: next(lines), "```"):
                pass
        marked = bool(re.match(r"<!-- not run: scripts/install-test runs it", line))
    return found
