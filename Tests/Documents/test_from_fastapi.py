"""docs/from-fastapi.md, from the first line to the last: the back end in Python with its React page in a browser, then
Stagecoach in its place."""

import functools
import http.server
import subprocess
import threading
import time
import uuid

import pytest
from playwright.sync_api import sync_playwright

from page import ROOT, blocks
from postgres import PostgresServer
from postgrest_server import SERVICE, PostgREST

PAGE = "docs/from-fastapi.md"
# Where Debian has React.
MODULES = "/usr/share/nodejs"


@pytest.fixture
def supabase():
    server = PostgresServer()
    database = server.new_database()
    rest = PostgREST(database.url())
    rest.database = database
    yield rest
    rest.stop()
    server.end()


@pytest.fixture
def environment(environment):
    """With the packages of such a back end."""
    return {**environment, "PATH": f"{ROOT}/.build/fastapi/bin:{environment['PATH']}"}


@pytest.fixture
def front_end(terminal):
    """Serves the page's React file, once it is there, at http://localhost:3000."""
    folder = terminal.clone / "frontend"
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 3000), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def build():
        (folder / "index.html").write_text('<div id="root"></div><script src="bundle.js"></script>')
        subprocess.run(["esbuild", folder / "Chat.jsx", "--bundle", f"--outfile={folder}/bundle.js", "--log-level=warning"],
                       check=True, env={**terminal.env, "NODE_PATH": MODULES})
        return "http://localhost:3000/"

    yield build
    server.shutdown()
    server.server_close()


@pytest.fixture
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield chromium.new_page()
        chromium.close()


def say(browser, text, answer):
    browser.fill("input", text)
    browser.press("input", "Enter")
    browser.wait_for_selector(f"li:text-is('{answer}')")


def test_the_back_end_of_before_becomes_stagecoach(terminal, supabase, front_end, browser, ai):
    database = supabase.database
    served = []
    for block in blocks(PAGE):
        if block.file:
            text = block.text
            if block.file.endswith(".env"):
                for shown, real in [("https://your-project.supabase.co", supabase.url), ("your-service-role-key", SERVICE)]:
                    assert shown in text
                    text = text.replace(shown, real)
            terminal.write(block.file, text)
            if block.file.endswith("messages.sql"):
                take_messages_along(database, block.text)
            elif block.file.endswith(".sql"):
                database.execute(block.text)
            elif block.file.endswith("ask.js"):
                read_pieces(browser, block.text)
                served.append("pieces")
        elif block.is_run:
            terminal.run(block)
        if block.is_run and "uvicorn" in block.text:
            browser.goto(front_end())
            say(browser, "My name is Ada.", "My name is Ada.")
            row = wait_for_rows(database, 1)[0]
            assert row["metadata"]["choices"], "written by Python"
            served.append("python")
        if block.is_run and "?session=" in block.text:
            recalled = [message["content"] for message in ai.calls[-1]["body"]["messages"]]
            assert recalled == ["My name is Ada.", "My name is Ada.", "What is my name?"]
            served.append("recalled")
        if block.is_run and " serve " in block.text and "sed" not in block.text:
            browser.reload()
            say(browser, "What is my name?", "You have not told me.")
            assert len(wait_for_rows(database, 2)) == 2
            posted = browser.evaluate("""async () => {
                const options = {method: "POST", body: JSON.stringify({prompt: "by fetch"})};
                return await (await fetch("http://localhost:8000/ws", options)).json()
            }""")
            assert posted["response"] == "by fetch"
            served.append("stagecoach")
    assert served == ["python", "stagecoach", "recalled", "pieces"]


def take_messages_along(database, statement):
    """Conversations of a table that has a row for each message, each question with its answer."""
    database.execute("""
        CREATE TABLE conversations (id serial PRIMARY KEY, title text);
        CREATE TABLE messages (id serial PRIMARY KEY, conversation_id integer REFERENCES conversations, role varchar(20),
          content text, created_at timestamp DEFAULT now());
        INSERT INTO conversations (title) VALUES ('a'), ('b');
        INSERT INTO messages (conversation_id, role, content) VALUES (1, 'system', 'Be kind.'), (1, 'user', 'q1'),
          (2, 'user', 'other'), (1, 'assistant', 'a1'), (1, 'user', 'q2'), (2, 'assistant', 'one'), (1, 'assistant', 'a2'),
          (1, 'user', 'unanswered')""")
    before = {str(row["id"]) for row in database.rows()}
    database.execute(statement)
    taken = [row for row in database.rows() if str(row["id"]) not in before]
    assert sorted((row["prompt"], row["response"]) for row in taken) == [("other", "one"), ("q1", "a1"), ("q2", "a2")]
    sessions = {row["prompt"]: uuid.UUID(str(row["session_id"])) for row in taken}
    assert sessions["q1"] == sessions["q2"] != sessions["other"] and sessions["q1"].version == 4


def read_pieces(browser, script):
    """In the page of another origin."""
    said = browser.evaluate("async () => {" + script + """
        const pieces = [];
        const first = await ask("one two three", (piece) => pieces.push(piece));
        const next = await ask("My name is Bea.", () => {}, { session: first.session_id });
        const refused = await ask("", () => {}).catch((error) => error.message);
        return { pieces, first, next, refused };
    }""")
    assert len(said["pieces"]) > 1 and "".join(said["pieces"]) == said["first"]["response"] == "one two three"
    assert said["next"]["session_id"] == said["first"]["session_id"]
    assert "The prompt is empty" in said["refused"]


def wait_for_rows(database, count):
    deadline = time.monotonic() + 10
    while len(rows := database.rows()) < count:
        assert time.monotonic() < deadline, rows
        time.sleep(0.02)
    return rows
