"""What `stages` prints of each stage and resource: the example passes `check` as it stands."""

import re

import pytest

NAMES = """
attempt background complete exec http limit log parallel persist recall receive respond route
transform use validate disk echo memory nats openai postgres sqlite supabase
""".split()


def test_these_are_all(run):
    lines = run("stages").stdout.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == NAMES


def files(page):
    """The whole files of a page by their names, as somebody would copy them."""
    text = page.split("Example, a whole file:\n\n", 1)[1]
    example, *others = text.split("\nAnd ")
    return {"example.yaml": example} | {
        other.split(",", 1)[0]: other.split("\n\n", 1)[1] for other in others}


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_each_page_passes_check(run, tmp_path, name):
    page = run("stages", name).stdout
    copied = files(page)
    for path, text in copied.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    assert name in copied["example.yaml"]
    # A variable that is needed and not set is a warning.
    variables = re.findall(r"\$\{(\w+)(?::-)?\}", "".join(copied.values()))
    environment = {name: "https://example.org" if name.endswith("URL") else "k" for name in variables}
    checked = run("check", "example.yaml", env=environment)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert run("stages", name, "--example").stdout.strip() == copied["example.yaml"].strip()


def test_an_example_can_be_served(serve, run):
    host = serve(run("stages", "complete", "--example").stdout)
    with host.connect() as client:
        client.send("hello")
        assert client.recv(timeout=10) == "hello"


def test_a_page_says_types_ranges_defaults_and_help(run):
    page = run("stages", "complete").stdout
    assert "  Needs: prompt\n  Provides: completion\n" in page
    assert "  temperature: number from 0 to 2  (may be left out)\n      How random the answer is." in page
    assert "  timeout: duration (250ms, 30s, 5m, 1h)  (default 30s)\n" in page


def test_a_name_that_there_is_not_gets_a_way_out(run):
    assert run("stages", "respnd").stderr == "error: there is no stage or resource 'respnd'; did you mean 'respond'?\n"
    error = run("stages", "zzzzzz").stderr
    assert error.startswith("error: there is no stage or resource 'zzzzzz'; there are: ")
    assert set(NAMES) <= set(re.split("[ ,\n]+", error))
    assert run("stages", "--example").returncode == 64


def test_the_document_has_everything(run):
    document = run("stages", "--format", "markdown").stdout
    assert all(f"\n### `{name}`" in document for name in NAMES)
