"""The picture of a pipeline: good XML, and drawn by a browser with every text inside its box."""

import re
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

FACTS = """
pipeline: facts
resources:
  main: {openai: {url: "http://127.0.0.1:9/v1", key: "${KEY}"}}
  spare: {openai: {url: "http://127.0.0.1:9/v1", key: "${KEY}"}}
  database: {sqlite: {path: data/x.db}}
stages:
  - receive
  - transform: {metadata.a: x}
    when:
      prompt: {starts_with: "/help", longer_than: 12}
      metadata.task: {equals: "${SECRET}"}
      metadata.api_key: {equals: "c4n4ry-written"}
  - complete: {resource: main, fallback: [spare], model: gpt-4o, timeout: 12s}
    timeout: 40s
    retry: {attempts: 5, backoff: 250ms, max_backoff: 4s}
    on_error: [{transform: {completion: sorry}, label: oops}]
  - log: {text: x}
    on_error: continue
  - persist:
    async: {retry: {attempts: 7}, dead_letter: dead.jsonl}
  - respond
"""

CHAIN = "pipeline: long\nresources: {model: echo}\nstages:\n  - receive\n  - complete\n" + "".join(
    f"  - log: {{text: x}}\n    label: step-{number}\n" + ("    async: true\n" if number % 7 == 3 else "")
    for number in range(40)) + "  - respond\n"

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


def picture(run, tmp_path, text, form="svg"):
    file = tmp_path / "pipeline.yaml"
    file.write_text(text)
    drawn = run("graph", "--format", form, file, env={"SECRET": "c4n4ry-environment", "KEY": "c4n4ry-key"})
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


def test_model_deadlines_retries_errors_and_conditions_are_in_every_format(run, tmp_path):
    for form in ("svg", "text", "mermaid", "dot"):
        drawn = picture(run, tmp_path, FACTS, form)
        said = " ".join(texts(drawn)) if form == "svg" else drawn
        for fact in ("model gpt-4o", "call timeout 12s", "timeout 40s", "retry 5 attempts, 250ms to 4s", "on_error: continue",
                     "retry 7 attempts", "then to dead_letter", "prompt is longer than 12", "${SECRET}", "spare"):
            assert fact in said, (form, fact, said)
        # As each format writes quotes.
        assert any(f"prompt starts with {quote}/help" in said for quote in ('"', "#quot;", '\\"')), (form, said)
        assert "c4n4ry" not in drawn, form


def test_each_step_is_a_group_with_its_label(run, tmp_path):
    groups = ElementTree.fromstring(picture(run, tmp_path, FACTS)).iter(f"{SVG}g")
    labels = sorted(group.get("data-stage") for group in groups)
    assert labels == ["complete", "log", "oops", "persist", "receive", "respond", "transform"]


class Sheet:
    """What of a picture is covered, pixel by pixel."""

    def __init__(self, svg):
        root = ElementTree.fromstring(svg)
        self.width, self.height = int(root.get("width")), int(root.get("height"))
        self.boxes = [tuple(int(box.get(key)) for key in ("x", "y", "width", "height"))
                      for box in root.iter(f"{SVG}rect") if box.get("x")]
        self.steps = [tuple(int(box.get(key)) for key in ("x", "y", "width", "height"))
                      for box in root.iter(f"{SVG}rect") if box.get("fill") in ("#deebf7", "#fce4d6")]
        self.lines = [[tuple(map(int, point.split())) for point in re.split("[ML]", path.get("d"))[1:]]
                      for path in root.iter(f"{SVG}path") if path.get("fill") == "none"]
        self.rows = [bytearray(self.width) for _ in range(self.height)]
        for x, y, width, height in self.boxes:
            for row in self.rows[y:y + height]:
                row[x:x + width] = b"\1" * width

    def covered(self):
        return sum(map(sum, self.rows)) / (self.width * self.height)

    def largest_gap(self):
        """The share of the largest rectangle in which there is nothing."""
        best, heights = 0, [0] * self.width
        for row in self.rows:
            heights = [0 if filled else height + 1 for filled, height in zip(row, heights)]
            stack = []
            for x, height in enumerate([*heights, 0]):
                start = x
                while stack and stack[-1][1] >= height:
                    start, tall = stack.pop()
                    best = max(best, tall * (x - start))
                stack.append((start, height))
        return best / (self.width * self.height)


@pytest.mark.parametrize("text", [*(file.read_text() for file in PIPELINES), EVERYTHING, FACTS, CHAIN],
                         ids=[*(file.stem for file in PIPELINES), "everything", "facts", "chain"])
def test_the_sheet_is_used_and_as_wide_as_a_page(run, tmp_path, text):
    sheet = Sheet(picture(run, tmp_path, text))
    assert sheet.width <= 850
    assert sheet.covered() > 0.5 and sheet.largest_gap() < 0.2, (sheet.covered(), sheet.largest_gap())


@pytest.mark.parametrize("text", [EVERYTHING, FACTS, CHAIN], ids=["everything", "facts", "chain"])
def test_no_line_runs_through_a_step_or_off_the_sheet(run, tmp_path, text):
    sheet = Sheet(picture(run, tmp_path, text))
    for line in sheet.lines:
        for (a, b), (c, d) in zip(line, line[1:]):
            (left, right), (top, bottom) = sorted((a, c)), sorted((b, d))
            assert 0 <= left and right <= sheet.width and 0 <= top and bottom <= sheet.height
            crossed = [(x, y) for x, y, width, height in sheet.steps
                       if left < x + width and x < right and top < y + height and y < bottom
                       or left == right and x < left < x + width and top < y + height and bottom > y
                       or top == bottom and y < top < y + height and left < x + width and right > x]
            assert crossed == [], (line, crossed)


def test_it_is_dark_where_the_readers_screen_is(run, tmp_path):
    from playwright.sync_api import sync_playwright

    picture_file = tmp_path / "picture.svg"
    picture_file.write_text(picture(run, tmp_path, FACTS))
    seen = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            page = browser.new_page(color_scheme=scheme)
            page.goto(picture_file.as_uri())
            seen[scheme] = page.evaluate("""() => [document.querySelector('rect'), document.querySelector('text'),
                document.querySelector('g.stage rect')].map(shape => getComputedStyle(shape).fill)""")
        browser.close()
    assert seen["light"] == ["rgb(255, 255, 255)", "rgb(31, 42, 55)", "rgb(222, 235, 247)"]
    assert seen["dark"] == ["rgb(13, 17, 23)", "rgb(230, 237, 243)", "rgb(28, 51, 80)"]


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
