"""Every command of the documents, as it stands there."""

import functools
import re
import subprocess

import pytest

from page import ROOT, Unclear, blocks, mentions, pages
from terminal import is_printed

STAGECOACH = ROOT / "scripts/stagecoach"
# Its test has the browser and the database besides.
ELSEWHERE = {"docs/from-fastapi.md"}


def is_run(page):
    try:
        return page not in ELSEWHERE and any(block.is_run for block in blocks(page))
    except Unclear:
        return False


@pytest.mark.parametrize("page", list(filter(is_run, pages())))
def test_the_commands_of_a_page_do_what_it_says(page, terminal):
    for block in blocks(page):
        if block.file:
            terminal.write(block.file, block.text)
        elif block.is_run:
            terminal.run(block)


def test_every_fence_says_what_it_is():
    for page in pages():
        blocks(page)


@functools.cache
def help_of(command):
    said = subprocess.run([STAGECOACH, *command.split(), "--help"], capture_output=True, text=True)
    return said.stdout if said.returncode == 0 else None


def test_commands_and_options_that_are_named_exist():
    wrong = []
    for page in pages():
        for line, text in mentions(page):
            words = re.sub(r"^(scripts/)?stagecoach ", "", text).split()
            command = words[0] if re.fullmatch("[a-z]+", words[0]) else ""
            if command == "help":
                continue
            help = help_of("new " + words[1] if command == "new" and words[1:2] != ["stage|pipeline"] else command)
            options = [word for word in words if re.match("--[a-z]", word)]
            missing = [text] if help is None else [
                option for option in options if not re.search(re.escape(option.split("=")[0]) + r"\b", help)]
            wrong += [f"{page}:{line}: {one}" for one in missing]
    assert wrong == []


def test_whole_files_are_good(tmp_path):
    # The reference is made of examples that have a test of their own.
    for page in set(pages()) - {"docs/reference.md"}:
        for block in blocks(page):
            if block.language == "yaml" and re.search("(?m)^pipeline:", block.text) and "\nstages:" in block.text:
                file = tmp_path / "whole.yaml"
                file.write_text(block.text)
                done = subprocess.run([STAGECOACH, "check", file], capture_output=True, text=True, cwd=ROOT)
                assert done.returncode == 0, f"{block.where}: {done.stderr}"


@pytest.mark.parametrize("text, what", [
    ("```\nls\n```", "'' is no language"), ("```bash\nls\n```", "'bash' is no language"),
    ("<!-- not run: reason -->\ntext", "stands before no fence"), ("```sh\nls", "does not end"),
    ("<!-- not run: reason -->\n```yaml\na: b\n```", "is no command"),
])
def test_a_fence_that_is_neither_is_refused(text, what):
    with pytest.raises(Unclear, match=what):
        blocks("page.md", text)


def test_what_is_marked_is_not_run_and_the_rest_is():
    found = blocks("page.md", "<!-- not run: long -->\n```sh\na\n```\n  ```console\n  $ b\n  c\n  ```\n"
                              "| x | y |\n| --- | --- |\n| `scripts/d e` | z |\n\n<!-- not run: CI -->\n| x |\n| `scripts/f` |\n")
    assert [(block.text, block.is_run) for block in found] == [
        ("a\n", False), ("$ b\nc\n", True), ("scripts/d e\n", True)]
    assert found[1].commands() == [("b", ["c"])]


def test_what_is_printed_is_compared_but_for_what_is_each_runs_own():
    shown = ["a  5f350470-f5d5-4d96-93db-8d732a78cfc9 2026-01-31T12:00:00.123456Z", "…", '{"x":"…","y":1}']
    good = ["a 8a4a7c1e-9d0c-4a53-8c55-0f4f3c1c0a7e 2027-02-01T00:00:00.5Z", "b", "c", '{"x":"zzz","y":1}']
    assert is_printed(shown, good)
    assert not is_printed(shown, good[:-1] + ['{"x":"zzz","y":2}'])
    assert not is_printed(shown, good + ["more"])
    assert not is_printed(["one"], [])


def test_a_command_that_fails_or_prints_something_else_fails_the_page(terminal):
    for language, text in [("sh", "true\nfalse\ntrue\n"), ("console", "$ echo a\nb\n"),
                           ("sh", "scripts/stagecoach serve none.yaml\n")]:
        block = blocks("page.md", f"```{language}\n{text}```")[0]
        with pytest.raises(AssertionError, match="page.md:1"):
            terminal.run(block)
