"""Spans as a collector gets them, and `traceparent` from the client to the model's API."""

import contextlib
import json
import signal
import socket
import sqlite3
import time
import urllib.request

import pytest

from collector import Collector
from conftest import DEADLINE, ROOT, receive, receive_json, wait_until
from test_metrics import Metrics

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def collector():
    server = Collector()
    yield server
    server.stop()


@pytest.fixture
def traced(serve, ai, collector):
    return serve(ROOT / "pipelines/chat.yaml", env={
        "OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": "sk-1", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_SERVICE_NAME": "my-chat", "OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_EXPORTER_OTLP_HEADERS": "x-key=secret%201"})


def say(client, prompt="hello", **more):
    client.send(json.dumps({"prompt": prompt, **more}))
    return receive_json(client)


def test_a_message_is_one_trace_with_a_span_for_each_stage_and_the_call(traced, ai, collector):
    with traced.connect("format=json") as client:
        receive(client)
        answer = say(client)
    spans = collector.wait_for("chat", "receive", "validate", "complete", "respond", "persist", "chat gpt-3.5-turbo")
    (path, headers), *_ = collector.requests
    assert path == "/v1/traces" and headers["Content-Type"] == "application/json" and headers["x-key"] == "secret 1"
    assert collector.resource == {"service.name": "my-chat"}
    root, call = spans["chat"], spans["chat gpt-3.5-turbo"]
    assert {span["traceId"] for span in spans.values()} == {root["traceId"]}
    assert "parentSpanId" not in root and root["kind"] == 2
    for stage in ("receive", "validate", "complete", "respond", "persist"):
        assert spans[stage]["parentSpanId"] == root["spanId"] and spans[stage]["kind"] == 1
        assert spans[stage]["attributes"]["stagecoach.message_id"] == answer["message_id"]
    assert root["attributes"]["stagecoach.message_id"] == answer["message_id"] == traced.wait_for_rows(1)[0]["id"]
    assert root["attributes"]["stagecoach.session_id"] == answer["session_id"]
    assert call["parentSpanId"] == spans["complete"]["spanId"] and call["kind"] == 3
    assert call["attributes"]["gen_ai.request.model"] == "gpt-3.5-turbo"
    assert call["attributes"]["gen_ai.usage.total_tokens"] == 42
    assert ai.calls[0]["headers"]["traceparent"] == f"00-{root['traceId']}-{call['spanId']}-01"
    wait_until(lambda: Metrics(traced).value("stagecoach_trace_spans_exported_total") >= 7, "the count")


def test_the_trace_of_the_client_goes_on(traced, ai, collector):
    with traced.connect("format=json", additional_headers={"traceparent": PARENT, "tracestate": "a=1"}) as client:
        receive(client)
        say(client)
    spans = collector.wait_for("chat", "chat gpt-3.5-turbo")
    assert spans["chat"]["parentSpanId"] == "00f067aa0ba902b7" and spans["chat"]["traceState"] == "a=1"
    headers = ai.calls[0]["headers"]
    assert headers["traceparent"].startswith(f"00-{TRACE}-") and headers["tracestate"] == "a=1"


def test_a_message_may_have_a_trace_of_its_own(traced, ai, collector):
    other = "00-11111111111111111111111111111111-2222222222222222-01"
    with traced.connect("format=json", additional_headers={"traceparent": PARENT}) as client:
        receive(client)
        say(client, metadata={"traceparent": other})
        say(client, metadata={"traceparent": "nonsense"})
    wait_until(lambda: sum(span["name"] == "chat" for span in collector.spans) == 2, "the spans")
    assert ai.calls[0]["headers"]["traceparent"].startswith("00-" + "1" * 32)
    # What is no traceparent is ignored.
    assert ai.calls[1]["headers"]["traceparent"].startswith(f"00-{TRACE}-")


def test_by_post_the_header_counts(traced, ai, collector):
    request = urllib.request.Request(f"{traced.http}/ws", data=b'{"prompt": "hello"}', headers={"traceparent": PARENT})
    with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
        identity = json.load(answer)["message_id"]
    root = collector.wait_for("chat")["chat"]
    assert root["traceId"] == TRACE and root["attributes"]["stagecoach.message_id"] == identity


def test_a_failure_is_said_by_the_spans_it_went_through(traced, ai, collector):
    ai.script = ["401"]
    with traced.connect("format=json") as client:
        receive(client)
        assert say(client)["type"] == "error"
    spans = collector.wait_for("chat", "complete", "chat gpt-3.5-turbo")
    for name in ("chat", "complete", "chat gpt-3.5-turbo"):
        assert spans[name]["status"]["code"] == 2 and spans[name]["attributes"]["error.type"] == "model_unauthorized"
    entry, = wait_until(lambda: traced.entries("model_unauthorized"), "the entry")
    assert entry["message_id"] == spans["chat"]["attributes"]["stagecoach.message_id"]


def test_what_is_not_sampled_is_handed_on_and_not_sent(traced, ai, collector):
    with traced.connect("format=json", additional_headers={"traceparent": PARENT[:-1] + "0"}) as client:
        receive(client)
        say(client)
    with traced.connect("format=json") as client:
        receive(client)
        say(client)
    collector.wait_for("chat")
    assert all(span["traceId"] != TRACE for span in collector.spans)
    assert ai.calls[0]["headers"]["traceparent"].startswith(f"00-{TRACE}-")
    assert ai.calls[0]["headers"]["traceparent"].endswith("-00")


def test_a_collector_that_is_down_delays_nothing_and_what_is_lost_is_counted(serve, collector):
    collector.status = 500
    host = serve(ROOT / "pipelines/offline.yaml", env={
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "20", "OTEL_BSP_MAX_QUEUE_SIZE": "10"})
    with host.connect("format=json") as client:
        receive(client)
        for _ in range(50):
            assert say(client)["type"] == "response"
        wait_until(lambda: Metrics(host).value("stagecoach_trace_spans_dropped_total", reason="export") > 0, "drops")
        wait_until(lambda: any("Spans can't be sent" in line for line in host.log), "the log to say so")
        assert Metrics(host).value("stagecoach_trace_spans_dropped_total", reason="full") > 0
        collector.status = 200
        say(client)
    wait_until(lambda: collector.spans, "spans again")


def test_what_ended_before_a_stop_is_sent(serve, collector):
    host = serve(ROOT / "pipelines/offline.yaml", env={"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.url + "/own"})
    with host.connect("format=json") as client:
        receive(client)
        say(client)
    host.stop()
    assert {"offline", "complete", "persist"} <= {span["name"] for span in collector.spans}
    assert collector.requests[0][0] == "/own" and collector.resource["service.name"] == "stagecoach"


def test_what_waits_on_disk_over_a_stop_goes_on_in_its_trace(serve, collector):
    file = """\
pipeline: kept
resources: {model: echo, database: {sqlite: {path: rows.db, busy_timeout: 100ms}}, outbox: {disk: {path: outbox.db}}}
stages:
  - receive: {format: json}
  - complete
  - persist: {resource: database}
    async: {queue: outbox}
  - respond
"""
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "20"}
    host = serve(file, env=env, ends_well=False)
    with contextlib.closing(sqlite3.connect(host.folder / "rows.db", isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        with host.connect("format=json", additional_headers={"traceparent": PARENT}) as client:
            receive(client)
            answer = say(client)
        collector.wait_for("kept")
        host.stop(signal.SIGKILL)
        assert "persist" not in {span["name"] for span in collector.spans}
    serve(file, env=env)
    persist = collector.wait_for("persist")["persist"]
    root = collector.wait_for("kept")["kept"]
    assert (persist["traceId"], persist["parentSpanId"]) == (TRACE, root["spanId"])
    assert persist["attributes"]["stagecoach.message_id"] == answer["message_id"]


def test_without_an_endpoint_there_are_no_traces(chat, ai):
    with chat.connect("format=json", additional_headers={"traceparent": PARENT}) as client:
        receive(client)
        say(client)
    assert "traceparent" not in ai.calls[0]["headers"]


def test_a_wrong_endpoint_stops_the_start_and_is_not_repeated(run):
    done = run("serve", ROOT / "pipelines/offline.yaml", "--port", "0", env={
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:c4n4ry@collector"})
    assert done.returncode == 1 and "OTEL_EXPORTER_OTLP_ENDPOINT" in done.stderr and "c4n4ry" not in done.stderr


def test_a_collector_that_never_answers_does_not_hold_the_stop(serve):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = serve("pipeline: p\nresources: {model: echo}\nstages: [receive: {format: json}, complete, respond]\n"
                     "host: {drain: 500ms}\n",
                     env={"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}"})
        with host.connect() as client:
            receive_json(client)
            assert say(client)["type"] == "response"
        began = time.monotonic()
        assert host.stop() == 0
        assert time.monotonic() - began < 0.5 + 0.15 * DEADLINE
