"""What `scripts/package` packs around the program. `scripts/install-test` installs the real one on a bare Debian."""

import hashlib
import json
import os
import re
import subprocess
import tarfile

import pytest

from conftest import ROOT, program

TEXT = (ROOT / "docs/deploying.md").read_text()
UNIT = (ROOT / "packaging/stagecoach.service").read_text()


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The archive, unpacked, with a program that is small: a script that calls the real one."""
    folder = tmp_path_factory.mktemp("package")
    small = folder / "stagecoach"
    small.write_text(f'#!/bin/sh\nexec "{os.path.abspath(program())}" "$@"\n')
    small.chmod(0o755)
    archives = []
    for name in ("first", "second"):
        done = subprocess.run([ROOT / "scripts/package", "--program", small, folder / name], capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        archives.append(folder / name / os.path.basename(done.stdout.strip()))
    assert len({archive.read_bytes() for archive in archives}) == 1, "the same tree gave two archives"
    line = archives[0].with_name(archives[0].name + ".sha256").read_text()
    assert line == f"{hashlib.sha256(archives[0].read_bytes()).hexdigest()}  {archives[0].name}\n"
    with tarfile.open(archives[0]) as archive:
        assert all((member.uid, member.gid) == (0, 0) for member in archive.getmembers())
        archive.extractall(folder, filter="tar")
    return folder / archives[0].name.removesuffix(".tar.gz")


def test_the_archive_has_the_program_the_pipelines_the_unit_and_the_documents(packed, run):
    version = run("--version").stdout
    assert re.fullmatch(r"stagecoach-([\d.]+)-linux-(x86_64|aarch64)", packed.name)[1] == version.split()[1]
    assert subprocess.run([packed / "bin/stagecoach", "--version"], capture_output=True, text=True).stdout == version
    for folder in ("pipelines", "docs"):
        # What else lies there is somebody's own.
        listed = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True).stdout.split()
        shipped = {path.split("/")[1] for path in listed}
        assert {path.name for path in (packed / folder).iterdir()} == shipped
    assert (packed / "pipelines/stagecoach.schema.json").read_text() == run("schema").stdout
    assert json.loads((packed / "monitoring/grafana.json").read_text())["panels"]
    assert (packed / "monitoring/alerts.yaml").read_text() == run("metrics", "--format", "alerts").stdout
    licence = (packed / "LICENSE").read_text()
    assert licence.lstrip().startswith("Apache License") and "APPENDIX: How to apply" in licence


def test_everything_that_is_linked_in_has_its_licence(packed):
    files = {path.name: path.read_text() for path in (packed / "licenses").iterdir()}
    packages = {path.name for path in (ROOT / ".build/checkouts").iterdir()}
    assert len(packages) > 10
    for package in packages:
        assert any(name.startswith(f"{package}-LICENSE") for name in files), package
    # Their notices go with them, where the packages have any.
    assert {f"{path.parent.name}-NOTICE.txt" for path in (ROOT / ".build/checkouts").glob("*/NOTICE.txt")} <= set(files)
    for name, words in {"Swift.txt": "Runtime Library Exception", "ICU.txt": "UNICODE, INC. LICENSE",
                        "libre2.txt": "The RE2 Authors", "libyaml.txt": "Kirill Simonov", "swift-nio-llhttp.txt": "MIT",
                        "other-notices.txt": "WIDE Project", "marked.txt": "Christopher Jeffrey",
                        "DOMPurify.txt": "Apache License"}.items():
        assert words in files[name], name


def test_systemd_takes_the_unit(packed, tmp_path):
    unit = tmp_path / "stagecoach.service"
    unit.write_text((packed / "systemd/stagecoach.service").read_text().replace("/opt/stagecoach/", f"{packed}/"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True,
                          env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"})
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if "stagecoach" in line]
    assert done.returncode == 0 and complaints == [], done


def test_the_unit_names_what_the_archive_has_and_stops_later_than_the_host(packed, run):
    settings = dict(re.findall(r"(?m)^(\w+)=(.*)$", UNIT))
    for path in re.findall(r"/opt/stagecoach/(\S+)", UNIT):
        assert (packed / path).exists(), path
    (drain,) = re.findall(r"(?m)^\| `drain` .*$", (ROOT / "docs/reference.md").read_text())
    assert int(settings["TimeoutStopSec"]) > int(re.search(r"(\d+)s", drain)[1])
    assert settings["Type"] == "notify" and settings["User"] == "stagecoach"
    assert run(*settings["ExecStart"].split()[1:2], "--help").returncode == 0
    users = (packed / "systemd/sysusers.conf").read_text()
    assert re.search(r"(?m)^u stagecoach ", users) and settings["StateDirectory"] == "stagecoach"


def test_the_page_installs_the_libraries_that_a_program_may_need(packed):
    allowed = re.search(r"needed='(.*)'", (ROOT / "scripts/package").read_text())[1].replace("\\", "").split("|")
    always = {"ld-linux-.*", "libc", "libm", "libgcc_s", "libstdc++", "libz"}
    (installed,) = set(re.findall(r"install --yes --no-install-recommends (ca-certificates curl .*)", TEXT))
    names = {"libcurl": "libcurl4", "libpq": "libpq5", "libsqlite3": "libsqlite3-0"}
    assert {names[library] for library in set(allowed) - always} == set(installed.split()) - {"ca-certificates", "curl"}


def test_what_is_no_program_is_refused(tmp_path):
    for arguments in (["--program"], ["--program", "x"], ["help"]):
        done = subprocess.run([ROOT / "scripts/package", *arguments], capture_output=True, text=True, timeout=30)
        assert done.returncode == 1 and "usage: scripts/package" in done.stderr


def test_the_readme_has_the_same_five_commands():
    (block,) = re.findall(r"## A conversation in five commands\n.*?```sh\n(.*?)```", TEXT, re.DOTALL)
    assert len(block.splitlines()) == 5 and f"```sh\n{block}```" in (ROOT / "README.md").read_text()
