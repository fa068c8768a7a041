"""Answers in pieces: deltas as they come, who waits for what, and what becomes of an answer that breaks off."""

import json

import pytest

from conftest import DEADLINE, receive_json

STREAMED = """
pipeline: streamed
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: sk-canary-1234567890}}
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive: {format: json}
  - validate
  - complete: {stream: true, timeout: 2s}
  - persist: {}
    async: true
  - respond: {stream: true}
"""
OFFLINE = STREAMED.replace('openai: {url: "${OPENAI_BASE_URL}", key: sk-canary-1234567890}', "echo: {}")
PROMPT = "one two  three four five"


def start(serve, ai, text=STREAMED, **options):
    return serve(text, env={"OPENAI_BASE_URL": ai.url}, **options)


def ask(connection, prompt=PROMPT, id="c-1"):
    connection.send(json.dumps({"prompt": prompt, "id": id}))


def frames(connection):
    """Everything up to the terminal frame."""
    result = []
    while True:
        result.append(receive_json(connection))
        if result[-1]["type"] in ("response", "error"):
            return result


def text_of(deltas):
    return "".join(delta["text"] for delta in deltas if delta["type"] == "delta")


@pytest.mark.parametrize("kind", [None, "stream_odd", "whole"])
def test_deltas_come_first_and_the_response_is_their_whole(serve, ai, kind):
    host = start(serve, ai)
    ai.script = [kind]
    with host.connect() as connection:
        receive_json(connection)
        ask(connection)
        got = frames(connection)
    *deltas, response = got
    assert text_of(deltas) == PROMPT == response["response"]
    assert len(deltas) == (1 if kind == "whole" else 6)
    assert all(delta == {"type": "delta", "id": "c-1", "text": delta["text"], "seq": delta["seq"]} for delta in deltas)
    assert [frame["seq"] for frame in got] == list(range(2, 2 + len(got)))
    assert response["tokens_used"] == 42
    row, = host.wait_for_rows(1)
    stored = json.loads(row["metadata"])
    assert (row["response"], row["tokens_used"]) == (PROMPT, 42)
    assert stored["choices"][0]["message"]["content"] == PROMPT
    assert stored["choices"][0]["finish_reason"] == "stop" and stored["model"] == "fake"
    assert stored["usage"]["total_tokens"] == 42 and "partial" not in stored
    body = ai.calls[0]["body"]
    assert body["stream"] is True and body["stream_options"] == {"include_usage": True}


def test_a_delta_leaves_before_the_next_one_is_there(serve, ai):
    host = start(serve, ai)
    ai.script = ["stream_gated"]
    with host.connect() as connection:
        receive_json(connection)
        ask(connection, "one two three")
        for word in ["one ", "two ", "three"]:
            ai.released.release()
            assert receive_json(connection)["text"] == word
        for _ in range(3):
            ai.released.release()
        assert receive_json(connection)["type"] == "response"


def test_connections_to_the_api_are_used_again_after_a_stream(serve, ai):
    host = start(serve, ai)
    with host.connect() as connection:
        receive_json(connection)
        for number in range(3):
            ask(connection, id=str(number))
            assert frames(connection)[-1]["type"] == "response"
    assert len({id(call["connection"]) for call in ai.calls}) <= 2


def test_the_length_of_an_answer_is_that_of_its_text_and_not_of_the_events(serve, ai):
    host = start(serve, ai)
    ai.script = ["stream_long"]
    with host.connect() as connection:
        receive_json(connection)
        ask(connection)
        *deltas, response = frames(connection)
    assert len(deltas) == 1_000 and response["response"] == "word " * 1_000


def test_text_clients_get_whole_answers(serve, ai):
    host = start(serve, ai)
    with host.connect("format=text") as connection:
        connection.send(PROMPT)
        assert connection.recv(timeout=DEADLINE) == PROMPT


@pytest.mark.parametrize("fault, code", [
    ("stream_cut", "model_unavailable"), ("stream_error", "model_unavailable"), ("stream_hang", "model_timeout"),
    ("stream_nonsense", "model_bad_response")])
