"""What `/metrics` says, read by Prometheus' own parser."""

import json
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from conftest import DEADLINE, ROOT, receive, receive_json, wait_until

FAILING = """
pipeline: failing
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: "${OPENAI_API_KEY}"}}
stages:
  - receive: {format: json}
  - validate: {resources: [model], max_length: 20}
  - complete: {timeout: 5s}
    label: 'ask "it"'
  - respond
"""


class Metrics:
    """One reading."""

    def __init__(self, host):
        with urllib.request.urlopen(f"{host.http}/metrics", timeout=DEADLINE) as answer:
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            self.text = answer.read().decode()
        self.families = {family.name: family for family in text_string_to_metric_families(self.text)}
        self.samples = [sample for family in self.families.values() for sample in family.samples]

    def value(self, name, **labels):
        found = [sample.value for sample in self.samples
                 if sample.name == name and all(sample.labels.get(key) == value for key, value in labels.items())]
        assert found, f"there is no {name} with {labels}"
        return sum(found)


def test_every_stage_counts_what_it_did(offline):
    with offline.connect("format=json") as client:
        receive(client)
        for _ in range(5):
            client.send(json.dumps({"prompt": "hello"}))
            receive(client)
    offline.wait_for_rows(5)
    metrics = wait_until(
        lambda: (now := Metrics(offline)).value("stagecoach_stage_sent_total", stage="persist") == 5 and now, "rows")
    for stage in ("receive", "validate", "complete", "respond", "persist"):
        assert metrics.value("stagecoach_stage_received_total", pipeline="offline", stage=stage) == 5
        assert metrics.value("stagecoach_stage_sent_total", stage=stage) == 5
        assert metrics.value("stagecoach_stage_errors_total", stage=stage) == 0
        count = metrics.value("stagecoach_stage_duration_seconds_count", stage=stage)
        assert count == 5 if stage != "persist" else 1 <= count <= 5
        assert metrics.value("stagecoach_stage_duration_seconds_bucket", stage=stage, le="+Inf") == count
        assert 0 < metrics.value("stagecoach_stage_duration_seconds_sum", stage=stage) < 10
    assert metrics.value("stagecoach_model_tokens_total", stage="complete") > 0
    assert metrics.value("stagecoach_messages_total", outcome="answered") == 5
    assert metrics.value("stagecoach_resource_ready", resource="database") == 1
    assert metrics.value("stagecoach_queue_messages", stage="persist") == 0


def test_every_metric_is_described_and_follows_the_conventions(offline):
    metrics = Metrics(offline)
    for family in metrics.families.values():
        assert family.documentation and family.type != "unknown", family.name
        assert family.name.startswith(("stagecoach_", "process_"))
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples)
    types = [line for line in metrics.text.splitlines() if line.startswith("# TYPE ")]
    documented = (ROOT / "docs/operations.md").read_text()
    assert all(f"`{line.split()[2]}`" in documented for line in types)
    assert len(types) == len(set(types)) == len(metrics.families)
    assert metrics.value("process_resident_memory_bytes") > 1e6 and metrics.value("process_open_fds") > 3


def test_errors_are_counted_by_code_and_messages_by_outcome(serve, ai):
    host = serve(FAILING, env={"OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": "sk-1"})
    ai.script = ["401", "500"]
    with host.connect() as client:
        receive(client)
        for prompt in ("hello", "hello", "x" * 21, "fine"):
            client.send(json.dumps({"prompt": prompt}))
            receive(client)
        client.send("{nonsense")
        assert receive_json(client)["error"]["code"] == "invalid_json"
    metrics = Metrics(host)
    errors = {(sample.labels["stage"], sample.labels["code"]): sample.value for sample in metrics.samples
              if sample.name == "stagecoach_stage_errors_total" and sample.value}
    assert errors == {('ask "it"', "model_unauthorized"): 1, ('ask "it"', "model_unavailable"): 1,
                      ("validate", "too_long"): 1}
    assert metrics.value("stagecoach_stage_received_total", stage='ask "it"') == 3
    assert metrics.value("stagecoach_stage_sent_total", stage='ask "it"') == 1
    assert metrics.value("stagecoach_model_tokens_total", stage='ask "it"') == 42
    assert metrics.value("stagecoach_messages_total", outcome="answered") == 1
    assert metrics.value("stagecoach_messages_total", outcome="failed") == 4


def test_a_client_that_leaves_cancels_its_message(chat, ai):
    ai.script = ["hang"]
    with chat.connect() as client:
        client.send("hello")
        assert ai.arrived.acquire(timeout=DEADLINE)
    wait_until(lambda: Metrics(chat).value("stagecoach_messages_total", outcome="cancelled") == 1, "the count")
    assert Metrics(chat).value("stagecoach_messages_total") == 1


def test_connections_closes_and_refusals_are_counted(offline):
    with offline.connect() as client:
        client.send("hello")
        receive(client)
        metrics = Metrics(offline)
        assert metrics.value("stagecoach_websocket_connections") == 1
        assert metrics.value("stagecoach_connections") >= 2
        client.close(1000)
    wait_until(lambda: Metrics(offline).value("stagecoach_websocket_closes_total", code="1000") == 1, "the close")
    with offline.connect() as client:
        client.send(b"\x00")
        with pytest.raises(Exception):
            receive(client)
    wait_until(lambda: Metrics(offline).value("stagecoach_websocket_closes_total", code="1003") == 1, "the close")
    for path in ("/nothing", "/ws?session=wrong"):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{offline.http}{path}", timeout=DEADLINE)
    metrics = Metrics(offline)
    assert metrics.value("stagecoach_requests_refused_total", reason="not_found") == 1
    assert metrics.value("stagecoach_requests_refused_total", reason="bad_request") == 1
    assert metrics.value("stagecoach_websocket_connections") == 0
    assert metrics.value("stagecoach_connections_accepted_total") >= 5


def test_a_resource_that_is_down_is_not_ready(serve, ai):
    host = serve(ROOT / "pipelines/chat.yaml", env={"OPENAI_BASE_URL": ai.url})
    metrics = Metrics(host)
    assert metrics.value("stagecoach_resource_ready", pipeline="chat", resource="model") == 0
    assert metrics.value("stagecoach_resource_ready", pipeline="chat", resource="database") == 1
