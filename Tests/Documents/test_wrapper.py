"""scripts/stagecoach: when it builds, and that it then is the program. `swift` and `scripts/setup` are stand-ins that say what
they were asked; the pages' tests use the real ones."""

import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

from page import ROOT

SWIFT = """#!/bin/sh
echo "swift $*" >> "$LOG"
case "$1" in build) [ -z "$BROKEN" ] || exit 1; mkdir -p "$TREE/.build/release"; cp "$TREE/program" "$TREE/.build/release/stagecoach" ;; esac
"""
PROGRAM = """#!/bin/sh
case "$1" in wait) echo $$; exec sleep 30 ;; fail) exit 7 ;; esac
echo "$PWD: $*"
"""


class Tree:
    def __init__(self, folder):
        self.root = folder / "a clone"
        self.log = folder / "log"
        for part in ("scripts", "Sources/Host", "Plugins"):
            (self.root / part).mkdir(parents=True)
        for name in ("Package.swift", "Package.resolved", "Sources/Host/Host.swift"):
            (self.root / name).write_text("\n")
        shutil.copy(ROOT / "scripts/stagecoach", self.root / "scripts")
        self.programs = folder / "bin"
        self.programs.mkdir()
        for path, text in [(self.root / "scripts/setup", '#!/bin/sh\necho setup >> "$LOG"\n'),
                           (self.programs / "swift", SWIFT), (self.root / "program", PROGRAM)]:
            path.write_text(text)
            path.chmod(0o755)
        self.env = {"PATH": f"{self.programs}:{os.environ['PATH']}", "LOG": str(self.log), "TREE": str(self.root)}
        self.elsewhere = folder / "elsewhere"
        self.elsewhere.mkdir()

    def run(self, *arguments, script=None, **env):
        return subprocess.run([script or self.root / "scripts/stagecoach", *arguments], cwd=self.elsewhere, text=True,
                              env={**self.env, **env}, capture_output=True, timeout=30)

    def builds(self):
        """What was run besides the program since the last look."""
        done = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return [" ".join(line.split()[:2]) for line in done]


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


@pytest.fixture
def built(tree):
    assert tree.run("x").returncode == 0
    tree.builds()
    # Changes from here on are later by the file system's clock, too.
    time.sleep(0.02)
    return tree


def test_the_first_run_sets_up_builds_and_runs_in_the_callers_folder(tree):
    done = tree.run("check", "a file.yaml")
    assert tree.builds() == ["setup", "swift package", "swift build"]
    assert done.stdout == f"{tree.elsewhere}: check a file.yaml\n" and "minutes" in done.stderr


def test_then_it_says_and_builds_nothing(built):
    done = built.run("fail")
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")
    assert built.builds() == []


def test_it_becomes_the_program_so_that_signals_reach_it(built):
    process = subprocess.Popen([built.root / "scripts/stagecoach", "wait"], env=built.env, stdout=subprocess.PIPE, text=True)
    assert int(process.stdout.readline()) == process.pid
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == -signal.SIGTERM
    process.stdout.close()


def test_a_link_to_it_is_as_good(built, tmp_path):
    link = tmp_path / "stagecoach"
    link.symlink_to(built.root / "scripts/stagecoach")
    assert built.run("x", script=link).stdout == f"{built.elsewhere}: x\n"
    assert built.builds() == []


def edit(root):
    (root / "Sources/Host/Host.swift").write_text("// new\n")


def put_an_older_file_in_place(root):
    older = root / "older.swift"
    older.write_text("// old\n")
    os.utime(older, (1, 1))
    older.rename(root / "Sources/Host/Host.swift")


def remove(root):
    (root / "Sources/Host/Host.swift").unlink()


def remove_the_program(root):
    (root / ".build/release/stagecoach").unlink()


def change_the_package(root):
    (root / "Package.resolved").write_text("{}\n")


@pytest.mark.parametrize("change", [edit, put_an_older_file_in_place, remove, remove_the_program, change_the_package])
def test_a_change_of_the_sources_is_built_once(built, change):
    change(built.root)
    assert built.run("x").returncode == 0
    assert built.builds()[-1] == "swift build"
    assert built.run("x").stderr == "" and built.builds() == []


def test_a_build_that_fails_runs_no_old_program_and_is_tried_again(built):
    edit(built.root)
    for _ in range(2):
        done = built.run("x", BROKEN="1")
        assert done.returncode == 1 and done.stdout == ""
        assert built.builds() == ["setup", "swift build"]
    assert built.run("x").stdout and not list((built.root / ".build").glob("stagecoach.??????"))


def test_what_is_edited_during_a_build_is_built_next_time(built):
    edit(built.root)
    swift = built.programs / "swift"
    swift.write_text(f"{SWIFT}\n[ -z \"$EDIT\" ] || echo edited > \"$TREE/Sources/Host/Host.swift\"\n")
    time.sleep(0.02)
    built.run("x", EDIT="1")
    built.builds()
    built.run("x")
    assert built.builds() == ["setup", "swift build"]


def test_serve_without_a_file_serves_the_offline_one(built):
    shutil.copy(ROOT / "scripts/serve", built.root / "scripts")
    done = built.run(script=built.root / "scripts/serve")
    assert done.stdout == f"{built.elsewhere}: serve {pathlib.Path(built.root, 'pipelines/offline.yaml')}\n"
    assert built.run("a.yaml", script=built.root / "scripts/serve").stdout == f"{built.elsewhere}: serve a.yaml\n"
