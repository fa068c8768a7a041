"""What the parts need, built or installed when it is first asked for."""

import filecmp
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = HERE / ".build"
TOOLS = BUILD / "tools"
PRODUCTS = ROOT / ".build" / "release"
SHARED = [HERE / "load" / f"{name}.c" for name in ("measure", "timers", "connections", "answers")]
LOADS = ["wsload", "postload", "streamload", "model-stub"]
made = set()


def run(*command, **options):
    command = [str(part) for part in command]
    if subprocess.run(command, stdout=sys.stderr, **options).returncode:
        sys.exit(f"bench: failed: {' '.join(command)}")


def compile(name, sources, *libraries):
    sources = [*sources, *(HERE / "load").glob("*.h")]
    target = TOOLS / name
    TOOLS.mkdir(parents=True, exist_ok=True)
    if not target.exists() or any(each.stat().st_mtime > target.stat().st_mtime for each in sources):
        run("clang", "-O2", "-Wall", "-Wextra", *(each for each in sources if each.suffix == ".c"), "-o", target, *libraries)


def loads():
    for name in LOADS:
        compile(name, [HERE / "load" / f"{name}.c", *SHARED])
    compile("wsattack", [HERE / "load/wsattack.c"])


def curl_relay():
    compile("curl-relay", [HERE / "peers/curl-relay.c"], "-lcurl")


def trust():
    compile("trust.so", [ROOT / "Tests/Integration/trust.c"], "-shared", "-fPIC", "-ldl")


def stagecoach():
    run("swift", "build", "--configuration", "release", "--product", "stagecoach", cwd=ROOT)


def microbenchmarks():
    run("swift", "build", "--configuration", "release", "--product", "microbenchmarks", cwd=ROOT)


def nio_echo():
    run("swift", "build", "--configuration", "release", "--package-path", HERE)


def gorilla():
    go = shutil.which("go") or sys.exit("bench: there is no 'go'; scripts/setup --bench installs it")
    run(go, "build", "-o", TOOLS / "gorilla", HERE / "peers/gorilla/main.go",
        env={**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": ""})


def packages(name):
    """A folder of Python packages for the peers that are written for it, made anew where the requirements have changed."""
    folder, wanted = BUILD / name, HERE / "peers" / name / "requirements.txt"
    is_there = folder / "requirements.txt"
    if is_there.exists() and filecmp.cmp(wanted, is_there, shallow=False):
        return
    shutil.rmtree(folder, ignore_errors=True)
    run("python3", "-m", "venv", folder)
    run(folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted)
    shutil.copy(wanted, is_there)


BUILDERS = {
    "loads": loads, "curl-relay": curl_relay, "trust": trust, "stagecoach": stagecoach, "microbenchmarks": microbenchmarks, "nio": nio_echo,
    "gorilla": gorilla, "fastapi": lambda: packages("fastapi"), "smg": lambda: packages("smg"),
}


def need(name):
    if name not in made:
        made.add(name)
        BUILDERS[name]()
