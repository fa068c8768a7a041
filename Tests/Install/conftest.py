"""A machine for all the tests, the tarball, and a client."""

import json
import os
import pathlib
import subprocess

import pytest

from machine import Machine, blocks


@pytest.fixture(scope="session")
def tarball():
    return pathlib.Path(os.environ["TARBALL"])


@pytest.fixture(scope="session")
def former(tarball, tmp_path_factory):
    """The version before: `FORMER_TARBALL`, or else the same program under another name."""
    if os.environ.get("FORMER_TARBALL"):
        return pathlib.Path(os.environ["FORMER_TARBALL"])
    folder = tmp_path_factory.mktemp("former")
    subprocess.run(["tar", "-xzf", tarball, "-C", folder], check=True)
    (unpacked,) = folder.iterdir()
    renamed = folder / f"stagecoach-0.0.9-linux-{os.uname().machine}"
    unpacked.rename(renamed)
    archive = folder / f"{renamed.name}.tar.gz"
    subprocess.run(["tar", "-C", folder, "-czf", archive, renamed.name], check=True)
    sums = subprocess.run(["sha256sum", archive.name], cwd=folder, check=True, capture_output=True, text=True).stdout
    (folder / f"{archive.name}.sha256").write_text(sums)
    return archive


@pytest.fixture(scope="session")
def bare():
    machine = Machine()
    yield machine
    machine.stop()


@pytest.fixture(scope="session")
def page():
    return blocks()


class Server:
    """The page's server, and what its client asks it."""

    folder = "/var/lib/stagecoach"

    def __init__(self, machine):
        self.machine, self.run = machine, machine.run

    def ask(self, prompt, key="$(cat /etc/stagecoach/keys/ann)", address="http://127.0.0.1:8080", options=""):
        """The status, and the answer."""
        data = json.dumps({"prompt": prompt}).replace("'", "")
        done = self.run(f"curl --silent {options} -w '\\n%{{http_code}}' -H \"Authorization: Bearer {key}\" "
                        f"-d '{data}' {address}/ws")
        answer, status = done.stdout.rsplit("\n", 1)
        return int(status), answer

    def sql(self, query, file="stagecoach.db"):
        return self.run(f"runuser -u stagecoach -- sqlite3 -cmd '.timeout 10000' {self.folder}/{file} \"{query}\"").stdout.split()

    def log(self):
        """Since the last start."""
        lines = self.run("journalctl --no-pager --unit stagecoach --output cat "
                         "_SYSTEMD_INVOCATION_ID=$(systemctl show --value -p InvocationID stagecoach)").stdout
        return [json.loads(line) for line in lines.splitlines() if line.startswith("{")]


@pytest.fixture(scope="session")
def server(bare, page, former):
    """The page from 'The program' to 'Start it', with the version before."""
    bare.run("rm -rf stagecoach-* data")
    bare.put(former)
    bare.put(f"{former}.sha256")
    for heading in ("The program", "A user and the unit", "The file", "Secrets", "Start it"):
        for block in page[heading]:
            output = bare.run(block).stdout
            if heading == "Start it" and "Bearer" in block:
                assert json.loads(output.splitlines()[-1])["response"] == "What is 2+2?"
    # Stops leave what can't be stored after two seconds.
    bare.run("sed -i 's/^host:/host:\\n  drain: 2s/' /etc/stagecoach/chat.yaml && systemctl restart stagecoach")
    bare.run("apt-get install --yes --no-install-recommends sqlite3")
    return Server(bare)
