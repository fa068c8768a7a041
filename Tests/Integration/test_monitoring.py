"""The board and the alerts: made from the metrics as the code declares them, and true of what a host shows."""

import json
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from conftest import ROOT, metrics, receive_json, say

# Shown only where there is an issuer of tokens, a collector of traces, a fallback that was used, a row that can't be read, a
# queue that several hosts share.
SHOWN_LATER = {"stagecoach_token_key_fetches_total", "stagecoach_token_keys_age_seconds",
               "stagecoach_trace_spans_exported_total", "stagecoach_trace_spans_dropped_total",
               "stagecoach_model_fallbacks_total", "stagecoach_rows_unreadable_total",
               "stagecoach_queue_redelivered_total", "stagecoach_queue_given_back_total",
               "stagecoach_queue_acknowledged_total", "stagecoach_queue_acknowledging_seconds",
               "stagecoach_queue_partitions"}
# Of these a rise, or a low value, says that something is lost or broken.
HARM = re.compile(r"dropped|failed|unreadable|fallbacks|ready|oldest|keys_age|refused|build_info|messages_total")
HARMLESS = set()


@pytest.fixture
def declared(run):
    return {metric["name"]: metric for metric in json.loads(run("metrics", "--format", "json").stdout)}


@pytest.fixture
def board(run):
    return json.loads(run("metrics", "--format", "grafana").stdout)


@pytest.fixture
def rules(run):
    (group,) = YAML(typ="safe").load(run("metrics", "--format", "alerts").stdout)["groups"]
    return group["rules"]


def named(expression):
    """The metrics that an expression asks for, a histogram's parts under its name."""
    names = re.findall(r"\b(?:stagecoach|process)_[a-z_]+", expression)
    return {name.removesuffix("_bucket") for name in names}


def test_what_is_declared_is_what_a_host_shows(serve, declared):
    host = serve(ROOT / "pipelines/kept-on-disk.yaml", env={"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "http://127.0.0.1:9"})
    with host.connect("format=json") as client:
        receive_json(client)
        say(client)
    shown = {}
    for family in text_string_to_metric_families(metrics(host)):
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        shown[name] = (family.type, family.documentation, labels)
    for name, (kind, words, labels) in shown.items():
        assert (declared[name]["type"], declared[name]["help"]) == (kind, words)
        assert labels == set(declared[name]["labels"]), name
    assert set(declared) - set(shown) == SHOWN_LATER


def test_every_metric_is_in_the_documents_with_its_labels(declared):
    table = (ROOT / "docs/operations.md").read_text()
    for name, metric in declared.items():
        (row,) = [line for line in table.splitlines() if line.startswith("|") and f"`{name}`" in line.split("|")[1]]
        assert name.startswith("process_") or f" {metric['type']} " in row, row
        assert all(f"`{label}`" in row for label in metric["labels"]), row


def test_the_board_shows_every_metric_and_asks_for_none_that_there_is_not(declared, board):
    assert board["uid"] == "stagecoach" and board["schemaVersion"] >= 36
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert len({panel["title"] for panel in board["panels"]}) == len(board["panels"])
    seen = set()
    for panel in panels:
        assert panel["targets"] and panel["description"]
        for target in panel["targets"]:
            (name,) = named(target["expr"])
            labels = {*declared[name]["labels"], "instance", "job", "le"}
            assert set(re.findall(r"(\w+)=~", target["expr"])) <= labels
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= labels
            for group in re.findall(r"by \(([^)]*)\)", target["expr"]):
                assert set(group.split(", ")) <= labels
            seen.add(name)
    assert seen == set(declared)
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert set(variables) == {"datasource", "job", "instance", "pipeline"}
    assert all(named(variable["query"]) <= set(declared) for variable in variables.values())
    taken = [(panel["gridPos"]["x"] + column, panel["gridPos"]["y"] + line) for panel in board["panels"]
             for column in range(panel["gridPos"]["w"]) for line in range(panel["gridPos"]["h"])]
    assert len(taken) == len(set(taken)) and max(x for x, _ in taken) < 24, "panels overlap"


def test_the_alerts_ask_for_metrics_and_labels_that_there_are(declared, rules):
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert re.fullmatch(r"Stagecoach\w+", rule["alert"]) and re.fullmatch(r"\d+[mh]", rule["for"])
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"] and rule["annotations"]["description"]
        names = named(rule["expr"])
        assert names and names <= set(declared), rule
        labels = {"job", "instance"}.union(*(declared[name]["labels"] for name in names))
        for text in rule["annotations"].values():
            assert set(re.findall(r"\$labels\.(\w+)", text)) <= labels, rule
        for metric, kind in ((name, declared[name]["type"]) for name in names):
            assert kind != "counter" or re.search(rf"(increase|rate)\({metric}", rule["expr"]), rule


def test_what_says_that_something_is_lost_or_broken_has_an_alert(declared, rules):
    watched = set().union(*(named(rule["expr"]) for rule in rules))
    assert {name for name in declared if HARM.search(name)} - watched == HARMLESS
    # What the documents call worth an alarm.
    (worth,) = re.findall(r"(?m)^Worth an alarm: (.*)$", (ROOT / "docs/operations.md").read_text())
    assert named(worth) and named(worth) <= watched
