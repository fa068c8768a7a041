"""Tests/areas.txt, by which `scripts/test --quick` chooses: every source has a line, every test is chosen by one."""

import subprocess

import pytest

from areas import EVERYTHING, HERE, ROOT, line_for, read, users_of, words_for

AREAS = read((ROOT / "Tests/areas.txt").read_text())
TESTS = {file.stem.removeprefix("test_") for file in HERE.glob("test_*.py")}
# They measure the whole program, or begin with a proxy that takes a minute to start.
OF_ALL_PARTS = {"abuse", "litellm", "load", "outage", "wakeups"}


def tracked(*patterns):
    return subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True,
                          check=True).stdout.split("\0")[:-1]


@pytest.mark.parametrize("path, words", [
    ("Sources/Stages/Postgres/PostgresPool.swift", ["postgres", "tables", "advice", "silence", "+servers"]),
    ("Sources/Resources/Postgres/PostgresPool.swift", ["postgres", "tables", "advice", "silence", "+servers"]),
    ("Sources/Stages/HTTP/URLTemplate.swift", ["http"]),
    ("Sources/Server/HTTP/HostRoutes.swift", ["post", "connections", "http_clients", "framing", "message_turns", "bursts"]),
    ("Sources/Stages/Remember.swift", ["remember"]),
    ("Sources/PipelineCatalog/Graph/SVG/SVGCanvas.swift", ["graph"]),
    ("Tests/StagesTests/Broken/typo.yaml", ["schema"]),
    ("Tests/Integration/test_tls.py", ["tls"]),
    ("Tests/Integration/issuer.py", ["auth_reload", "jwks"]),
    ("Tests/Integration/conftest.py", [EVERYTHING]),
    ("Package.swift", [EVERYTHING]),
    ("Tests/ServerTests/Auth/JWTTests.swift", []),
    ("LICENSE", []),
])
def test_a_changed_file_is_looked_up_by_the_nearest_line(path, words):
    assert words_for(path, AREAS) == words


def test_every_source_has_a_line():
    assert [path for path in tracked("Sources", "Plugins", "pipelines", "Examples", "scripts", "packaging")
            if not line_for(path, AREAS)] == []


def test_every_line_names_tests_that_there_are_and_every_test_is_named():
    named = {word for words in AREAS.values() for word in words if not word.startswith("+")}
    assert named - TESTS == {EVERYTHING}
    assert {word for words in AREAS.values() for word in words if word.startswith("+")} == {"+servers", "+computing"}
    assert all(AREAS.values())
    # What no line names is run where a helper of it changes, and by CI.
    assert TESTS - named - OF_ALL_PARTS == set()


def test_a_helper_of_tests_concerns_those_that_import_it():
    assert users_of("postgrest_server") and "tls" not in users_of("postgrest_server")


def test_what_differs_from_a_commit_is_chosen():
    chosen = subprocess.run(["python3", HERE / "areas.py", "HEAD"], capture_output=True, text=True, check=True)
    assert "changed files concern: " in chosen.stderr
    assert all(line.startswith("+") or (ROOT / line).exists() for line in chosen.stdout.splitlines())
