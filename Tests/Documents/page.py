"""What a page of the documents tells its readers to run.

Every fence names its language. `sh` and `console` are commands, and so are the rows of a table that begin with a command in
`scripts/`. They are run as they stand, in the page's order. Above one that can't be run stands why:

    <!-- not run: it takes more than an hour -->

    <!-- file: backend/main.py -->     the fence below is this file, which the reader has or writes
"""

import dataclasses
import functools
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMANDS = {"sh", "console"}
OTHERS = {"dockerfile", "html", "ini", "js", "json", "jsx", "python", "sql", "swift", "text", "toml", "yaml"}
MARK = re.compile(r"<!-- (not run|file): (.+) -->")
ROW = re.compile(r"\| `(scripts/[^`]+)` \|")
SPAN = re.compile(r"`((?:scripts/)?stagecoach [^`]+)`")


class Unclear(Exception):
    """A page that does not say what is to be run."""


@dataclasses.dataclass
class Block:
    page: str
    line: int
    language: str
    text: str
    not_run: str | None = None
    file: str | None = None

    @property
    def where(self):
        return f"{self.page}:{self.line}"

    @property
    def is_run(self):
        return self.language in COMMANDS and not self.not_run and not self.file

    def commands(self):
        """Each command with the lines that follow it: what is typed and printed. Those of `sh` have none."""
        if self.language == "sh":
            return [(self.text, [])]
        found = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif not found:
                raise Unclear(f"{self.where}: a console begins with '$ '")
            else:
                found[-1][1].append(line)
        return found


def blocks(path, text=None):
    """The fences of a page, and the rows of its tables that are commands.

    Raises `Unclear` where a fence names no language that is known, and where a mark stands above nothing.
    """
    page = str(path)
    found, marks, fence, skipped_table = [], {}, None, False
    for number, line in enumerate((text or (ROOT / path).read_text()).splitlines(), 1):
        stripped = line.strip()
        if fence is not None:
            if stripped == "```":
                found.append(fence)
                fence = None
            else:
                fence.text += line.removeprefix(indent) + "\n"
        elif stripped.startswith("```"):
            language, indent = stripped[3:], line[: len(line) - len(line.lstrip())]
            if language not in COMMANDS | OTHERS:
                raise Unclear(f"{page}:{number}: '{language}' is no language of a fence; commands are 'sh' or 'console', "
                              f"others {', '.join(sorted(OTHERS))}")
            if "not run" in marks and language not in COMMANDS:
                raise Unclear(f"{page}:{number}: what is marked 'not run' is no command")
            fence = Block(page, number, language, "", marks.get("not run"), marks.get("file"))
            marks = {}
        elif mark := MARK.fullmatch(stripped):
            marks[mark[1]] = mark[2]
        elif stripped.startswith("|"):
            skipped_table = skipped_table or "not run" in marks
            if (row := ROW.match(stripped)) and not skipped_table:
                found.append(Block(page, number, "sh", row[1].replace(r"\|", "|") + "\n"))
            marks.pop("not run", None)
        else:
            skipped_table = False
            if marks:
                raise Unclear(f"{page}:{number}: the mark above stands before no fence and no table")
    if fence is not None:
        raise Unclear(f"{fence.where}: the fence does not end")
    return found


def mentions(path):
    """Commands of stagecoach that a page names anywhere, with their lines: what stands between backticks, and in fences."""
    found = []
    for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
        found += [(number, span) for span in SPAN.findall(line)]
        if command := re.match(r"(?:\$ )?\s*((?:scripts/)?stagecoach .+)", line):
            found.append((number, command[1]))
    return found


@functools.cache
def pages():
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [page for page in listed.split() if page != "CHANGELOG.md"]
