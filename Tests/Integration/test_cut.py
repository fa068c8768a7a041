"""A network that is cut between a host and NATS, in its short form; scripts/nightly has 30 s and 3 minutes."""

import os
import subprocess
import sys

import pytest

from conftest import DEADLINE, ROOT, program

NAMESPACES = (["unshare", "--net", "--mount"], ["unshare", "--map-current-user", "--keep-caps", "--net", "--mount"])


def namespace():
    """A network of one's own, as root or as another user."""
    for command in NAMESPACES:
        if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    pytest.fail("no network namespace can be made here; 'sysctl kernel.unprivileged_userns_clone=1' or root allows it")


# It takes two pings, 2 s apart, until a cut is noticed.
@pytest.mark.timeout(40 * DEADLINE)
def test_a_cut_and_the_loss_of_all_servers_lose_nothing_and_are_over_by_themselves(tmp_path):
    done = subprocess.run(
        [*namespace(), sys.executable, ROOT / "Tests/Cluster/cut.py", *os.environ.get("CUTS", "8").split()],
        capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "PATIENCE": os.environ.get("PATIENCE", "1"), "STAGECOACH": program(),
             "TMPDIR": os.environ.get("TMPDIR", "/tmp")})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "what was answered is in the table once, in order" in done.stdout
