"""scripts/plan: what it computes follows from the figures of the pages, and from nothing else."""

import importlib.machinery
import importlib.util
import re
import subprocess
import sys

import pytest

from conftest import ROOT

SCRIPT = ROOT / "scripts/plan"


@pytest.fixture(scope="module")
def module():
    loader = importlib.machinery.SourceFileLoader("plan", str(SCRIPT))
    made = importlib.util.module_from_spec(importlib.util.spec_from_loader("plan", loader))
    sys.modules["plan"] = made
    loader.exec_module(made)
    return made


def load(module, connections, **more):
    usual = {"messages_a_minute": 1, "words": 100, "prompt_words": 30, "words_a_second": 20, "cores": 8, "memory": 32,
             "a_host": 10_000, "busy": 0.5}
    return module.plan(module.Load(connections, **{**usual, **more}), module.FIGURES)


def run(*arguments):
    return subprocess.run([SCRIPT, *arguments], capture_output=True, text=True)


def rows(text):
    """The table's lines by their names."""
    return {re.split(r"  +", line)[0]: re.split(r"  +", line)[1:] for line in text.split("\n\n")[0].splitlines()}


def test_each_figure_is_where_its_source_says(module):
    for figure in module.FIGURES.known.values():
        file, _, line = figure.source.partition(":")
        cells = (ROOT / file).read_text().splitlines()[int(line) - 1].split("|")
        assert f"{figure.value:,g}" in {cells[3].strip(), cells[3].strip().replace(".0", "")}, figure


def test_the_three_sizes_of_the_page(module):
    ten, million, hundred = (load(module, count) for count in (10_000, 1_000_000, 100_000_000))
    assert million.messages == pytest.approx(1_000_000 / 60) and million.words == pytest.approx(100 * million.messages)
    # Little's law: each answer takes five seconds.
    assert million.calls == pytest.approx(5 * million.messages)
    figures = module.FIGURES
    assert million.cores == pytest.approx(2e-6 * (million.messages * figures.message + million.words * figures.word))
    assert hundred.cores == pytest.approx(100 * million.cores)
    assert hundred.hosts == 10_001 and million.hosts == 101 and ten.hosts == 2
    assert million.row_bytes == figures.row + 6 * (30 + 2 * 100)
    assert hundred.databases.count == -(-hundred.messages // (figures.rows / 2))


@pytest.mark.parametrize("change, bound", [
    ({}, "connections"), ({"words": 2000}, "cores"), ({"a_host": 1_000_000, "memory": 1, "cores": 512}, "memory"),
])
def test_hosts_are_as_many_as_the_scarcest_wants(module, change, bound):
    assert load(module, 1_000_000, **change).hosts_by == bound


def test_what_gives_first_is_the_same_whatever_the_size(module):
    def parts(connections):
        return [(round(at), part) for at, part, _ in module.limits(load(module, connections), module.FIGURES)]

    found = parts(1_000_000)
    assert found == sorted(found) and found == parts(100_000_000)
    at = next(connections for connections, part in found if "leader" in part)
    assert load(module, int(at * 0.99)).streams.count == 1 and load(module, int(at * 1.01)).streams.count == 2


def test_a_row_for_each_thing_that_is_needed_and_a_column_for_each_size():
    done = run("--connections", "10k", "1M", "100M", "--messages-per-connection-per-minute", "1", "--words", "100")
    assert done.returncode == 0
    table = rows(done.stdout)
    assert table["connections"] == ["10k", "1M", "100M"] and all(len(cells) == 3 for cells in table.values())
    for name in ("cores of hosts", "hosts, one spare", "memory a host, with sockets", "workers, one spare",
                 "NATS messages a second", "PostgreSQL rows a second", "PostgreSQL a day"):
        assert name in table
    assert run("--connections", "10000", "1000000", "100000000").stdout == done.stdout


@pytest.mark.parametrize("arguments, said", [
    (["--connections", "0"], "is no number"), (["--connections", "many"], "is no number"),
    (["--busy", "-1"], "is no number above 0"), (["--memory-per-host", "0.01"], "too few"),
])
def test_numbers_that_are_none_are_refused(arguments, said):
    done = run(*arguments)
    assert done.returncode and said in done.stderr


def test_a_page_without_a_figure_is_said(module, monkeypatch, tmp_path):
    (tmp_path / "performance.md").write_text("| a | b | c |\n")
    (tmp_path / "scale.md").write_text("")
    monkeypatch.setattr(module, "DOCS", tmp_path)
    with pytest.raises(SystemExit, match="has no figure"):
        module.Figures()


def test_a_work_that_is_the_same_is_the_one_before(module, monkeypatch, tmp_path):
    (tmp_path / "p.md").write_text("| Flow, 64 | CPU µs | 1,065.5 |\n| the same, 500 | CPU µs | 7 (x) |\n| the same | ms | 3 |\n")
    monkeypatch.setattr(module, "DOCS", tmp_path)
    found = module.table("p.md")
    assert found["Flow, 64", "CPU µs"].value == 1065.5 and found["Flow, 64", "ms"].value == 3
    assert found["Flow, 64, 500", "CPU µs"] == module.Figure(7, "Flow, 64, 500: CPU µs", "docs/p.md:2")


def test_the_page_shows_what_it_prints():
    shown = re.search(r"(?s)```console\n\$ (scripts/plan [^\n]*)\n(.*?)```", (ROOT / "docs/scale.md").read_text())
    assert run(*shown[1].split()[1:]).stdout == shown[2]
