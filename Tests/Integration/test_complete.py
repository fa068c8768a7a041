"""What `complete` says to the API, and what it does where the API fails."""

import email.utils
import json
import socket
import time
import urllib.error
import urllib.request

import pytest

from conftest import receive_json, say, wait_until
from fakeai import FakeAI

FLOW = """
pipeline: flow
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: sk-canary-1234567890}}
stages:
  - receive: {format: json}
  - validate
  - complete: {}
  - respond
"""


def start(serve, ai, complete="{}", resource="", beside="", more="", name="{}"):
    text = FLOW.replace("complete: {}", f"complete: {complete}{beside}").replace(
        "1234567890}}", f"1234567890{resource}}}}}{more}")
    return serve(text, env={"OPENAI_BASE_URL": ai.url})


@pytest.fixture
def other():
    server = FakeAI()
    yield server
    server.stop()


def test_settings_go_into_the_request(serve, ai):
    host = start(serve, ai, '''{model: m, temperature: 0.5, max_tokens: 7, stop: [END], extra: {seed: 3, logit_bias: {a: [1, null]}},
      system: "You speak to {{session.username}}.", prompt: "In {{ metadata.language }}: {{prompt}}"}''',
                 ", headers: {X-Title: stagecoach, authorization: Basic abc}")
    with host.connect() as connection:
        receive_json(connection)
        assert say(connection, username="ada", metadata={"language": "French"})["response"] == "In French: hello"
    call = ai.calls[0]
    assert call["body"] == {
        "model": "m", "temperature": 0.5, "max_tokens": 7, "stop": ["END"], "seed": 3, "logit_bias": {"a": [1, None]},
        "messages": [{"role": "system", "content": "You speak to ada."}, {"role": "user", "content": "In French: hello"}]}
    assert call["headers"]["x-title"] == "stagecoach" and call["headers"]["authorization"] == "Basic abc"


def test_an_answer_that_was_to_be_json_and_is_not_is_a_bad_response(serve, ai):
    host = start(serve, ai, "{response_format: {type: json_object}}")
    with host.connect() as connection:
        receive_json(connection)
        assert say(connection, '{"a": 1}')["response"] == '{"a": 1}'
        assert say(connection, "a: 1")["error"]["code"] == "model_bad_response"
    assert ai.calls[0]["body"]["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize("stream", [False, True])
def test_keys_of_extra_win_and_null_takes_one_away(serve, ai, stream):
    host = start(serve, ai, f"""{{model: m, stream: {str(stream).lower()}, temperature: 0.5, max_tokens: 7, stop: [END],
      response_format: {{type: json_object}},
      extra: {{stream_options: null, model: null, max_tokens: null, max_completion_tokens: 9, temperature: 1,
        response_format: null, seed: null}}}}""")
    with host.connect() as connection:
        receive_json(connection)
        assert say(connection)["response"] == "hello"
    streamed = {"stream": True} if stream else {}
    assert ai.calls[0]["body"] == {"messages": [{"role": "user", "content": "hello"}], "temperature": 1, "stop": ["END"],
                                   **streamed, "max_completion_tokens": 9}


def test_what_the_api_is_sent_keeps_the_order_of_the_file(serve, ai):
    host = start(serve, ai, """{model: m, extra: {zeta: {y: 1, b: [{d: 1, c: 2}], a: "é"}, alpha: 1, model: n},
      response_format: {type: json_schema, json_schema: {name: n, schema: {type: object,
        properties: {reasoning: {type: string}, answer: {type: string}}, required: [reasoning, answer]}}}}""")
    with host.connect() as connection:
        receive_json(connection)
        assert say(connection, "{}")["response"] == "{}"
    assert ai.calls[0]["text"] == (
        '{"model":"n","messages":[{"role":"user","content":"{}"}],"response_format":{"type":"json_schema","json_schema":'
        '{"name":"n","schema":{"type":"object","properties":{"reasoning":{"type":"string"},"answer":{"type":"string"}},'
        '"required":["reasoning","answer"]}}},"zeta":{"y":1,"b":[{"d":1,"c":2}],"a":"é"},"alpha":1}')


@pytest.mark.parametrize("behind, called", [
    ("/openai/deployments/d?api-version=1", "/openai/deployments/d/chat/completions?api-version=1"),
    ("/v1/?a=1&b=/", "/v1/chat/completions?a=1&b=/"), ("?a=1", "/chat/completions?a=1"),
    ("/v1/chat/completions", "/v1/chat/completions"), ("/v1/chat/completions/", "/v1/chat/completions"),
    ("/d/chat/completions?api-version=2", "/d/chat/completions?api-version=2"), ("/v1/", "/v1/chat/completions")])
@pytest.mark.parametrize("stream", [False, True])
def test_an_address_may_have_a_query_or_be_whole(serve, ai, behind, called, stream):
    text = FLOW.replace("complete: {}", f"complete: {{stream: {str(stream).lower()}}}")
    host = serve(text, env={"OPENAI_BASE_URL": f"http://127.0.0.1:{ai.port}{behind}"})
    with host.connect() as connection:
        receive_json(connection)
        assert say(connection)["type"] == "response"
    assert ai.calls[0]["line"] == f"POST {called} HTTP/1.1"


@pytest.mark.parametrize("text, problem", [
    ("{extra: {messages: []}}", "p.yaml:8:24: error: 'extra' of stage 'complete' can't have 'messages'"),
    ("{extra: {seed: 1, stream: true}}", "can't have 'stream'; write 'stream: true' as a setting of its own"),
    ('{prompt: "{{prompt"}', "has '{{' without '}}'"), ('{prompt: "{{}}"}', "has no field's name"),
    ('{prompt: "{{colour}}"}', "needs 'colour', which no stage provides"), ("{temperature: 3}", "must be from 0"),
    ("{fallback: [modle]}", "there is no resource 'modle'; did you mean 'model'?"),
    ("{fallback_on: [model_tiemout]}", "did you mean 'model_timeout'?")])
def test_what_is_wrong_is_found_before_the_start(run, tmp_path, text, problem):
    (tmp_path / "p.yaml").write_text(FLOW.replace("complete: {}", f"complete: {text}"))
    checked = run("check", tmp_path / "p.yaml", env={"OPENAI_BASE_URL": "http://127.0.0.1:1"})
    assert checked.returncode == 1 and problem in checked.stderr, checked.stderr


@pytest.mark.parametrize("after, least, calls", [
    ({"Retry-After": "0.3"}, 0.3, 2), ({"Retry-After": "date"}, 0.9, 2), ({"retry-after": "3600"}, 0, 1),
    ({"Retry-After": "-1"}, 0, 2), ({"Retry-After": "NaN"}, 0, 2),
    ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "300ms"}, 0.3, 2),
    ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, 0, 1)])
