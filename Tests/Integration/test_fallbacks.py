"""What operators see while a model is stood in for: the log, the metric, readiness, and that messages still come through."""

import json
import urllib.error
import urllib.request

from conftest import DEADLINE, metrics, receive_json, say, wait_until

FLOW = """
pipeline: p
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: sk-canary-1234567890, breaker: true}}
  spare: echo
stages:
  - receive: {format: json}
  - validate: {resources: [model]}
  - complete: {resource: model, fallback: [spare]}
MORE  - respond
"""


def start(serve, ai, more=""):
    return serve(FLOW.replace("MORE", more), env={"OPENAI_BASE_URL": ai.url})


def readiness(host):
    try:
        with urllib.request.urlopen(f"{host.http}/readyz", timeout=DEADLINE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def uses(host):
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in metrics(host).splitlines() if line.startswith("stagecoach_model_fallbacks_total{")}


def notices(host, text):
    entries = [json.loads(line) for line in list(host.log)]
    return [entry for entry in entries if entry["message"] == text and entry["level"] == "notice"]


def test_a_model_that_is_stood_in_for_is_said_once_counted_and_said_again_when_it_answers(serve, ai):
    host = start(serve, ai)
    with host.connect() as connection:
        receive_json(connection)
        ai.script = ["500", "500", "500"]
        for number in range(3):
            assert say(connection, str(number))["response"] == str(number)
        assert say(connection, "fine")["response"] == "fine"
        wait_until(lambda: notices(host, "A model answers again"), "the end")
    begun, = notices(host, "A model is stood in for")
    assert (begun["model"], begun["instead"], begun["code"]) == ("model", "spare", "model_unavailable")
    assert begun["detail"].startswith("status 500")
    ended, = notices(host, "A model answers again")
    assert (ended["model"], ended["messages"]) == ("model", "3")
    assert uses(host) == {'stagecoach_model_fallbacks_total{from="model",to="spare",code="model_unavailable"}': 3}


def test_a_model_that_fails_every_second_time_fills_no_log(serve, ai):
    host = start(serve, ai)
    ai.script = ["500", "answer"] * 20
    with host.connect() as connection:
        receive_json(connection)
        for number in range(40):
            assert say(connection, str(number))["response"] == str(number)
    assert len(notices(host, "A model is stood in for")) == 5 == len(notices(host, "A model answers again"))
    assert sum(uses(host).values()) == 20


def test_a_host_is_ready_and_validates_while_a_ready_model_stands_in_for_one_that_rests(serve, ai):
    host = start(serve, ai)
    ai.usual = "500"
    with host.connect() as connection:
        receive_json(connection)
        for number in range(8):
            assert say(connection, str(number))["response"] == str(number)
        assert len(ai.calls) == 5
    assert readiness(host) == (200, "p model: The model is not available; in its place: spare\np spare: ready\n")
    assert 'stagecoach_resource_ready{pipeline="p",resource="model"} 0' in metrics(host)


def test_a_model_that_anything_asks_without_another_is_not_stood_in_for(serve, ai):
    # One in a branch and for some messages alone counts, too.
    host = start(serve, ai, "  - complete: {resource: model}\n    when: {prompt: {equals: twice}}\n")
    ai.usual = "500"
    with host.connect() as connection:
        receive_json(connection)
        for number in range(5):
            assert say(connection, str(number))["response"] == str(number)
        assert say(connection)["error"]["code"] == "model_unavailable"
    status, text = readiness(host)
    assert status == 503 and text.startswith("p model: The model is not available\n")
