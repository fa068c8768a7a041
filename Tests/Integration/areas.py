"""Which tests a change concerns, by Tests/areas.txt: `scripts/test --quick` runs them.

    areas.py [COMMIT]

prints the files of this folder that are to be run, and the words with '+', for what differs from COMMIT: from HEAD where it is
not named, or from the commit before where nothing differs from HEAD.
"""

import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EVERYTHING = "everything"
# The unit tests that scripts/test runs only where they are asked for.
LONG = {"+servers": "Postgres|Supabase|PostgREST|HTTPClientTests|ResourcesTests/Support",
        "+computing": "Fuzz|Mutation|OddRows|/Pattern|DiskQueue|TestRandom"}


def read(text):
    """The lines of the map: what is tested for each name of a folder or file, as a tuple of its parts."""
    lines = (line.split() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {tuple(name.split("/")): words for name, *words in lines}


def line_for(path, areas):
    """The words of the nearest line: the one whose name ends last in the path, and of those the longest; none where there is none."""
    parts = pathlib.PurePosixPath(path).parts
    stem = (*parts[:-1], parts[-1].split(".")[0])
    for names in (parts, stem, *(parts[:end] for end in range(len(parts) - 1, 0, -1))):
        for start in range(len(names)):
            if words := areas.get(tuple(names[start:])):
                return words
    return []


def users_of(helper, folder=HERE):
    """The test files that import a helper of theirs."""
    used = re.compile(rf"(?m)^(?:from|import) {re.escape(helper)}\b")
    # What conftest has, each test may use.
    if used.search((folder / "conftest.py").read_text()):
        return [EVERYTHING]
    return [file.stem.removeprefix("test_") for file in sorted(folder.glob("test_*.py")) if used.search(file.read_text())]


def words_for(path, areas):
    """What is to be run for a changed file."""
    file = pathlib.PurePosixPath(path)
    if file.parent == pathlib.PurePosixPath("Tests/Integration") and file.suffix == ".py" and file.stem != "conftest":
        return [file.stem.removeprefix("test_")] if file.stem.startswith("test_") else users_of(file.stem)
    if path.startswith("Tests/") and file.suffix == ".swift":
        # The other unit tests are run in any case.
        return [word for word, names in LONG.items() if re.search(names, path)]
    return line_for(path, areas)


def changed(commit=None):
    """The files that differ from a commit, those that Git does not know yet included."""

    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")[:-1]

    def since(base):
        return git("diff", "--name-only", "--no-renames", "-z", base, "--")

    new = git("ls-files", "--others", "--exclude-standard", "-z")
    return sorted({*since(commit or "HEAD"), *new}) or since("HEAD~1")


def main(commit=None):
    areas = read((ROOT / "Tests/areas.txt").read_text())
    paths = changed(commit)
    words = sorted({word for path in paths for word in words_for(path, areas)})
    print(f"test: {len(paths)} changed files concern: {' '.join(words) or 'no test from outside'}", file=sys.stderr)
    if EVERYTHING in words:
        words = [EVERYTHING, "+servers", "+computing"]
    for word in words:
        if word.startswith("+"):
            print(word)
        elif word == EVERYTHING:
            print("Tests/Integration")
        elif (HERE / f"test_{word}.py").exists():
            print(f"Tests/Integration/test_{word}.py")


if __name__ == "__main__":
    main(*sys.argv[1:])