def test_the_wait_that_an_api_asks_for_is_kept(serve, ai, after, least, calls):
    host = start(serve, ai, beside="\n    retry: {attempts: 3, backoff: 10ms, max_backoff: 5s}")
    # Dates have whole seconds: this one is at least one away.
    date = email.utils.formatdate(time.time() + 2, usegmt=True)
    ai.after = {name: date if value == "date" else value for name, value in after.items()}
    ai.script = ["429_after"]
    with host.connect() as connection:
        receive_json(connection)
        began = time.monotonic()
        answer = say(connection)
        took = time.monotonic() - began
    assert (answer["type"] == "response") == (calls == 2) and len(ai.calls) == calls
    assert least <= took


@pytest.mark.parametrize("fault, code", [
    ("500", None), ("429", None), ("401", None), ("reset", None), ("hang", None), ("invalid_json", "model_bad_response")])
def test_another_model_answers_where_the_first_fails_as_the_file_says(serve, ai, other, fault, code):
    host = start(
        serve, ai, "{resource: model, fallback: [second], timeout: 500ms, "
        "fallback_on: [model_unavailable, model_timeout, model_rate_limited, model_unauthorized]}",
        more=f"\n  second: {{openai: {{url: {other.url}, key: sk-canary-0987654321, model: llama}}}}")
    ai.script = [fault]
    with host.connect() as connection:
        receive_json(connection)
        answer = say(connection)
        assert answer.get("error", {}).get("code") == code
        assert len(other.calls) == (0 if code else 1)
        if not code:
            assert other.calls[0]["body"]["model"] == "llama"
            assert other.calls[0]["headers"]["authorization"] == "Bearer sk-canary-0987654321"
        assert say(connection)["type"] == "response" and len(ai.calls) == 2


@pytest.mark.parametrize("fault", ["hang", "stream_silent"])
def test_another_model_answers_where_the_first_does_not_begin_in_time(serve, ai, other, fault):
    host = start(serve, ai, "{resource: model, fallback: [second], stream: true, first_token: 300ms, timeout: 60s}",
                 more=f"\n  second: {{openai: {{url: {other.url}, key: sk-canary-0987654321}}}}")
    ai.script = [fault]
    with host.connect() as connection:
        receive_json(connection)
        assert say(connection)["response"] == "hello"
    assert ai.closed_by_client.wait(5) and len(other.calls) == 1


