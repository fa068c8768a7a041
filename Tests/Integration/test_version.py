"""Which version runs: on the command line, in the log, in the metrics; and what systemd is told."""

import json
import os
import re
import socket
import subprocess

from conftest import DEADLINE, ROOT, metrics, program, wait_until

NUMBER = re.search(r'static let number = "([^"]+)"', (ROOT / "Sources/Host/Version/ProgramVersion.swift").read_text())[1]


def test_the_version_stands_in_one_place_and_has_a_heading_in_the_changelog():
    assert re.fullmatch(r"\d+\.\d+\.\d+", NUMBER)
    places = subprocess.run(
        ["git", "grep", "--untracked", "-lF", f'"{NUMBER}"', "--", "Sources", "Package.swift", "scripts", "packaging",
         "Plugins"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    assert places == ["Sources/Host/Version/ProgramVersion.swift"]
    assert re.search(rf"(?m)^## {re.escape(NUMBER)}\b", (ROOT / "CHANGELOG.md").read_text())


def test_the_version_and_the_commit_are_printed(run):
    for arguments in (["--version"], ["serve", "--version"]):
        done = run(*arguments)
        assert done.returncode == 0 and done.stderr == ""
        name, number, commit = re.fullmatch(r"(\w+) ([\d.]+) \(commit ([0-9a-f]{7,40}(?:-dirty)?|unknown)\)\n",
                                            done.stdout).groups()
        assert (name, number) == ("stagecoach", NUMBER)
    verbose = run("--version", "--verbose").stdout.splitlines()
    assert verbose[0] + "\n" == done.stdout
    assert [re.match(r"[A-Za-z]+", line)[0] for line in verbose[1:]] == ["Swift", "libcurl", "SQLite", "libpq"]
    assert all(re.search(r"\d+\.\d+", line) for line in verbose)


def test_a_host_of_ones_own_has_the_version_too(run):
    assert run("--version", variable="CUSTOM_HOST").stdout == f"stagecoach {NUMBER} (commit unknown)\n"


def test_the_first_line_of_the_log_and_the_metrics_say_the_same(serve, run):
    commit = re.search(r"commit (\S+)\)", run("--version").stdout)[1]
    host = serve(ROOT / "pipelines/offline.yaml")
    assert f'stagecoach_build_info{{version="{NUMBER}",commit="{commit}"}} 1.0\n' in metrics(host)
    host.stop()
    first = json.loads(host.log[0])
    assert (first["level"], first["message"], first["version"], first["commit"]) == ("info", "Starting", NUMBER, commit)


def test_systemd_is_told_when_clients_may_come_and_when_the_host_stops(serve, tmp_path):
    for name in (str(tmp_path / "notify"), f"\0stagecoach-{os.getpid()}"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(name)
            listener.settimeout(DEADLINE)
            host = serve(ROOT / "pipelines/offline.yaml", env={"NOTIFY_SOCKET": name.replace("\0", "@")})
            assert listener.recv(4_096).decode().split("\n") == ["READY=1", f"STATUS={host.line}"]
            assert host.stop() == 0
            assert listener.recv(4_096).decode().split("\n") == ["STOPPING=1", "STATUS=Stopping"]


def test_a_host_that_can_not_start_is_never_ready(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        (tmp_path / "p.yaml").write_text("pipeline: p\nstages: [receive, respnd]\n")
        done = subprocess.run(
            [program(), "serve", "p.yaml", "--port", "0"], cwd=tmp_path, capture_output=True, text=True,
            env={"PATH": os.environ["PATH"], "NOTIFY_SOCKET": str(tmp_path / "notify")}, timeout=DEADLINE)
        assert done.returncode == 1 and "respnd" in done.stderr
        try:
            assert False, listener.recv(4_096)
        except BlockingIOError:
            pass


def test_a_service_manager_that_has_gone_disturbs_nothing(serve, tmp_path):
    for name in (str(tmp_path / "nobody"), "@nobody", "relative", "/" + "x" * 200, "@", ""):
        host = serve(ROOT / "pipelines/offline.yaml", env={"NOTIFY_SOCKET": name})
        assert host.stop() == 0
