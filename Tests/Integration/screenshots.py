"""Makes docs/images: the chat page and the console of a host that has something to show. `scripts/screenshots` runs it."""

import json
import os
import pathlib
import tempfile
import threading
import urllib.error
import urllib.request

from browser import chromium
from conftest import ROOT, Host
from fakeai import FakeAI

IMAGES = ROOT / "docs/images"
LARGEST = 200_000
ANSWER = """Light takes this long from the Sun:

| planet | distance | light takes |
| --- | ---: | ---: |
| Mercury | 58 million km | 3 min 13 s |
| Earth | 150 million km | 8 min 19 s |
| Neptune | 4,495 million km | 4 h 10 min |

It is the distance, divided by the speed of light:

```swift
let minutes = kilometres / 299_792.458 / 60
```

So the Sun that you see is the one of **eight minutes ago**."""


class Teacher(FakeAI):
    def _prompt(self):
        return ANSWER if "light" in super()._prompt() else super()._prompt()


def save(page, name):
    file = IMAGES / f"{name}.png"
    page.screenshot(path=file)
    assert file.stat().st_size < LARGEST, f"{file} has {file.stat().st_size} bytes"
    print(file.relative_to(ROOT))


def converse(host, number):
    """Messages of other clients, so that there is something to draw."""
    with host.connect("format=json") as client:
        client.recv()
        for index in range(number):
            client.send(json.dumps({"prompt": f"How far is the Moon? ({index})"}))
            while json.loads(client.recv(timeout=20))["type"] == "delta":
                pass


def has(host, path):
    try:
        return urllib.request.urlopen(host.http + path, timeout=10).status == 200
    except urllib.error.HTTPError:
        return False


def chat(browser, host, name, width, height, scheme):
    page = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme).new_page()
    page.goto(host.http + "/")
    for prompt in ("What is a light-year?", "How long does light take to the planets? A table, please."):
        page.get_by_role("textbox").last.fill(prompt)
        page.keyboard.press("Enter")
        page.wait_for_selector("#stop", state="hidden")
        if prompt.startswith("What"):
            page.get_by_role("button", name="New conversation").click() if width > 800 else page.reload()
    page.wait_for_timeout(300)
    save(page, name)
    page.context.close()


def main():
    IMAGES.mkdir(exist_ok=True)
    ai = Teacher()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        env = {"PATH": os.environ["PATH"], "HOME": folder, "OPENAI_BASE_URL": ai.url, "OPENAI_API_KEY": "sk-none"}
        host = Host(pathlib.Path(folder), [ROOT / "pipelines/streamed.yaml"], env, [])
        try:
            chat(browser, host, "chat", 1100, 760, "light")
            chat(browser, host, "chat-narrow-dark", 400, 760, "dark")
            if has(host, "/console"):
                page = browser.new_context(viewport={"width": 1440, "height": 960}).new_page()
                page.goto(host.http + "/console")
                clients = [threading.Thread(target=converse, args=(host, 60)) for _ in range(4)]
                for client in clients:
                    client.start()
                for client in clients:
                    client.join()
                page.wait_for_timeout(3_000)
                save(page, "console")
        finally:
            host.stop()
            ai.stop()


if __name__ == "__main__":
    main()