def test_an_answer_that_began_in_time_has_the_whole_of_its_time(serve, ai):
    host = start(serve, ai, "{stream: true, first_token: 500ms, timeout: 2s}")
    ai.script = ["stream_hang"]
    with host.connect() as connection:
        receive_json(connection)
        began = time.monotonic()
        assert say(connection)["error"]["code"] == "model_timeout"
        assert time.monotonic() - began > 1.9


def test_an_api_that_does_not_take_the_connection_is_given_up_in_time(serve, ai, other):
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    port = full.getsockname()[1]
    # Linux takes one more than was asked for, and lets all others wait.
    taken = []
    for _ in range(3):
        taken.append(socket.socket())
        taken[-1].setblocking(False)
        taken[-1].connect_ex(("127.0.0.1", port))
    host = serve(FLOW.replace("1234567890", "1234567890, connect_timeout: 300ms").replace("complete: {}", "complete: {timeout: 60s}"),
                 env={"OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1"})
    with host.connect() as connection:
        receive_json(connection)
        assert say(connection)["error"]["code"] == "model_timeout"
    for each in [full, *taken]:
        each.close()


def test_where_every_model_fails_the_last_error_is_the_answer(serve, ai, other):
    host = start(serve, ai, "{resource: model, fallback: [second]}",
                 more=f"\n  second: {{openai: {{url: {other.url}, key: sk-canary-0987654321}}}}")
    ai.script, other.script = ["500"], ["429"]
    with host.connect() as connection:
        receive_json(connection)
        assert say(connection)["error"]["code"] == "model_rate_limited"


def test_a_model_that_failed_five_times_rests_and_everybody_is_told(serve, ai):
    host = start(serve, ai, resource=", breaker: true")
    ai.script = ["500"] * 5
    with host.connect() as connection, host.connect() as another:
        receive_json(connection), receive_json(another)
        for _ in range(5):
            assert say(connection)["error"]["stage"] == "complete"
        for client in (connection, another):
            error = say(client)["error"]
            assert (error["code"], error["stage"], error["retryable"]) == ("model_unavailable", "validate", True)
    assert len(ai.calls) == 5
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{host.http}/readyz")
    assert refused.value.code == 503 and "model: The model is not available" in refused.value.read().decode()


def test_refusals_open_no_breaker(serve, ai):
    host = start(serve, ai, resource=", breaker: true")
    ai.script = ["500"] * 4 + ["429"] + ["500"] * 4
    with host.connect() as connection:
        receive_json(connection)
        for _ in range(9):
            assert say(connection)["type"] == "error"
        assert say(connection)["type"] == "response"


def test_conversations_take_turns_where_more_calls_wait_than_run_at_once(serve, ai):
    """One client asks ten times at once; another's single prompt comes after two of them at most."""
    text = FLOW.replace("receive: {format: json}", "receive: {format: json, concurrency: 10}").replace(
        "1234567890}", "1234567890, calls: 1}")
    host = serve(text, env={"OPENAI_BASE_URL": ai.url})
    ai.script = ["gate"] * 11
    with host.connect() as greedy, host.connect() as modest:
        receive_json(greedy), receive_json(modest)
        for number in range(10):
            greedy.send(json.dumps({"prompt": f"greedy {number}"}))
        assert ai.arrived.acquire(timeout=5)
        wait_until(lambda: len(ai.calls) == 1, "one call")
        modest.send(json.dumps({"prompt": "modest"}))
        # A ping's answer says that the host has read what was sent before it.
        assert modest.ping().wait(5)
        for _ in range(11):
            ai.released.release()
        assert receive_json(modest)["type"] == "response"
        for _ in range(10):
            assert receive_json(greedy)["type"] == "response"
    order = [call["body"]["messages"][0]["content"] for call in ai.calls]
    assert order.index("modest") <= 2 and len(order) == 11


@pytest.mark.alone
def test_a_call_whose_turn_does_not_come_in_time_is_a_timeout(serve, ai):
    text = FLOW.replace("complete: {}", "complete: {timeout: 1500ms}").replace("1234567890}", "1234567890, calls: 1}")
    host = serve(text, env={"OPENAI_BASE_URL": ai.url})
    ai.script = ["hang"]
    with host.connect() as first, host.connect() as second:
        receive_json(first), receive_json(second)
        first.send(json.dumps({"prompt": "x"}))
        assert ai.arrived.acquire(timeout=5)
        began = time.monotonic()
        second.send(json.dumps({"prompt": "x"}))
        # The first call ends with its own time, and leaves the second what is left of its.
        assert receive_json(first)["error"]["code"] == "model_timeout"
        receive_json(second)
        assert time.monotonic() - began < 2.7
        assert say(second)["type"] == "response"
