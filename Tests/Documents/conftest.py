"""What pages need: a terminal in a fresh clone, and the model's API; on a loopback of their own, where every port is free."""

import fcntl
import os
import pathlib
import shutil
import socket
import struct
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Integration"))

from fakeai import FakeAI  # noqa: E402
from page import ROOT  # noqa: E402
from clone import fresh_clone  # noqa: E402
from terminal import Terminal  # noqa: E402

# scripts/check-docs starts the tests in a network namespace; its loopback is down at first.
if not os.environ.get("IN_NAMESPACES"):
    pytest.exit("scripts/check-docs runs these tests; its arguments choose among them: -k first-pipeline", returncode=2)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    SIOCSIFFLAGS, IFF_UP = 0x8914, 1
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


class RememberingAI(FakeAI):
    """Answers with the last message, but knows who is called what if the messages say so."""

    NAMED, ASKED = "My name is ", "What is my name?"

    def _prompt(self):
        said = [message["content"] for message in self.current.body["messages"]]
        if said[-1] != self.ASKED:
            return said[-1]
        names = [text.removeprefix(self.NAMED).rstrip(".") for text in said if text.startswith(self.NAMED)]
        return f"Your name is {names[-1]}." if names else "You have not told me."


@pytest.fixture
def ai():
    server = RememberingAI()
    yield server
    server.stop()


@pytest.fixture
def environment(tmp_path, ai):
    """A reader's: nothing but a home, programs, the model's address, and PyPI's packages that `scripts/setup` fetched."""
    home = tmp_path / "home"
    home.mkdir()
    # On a terminal it shows no progress.
    (home / ".curlrc").write_text("no-progress-meter\n")
    for name in (".gitconfig", ".config/git/config"):
        if (known := pathlib.Path.home() / name).exists():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(known, home / name)
    return {
        "HOME": str(home), "PATH": f"{home}/.local/bin:{os.environ['PATH']}", "LANG": "C.UTF-8",
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"), "OPENAI_BASE_URL": ai.url,
        "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(ROOT / ".build/wheels"), "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


@pytest.fixture
def terminal(tmp_path, environment):
    with fresh_clone(tmp_path) as clone:
        used = Terminal(clone, environment)
        yield used
        used.stop_serving()