def test_an_answer_that_breaks_off_ends_in_an_error_and_a_partial_row(serve, ai, fault, code):
    host = start(serve, ai)
    ai.script = [fault]
    with host.connect() as connection:
        receive_json(connection)
        ask(connection)
        *deltas, error = frames(connection)
        assert error["error"]["code"] == code and error["error"]["stage"] == "complete"
        ask(connection, "and on")
        assert frames(connection)[-1]["response"] == "and on"
    rows = host.wait_for_rows(2)
    assert deltas and rows[0]["response"] == text_of(deltas)
    assert json.loads(rows[0]["metadata"])["partial"] is True
    assert "partial" not in json.loads(rows[1]["metadata"])
    assert len(ai.calls) == 2, "nothing is tried again once a delta has left"


@pytest.mark.parametrize("fault, code", [
    ("500", "model_unavailable"), ("429", "model_rate_limited"), ("401", "model_unauthorized"),
    ("stream_empty", "model_unavailable"), ("hang", "model_timeout"), ("reset", "model_unavailable")])
def test_a_failure_before_the_first_delta_leaves_no_row(serve, ai, fault, code):
    host = start(serve, ai)
    ai.script = [fault]
    with host.connect() as connection:
        receive_json(connection)
        ask(connection)
        answer, = frames(connection)
        assert answer["error"]["code"] == code
        ask(connection, "and on")
        assert frames(connection)[-1]["response"] == "and on"
    assert [row["prompt"] for row in host.wait_for_rows(1)] == ["and on"]


def test_retry_goes_on_until_the_first_delta(serve, ai):
    text = STREAMED.replace("timeout: 2s}", "timeout: 2s}\n    retry: {attempts: 3, backoff: 10ms}")
    host = start(serve, ai, text)
    ai.script = ["500", "429", None, "stream_cut"]
    with host.connect() as connection:
        receive_json(connection)
        ask(connection)
        assert frames(connection)[-1]["type"] == "response"
        ask(connection, id="c-2")
        assert frames(connection)[-1]["type"] == "error"
    assert len(ai.calls) == 4


def test_a_client_that_leaves_ends_the_call_and_its_part_is_stored(serve, ai):
    host = start(serve, ai, STREAMED.replace("timeout: 2s", "timeout: 30s"))
    ai.script = ["stream_hang"]
    with host.connect() as connection:
        receive_json(connection)
        ask(connection)
        said = receive_json(connection)["text"] + receive_json(connection)["text"]
    assert ai.closed_by_client.wait(0.1 * DEADLINE)
    row, = host.wait_for_rows(1)
    assert row["response"].startswith(said) and json.loads(row["metadata"])["partial"] is True


@pytest.mark.parametrize("stages, delta_count", [
    ("  - persist: {}\n  - respond: {stream: true}\n", 0),
    ("  - respond: {stream: true}\n  - persist: {}\n", 5),
    ("  - persist: {}\n    async: true\n  - respond\n", 0),
    ("  - log\n  - respond: {stream: true}\n", 5),
])
def test_the_order_in_the_file_decides_who_waits(serve, run, tmp_path, stages, delta_count):
    text = OFFLINE[:OFFLINE.index("  - persist")] + stages
    host = serve(text)
    with host.connect() as connection:
        receive_json(connection)
        ask(connection)
        got = frames(connection)
    assert len(got) - 1 == delta_count and got[-1]["response"] == PROMPT
    (tmp_path / "p.yaml").write_text(text)
    checked = run("check", tmp_path / "p.yaml")
    notes = [line for line in checked.stderr.splitlines() if "streaming is off" in line]
    assert checked.returncode == 0
    assert len(notes) == (1 if stages.startswith("  - persist: {}\n  - respond: {s") else 0), checked.stderr
    if notes:
        assert "note" in notes[0] and "'persist'" in notes[0]


def test_offline_answers_come_word_by_word_at_their_pace(serve):
    host = serve(OFFLINE.replace("echo: {}", "echo: {tokens_per_second: 50, delay: 50ms, fail: [ok, cut]}"))
    with host.connect() as connection:
        receive_json(connection)
        ask(connection)
        *deltas, response = frames(connection)
        assert [delta["text"] for delta in deltas] == ["one ", "two  ", "three ", "four ", "five"]
        assert response["response"] == PROMPT
        ask(connection, id="c-2")
        *deltas, error = frames(connection)
        assert text_of(deltas) == "one two  three " and error["error"]["code"] == "model_unavailable"
