"""Clients from other hands: Node's `ws`, a browser, and a host with a stage of its own."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from conftest import ROOT, receive, receive_json

HERE = pathlib.Path(__file__).parent


def needed(path, package):
    if not path or not os.path.exists(path):
        pytest.fail(f"this test needs Debian's {package}; scripts/setup --tests installs it")
    return path


def test_node_has_a_conversation(offline):
    node = needed(shutil.which("node"), "nodejs")
    needed("/usr/share/nodejs/ws", "node-ws")
    result = subprocess.run(
        [node, HERE / "conversation.cjs", offline.url("format=json")], capture_output=True, text=True, timeout=20,
        env={**os.environ, "NODE_PATH": "/usr/share/nodejs"})
    assert result.stdout.splitlines() == ["session", "response: one", "response: two", "closed 1000"], result.stderr
    assert [row["prompt"] for row in offline.wait_for_rows(2)] == ["one", "two"]


def test_a_browser_has_a_conversation_in_the_page(offline):
    from playwright.sync_api import sync_playwright

    chromium = needed(shutil.which("chromium"), "chromium")
    requests = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        problems = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda entry: problems.append(entry.text) if entry.type == "error" else None)
        page.on("request", lambda request: requests.append(request.url))
        page.goto(offline.http + "/")
        page.wait_for_function("document.querySelector('#state').textContent.startsWith('session ')")
        page.fill("#prompt", "Hello <b>there</b>")
        page.click("#send")
        page.wait_for_selector("#log .answer:not(.waiting)")
        assert page.inner_text("#log .answer") == "Hello <b>there</b>"
        page.fill("#prompt", "x" * 9000)
        page.press("#prompt", "Enter")
        page.wait_for_selector("#log .error")
        assert "longer than 8000" in page.inner_text("#log .error")
        browser.close()
    assert problems == []
    assert all(url.startswith((offline.http, "data:")) for url in requests)
    assert offline.wait_for_rows(1)[0]["prompt"] == "Hello <b>there</b>"


@pytest.mark.custom_host
def test_a_host_with_a_stage_of_its_own(serve, run):
    host = serve(ROOT / "Examples/CustomHost/shout.yaml", variable="CUSTOM_HOST")
    with host.connect() as client:
        client.send("hello")
        assert receive(client) == "HELLO!!"
    page = run("stages", "shout", variable="CUSTOM_HOST").stdout
    assert "marks: integer  (default 1)" in page and "How many exclamation marks to add." in page
    refused = run("check", ROOT / "Examples/CustomHost/shout.yaml")
    assert refused.returncode == 1 and "unknown stage 'shout'" in refused.stderr


@pytest.mark.custom_host
def test_a_model_from_another_package_streams(serve, run):
    """Its method is a copy of the protocol's: where that is another type there, all comes in one piece."""
    host = serve(ROOT / "Examples/CustomHost/parrot.yaml", variable="CUSTOM_HOST")
    with host.connect() as client:
        assert receive_json(client)["type"] == "session"
        client.send(json.dumps({"prompt": "one two three"}))
        frames = [receive_json(client) for _ in range(4)]
    assert [frame.get("text") for frame in frames[:3]] == ["one", " two", " three"]
    whole = frames[3]
    assert (whole["response"], whole["tokens_used"], whole["finish_reason"]) == ("one two three", 3, "stop")
    assert "pause: duration" in run("stages", "parrot", variable="CUSTOM_HOST").stdout
