"""The same API served by somebody else: the LiteLLM proxy, with the answers that it makes up for tests."""

import json
import os
import subprocess
import time
import urllib.request

import pytest

from conftest import ROOT, receive_json
from postgres import free_port

PROGRAM = ROOT / ".build/litellm/bin/litellm"
ANSWER = "two plus two is four"
MODELS = {"good": ANSWER, "limited": "litellm.RateLimitError", "failing": "litellm.InternalServerError",
          "overlong": "litellm.ContextWindowExceededError"}
KEY = "sk-proxy-1234567890"
# Its own keys need a database; one of the test's own is looked at by this.
KEYS = f"""
from litellm.proxy._types import ProxyException, UserAPIKeyAuth

async def check(request, api_key):
    if api_key != "{KEY}":
        raise ProxyException(f"Incorrect API key provided: {{api_key}}", "auth_error", "None", 401)
    return UserAPIKeyAuth(api_key=api_key)
"""
FLOW = """
pipeline: flow
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: "${OPENAI_API_KEY}"}}
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive: {format: json}
  - validate
  - complete: {model: MODEL, stream: STREAM}
  - persist: {}
    async: true
  - respond: {stream: STREAM}
"""


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    if not PROGRAM.exists():
        pytest.fail("LiteLLM's proxy is not installed: run 'scripts/setup --tests'")
    folder = tmp_path_factory.mktemp("litellm")
    models = [{"model_name": name, "litellm_params": {"model": "openai/x", "api_key": "none", "mock_response": answer}}
              for name, answer in MODELS.items()]
    (folder / "keys.py").write_text(KEYS)
    # JSON is YAML.
    (folder / "config.yaml").write_text(json.dumps(
        {"model_list": models, "general_settings": {"master_key": KEY, "custom_auth": "keys.check"}, "litellm_settings": {"num_retries": 0}}))
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with open(folder / "output", "w") as output:
        process = subprocess.Popen(
            [PROGRAM, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(process, port, folder / "output")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def wait_for(process, port, output):
    """It takes long to start: a minute on a busy machine."""
    end = time.monotonic() + 240
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/liveliness", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"LiteLLM's proxy did not start: {output.read_text()[-2000:]}")


def start(serve, proxy, model="good", stream=False, key=KEY):
    text = FLOW.replace("MODEL", model).replace("STREAM", str(stream).lower())
    return serve(text, env={"OPENAI_BASE_URL": proxy, "OPENAI_API_KEY": key})


def say(host, prompt="What is 2+2?"):
    with host.connect() as connection:
        receive_json(connection)
        connection.send(json.dumps({"prompt": prompt}))
        frames = [receive_json(connection)]
        while frames[-1]["type"] == "delta":
            frames.append(receive_json(connection))
    return frames


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_and_its_tokens_arrive_and_are_stored(serve, proxy, stream):
    host = start(serve, proxy, stream=stream)
    *deltas, answer = say(host)
    assert answer["response"] == ANSWER and answer["tokens_used"] > 0
    assert len(deltas) > 1 if stream else not deltas
    assert "".join(delta["text"] for delta in deltas) == (ANSWER if stream else "")
    assert answer["finish_reason"] == "stop"
    row, = host.wait_for_rows(1)
    stored = json.loads(row["metadata"])
    assert (row["response"], row["tokens_used"]) == (ANSWER, answer["tokens_used"])
    assert stored["choices"][0]["message"]["content"] == ANSWER
    assert stored["usage"]["total_tokens"] == answer["tokens_used"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model, key, code, retryable", [
    ("limited", KEY, "model_rate_limited", True), ("failing", KEY, "model_unavailable", True),
    ("overlong", KEY, "model_bad_response", False), ("missing", KEY, "model_bad_response", False),
    ("good", "no-key-of-it-1234567890", "model_unauthorized", False)])
def test_its_errors_have_their_codes(serve, proxy, model, key, code, retryable, stream):
    host = start(serve, proxy, model, stream, key)
    answer, = say(host)
    assert answer["type"] == "error" and answer["error"]["code"] == code
    assert answer["error"]["retryable"] is retryable
    assert key not in json.dumps(answer) + "".join(host.log)
