"""The picture of a pipeline: good XML, and drawn by a browser with every text inside its box."""

import shutil
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import PIPELINES

SVG = "{http://www.w3.org/2000/svg}"

EVERYTHING = """
pipeline: everything
resources:
  model: echo
  spare: {echo: {delay: 1s}}
  database: {sqlite: {path: data/x.db}}
  outbox: {disk: {path: data/q.db}}
stages:
  - receive
  - log: {text: seen}
    when: {prompt: {longer_than: 3}}
    label: "<&> \\"日本語の長いラベル\\""
  - parallel:
      - [{transform: {metadata.a: x}}]
      - - attempt: [{complete: {resource: model}}]
          catch: [{transform: {completion: sorry}}]
  - log: {text: x}
    label: a-very-long-label-with-MANY-wide-letters-WWWWWWWWWW
    on_error: [{log: {text: oops}, label: oops}]
  - persist:
    async: true
  - background:
      stages: [{log: {text: kept}, label: kept}, {persist: {table: others}}]
      queue: outbox
  - respond
"""

# Each text, and the boxes around its middle.
MEASURE = """() => [...document.querySelectorAll('text')].map(text => {
    const inner = text.getBBox(), x = inner.x + inner.width / 2, y = inner.y + inner.height / 2;
    const boxes = [...document.querySelectorAll('rect')].map(box => box.getBBox())
        .filter(box => box.x <= x && x <= box.x + box.width && box.y <= y && y <= box.y + box.height)
        .sort((a, b) => a.width * a.height - b.width * b.height);
    const box = boxes[0];
    return {text: text.textContent, fits: box && box.x <= inner.x && inner.x + inner.width <= box.x + box.width
        && box.y <= inner.y && inner.y + inner.height <= box.y + box.height};
})"""


def picture(run, tmp_path, text):
    file = tmp_path / "pipeline.yaml"
    file.write_text(text)
    drawn = run("graph", "--format", "svg", file)
    assert drawn.returncode == 0, drawn.stderr
    return drawn.stdout


def texts(svg):
    return [text.text for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("file", PIPELINES, ids=lambda file: file.stem)
def test_the_picture_of_each_shipped_file_is_good_xml(run, tmp_path, file):
    root = ElementTree.fromstring(picture(run, tmp_path, file.read_text()))
    assert root.tag == f"{SVG}svg"
    assert {"client", "receive", "respond"} <= {text.text for text in root.iter(f"{SVG}text")}


def test_queues_guarantees_resources_and_what_is_inside_are_in_it(run, tmp_path):
    svg = picture(run, tmp_path, EVERYTHING)
    said = texts(svg)
    assert "queue in memory, 1000, wait when full" in said and "queue outbox in disk, wait when full" in said
    joined = " ".join(said)
    assert "nothing is lost when the process is killed" in joined
    assert "is lost when the process is killed, and flushed when the host is stopped" in joined
    assert "model: echo" in said and said.count("database: sqlite") == 2 and "spare: echo, which no stage uses" in said
    assert {"branch 1", "branch 2", "attempt", "catch", "on error", "all at the same time"} <= set(said)
    assert '<&> "日本語の長いラベル"' in said
    dashed = [path for path in ElementTree.fromstring(svg).iter(f"{SVG}path") if path.get("stroke-dasharray") == "6 4"]
    assert len(dashed) == 4, "into and out of each of the two queues"


def test_a_browser_draws_it_with_every_text_inside_its_box(run, tmp_path):
    from playwright.sync_api import sync_playwright

    picture_file = tmp_path / "picture.svg"
    picture_file.write_text(picture(run, tmp_path, EVERYTHING))
    chromium = shutil.which("chromium")
    assert chromium, "scripts/setup --tests installs chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(picture_file.as_uri())
        measured = page.evaluate(MEASURE)
        browser.close()
    assert len(measured) > 30
    assert [text for text in measured if not text["fits"]] == []
