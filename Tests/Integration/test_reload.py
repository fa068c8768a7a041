"""Files that change while the host serves them."""

import asyncio
import json
import os
import signal
import time

import pytest
from websockets.asyncio.client import connect

from conftest import DEADLINE, receive_json, say, wait_until

RELOADS = int(os.environ.get("RELOADS", "20"))
RATE = int(os.environ.get("RELOAD_RATE", "300"))
FLOW = """
pipeline: flow
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: sk-canary-1234567890}}
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive: {format: json}
  - validate: {max_length: 100}
  - complete: {}
  - persist: {}
    async: true
  - respond
"""
OFFLINE = FLOW.replace('openai: {url: "${OPENAI_BASE_URL}", key: sk-canary-1234567890}', "echo: {}")


def reload(host, text, word="Reloaded"):
    before = sum(word in line for line in host.log)
    (host.folder / "pipeline-0.yaml").write_text(text)
    host.process.send_signal(signal.SIGHUP)
    wait_until(lambda: sum(word in line for line in host.log) > before, f"'{word}' in the log")


@pytest.fixture
def host(serve):
    return serve(OFFLINE)


def test_the_next_message_of_an_open_connection_goes_through_the_new_file(host):
    with host.connect() as connection:
        receive_json(connection)
        assert say(connection)["response"] == "hello"
        reload(host, OFFLINE.replace("complete: {}", 'complete: {prompt: "{{prompt}}, again"}'))
        answer = say(connection)
        assert answer["response"] == "hello, again" and answer["seq"] == 3
    assert [row["response"] for row in host.wait_for_rows(2)] == ["hello", "hello, again"]


@pytest.mark.parametrize("text, what", [
    (OFFLINE.replace("max_length", "max_lenght"), "did you mean 'max_length'?"),
    (OFFLINE.replace("stages:", "stages: ["), "pipeline-0.yaml:"),
    (OFFLINE.replace("stages:", "  outbox: {disk: {path: /proc/nowhere/x.db}}\nstages:"), "can't start")])
def test_a_file_with_errors_changes_nothing_and_is_reported(host, text, what):
    with host.connect() as connection:
        receive_json(connection)
        reload(host, text, "what was served goes on")
        assert any(what in line for line in host.log), host.log
        assert say(connection)["response"] == "hello"
        reload(host, OFFLINE.replace("complete: {}", 'complete: {prompt: "{{prompt}}!"}'))
        assert say(connection)["response"] == "hello!"
    assert len(host.wait_for_rows(2)) == 2


def test_a_message_in_flight_ends_on_the_old_file(serve, ai):
    host = serve(FLOW, env={"OPENAI_BASE_URL": ai.url})
    ai.script = ["gate"]
    with host.connect() as connection, host.connect() as another:
        receive_json(connection), receive_json(another)
        connection.send(json.dumps({"prompt": "old"}))
        assert ai.arrived.acquire(timeout=DEADLINE)
        # The model is another and so is the database: the old ones stay open for the message that needs them.
        reload(host, OFFLINE.replace("data/stagecoach.db", "data/new.db"))
        assert say(another, "new")["response"] == "new"
        ai.released.release()
        assert receive_json(connection)["response"] == "old"
        assert say(connection, "newer")["response"] == "newer"
    assert [row["prompt"] for row in host.wait_for_rows(1)] == ["old"]
    assert host.stop() == 0
    assert len(ai.calls) == 1


def test_a_path_that_moves_moves_for_new_connections(host):
    with host.connect() as connection:
        receive_json(connection)
        reload(host, OFFLINE.replace("receive: {format: json}", "receive: {path: /new, format: json}"))
        assert say(connection)["response"] == "hello"
    with host.connect(path="/new") as connection:
        receive_json(connection)
        assert say(connection)["response"] == "hello"


def test_what_waits_while_the_database_is_down_is_stored_by_the_new_file(serve):
    text = OFFLINE.replace("validate: {max_length: 100}", "validate: {resources: [model]}").replace(
        "sqlite: {path: data/stagecoach.db}", "sqlite: {path: data/stagecoach.db, busy_timeout: 100ms}")
    host = serve(text)
    with host.connect() as connection:
        receive_json(connection)
        say(connection, "0")
        host.wait_for_rows(1)
        lock = host.database()
        lock.execute("begin immediate")
        for number in range(1, 5):
            say(connection, str(number))
        reload(host, text.replace("complete: {}", 'complete: {prompt: "{{prompt}}!"}'))
        for number in range(5, 9):
            assert say(connection, str(number))["response"] == f"{number}!"
        lock.rollback()
        lock.close()
        rows = host.wait_for_rows(9)
    assert [row["prompt"] for row in rows] == [str(number) for number in range(9)]


def test_a_changed_host_section_is_said_to_wait_for_a_restart(host):
    reload(host, OFFLINE + "host: {drain: 5s}\n")
    assert any("restart the host" in line for line in host.log)


def test_a_watched_file_is_read_again_when_it_changes(serve):
    host = serve(OFFLINE, arguments=["--watch"])
    with host.connect() as connection:
        receive_json(connection)
        # As editors do it: a new file in the place of the old one.
        (host.folder / "new.yaml").write_text(OFFLINE.replace("complete: {}", 'complete: {prompt: "{{prompt}}!"}'))
        os.rename(host.folder / "new.yaml", host.folder / "pipeline-0.yaml")
        wait_until(lambda: any("Reloaded" in line for line in host.log), "the reload")
        assert say(connection)["response"] == "hello!"


def test_a_watched_file_that_keeps_its_size_and_its_time_is_read_again(serve):
    """As 'rsync -t --inplace' and 'cp -p' leave it."""
    text = OFFLINE.replace("complete: {}", 'complete: {prompt: "{{prompt}}?"}')
    host = serve(text, arguments=["--watch"])
    file = host.folder / "pipeline-0.yaml"
    with host.connect() as connection:
        receive_json(connection)
        assert say(connection)["response"] == "hello?"
        time = file.stat().st_mtime_ns
        file.write_text(text.replace("?", "!"))
        os.utime(file, ns=(time, time))
        wait_until(lambda: any("Reloaded" in line for line in host.log), "the reload")
        assert say(connection)["response"] == "hello!"


@pytest.mark.parametrize("what", ["file", "folder", "environment"])
def test_what_a_watched_link_leads_to_is_read_again_when_it_changes(serve, tmp_path, what):
    """As Kubernetes mounts a ConfigMap: 'p.yaml' -> '..data/p.yaml', and '..data' is moved from one folder to the next."""
    text = OFFLINE.replace("complete: {}", 'complete: {prompt: "{{prompt}}${END}"}')
    for version, end in [("one", "?"), ("two", "!")]:
        (tmp_path / version).mkdir()
        (tmp_path / version / "p.yaml").write_text(text.replace("${END}", end) if what == "folder" else text)
        (tmp_path / version / "env").write_text(f"END={end}\n")
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "p.yaml").symlink_to("..data/p.yaml")
    (tmp_path / ".env").symlink_to("..data/env")
    host = serve(tmp_path / "p.yaml", arguments=["--watch"])
    with host.connect() as connection:
        receive_json(connection)
        assert say(connection)["response"] == "hello?"
        if what == "file":
            (tmp_path / "one/p.yaml").write_text(text.replace("${END}", "!"))
        elif what == "environment":
            (tmp_path / "one/env").write_text("END=!\n")
        else:
            (tmp_path / "..new").symlink_to("two")
            os.rename(tmp_path / "..new", tmp_path / "..data")
        wait_until(lambda: any("Reloaded" in line for line in host.log), "the reload")
        assert say(connection)["response"] == "hello!"


@pytest.mark.parametrize("queue", ["true", "{queue: outbox}"])
def test_reloads_under_load_lose_nothing_double_nothing_and_close_nobody(serve, queue):
    text = OFFLINE.replace("async: true", f"async: {queue}")
    if queue != "true":
        text = text.replace("stages:", "  outbox: {disk: {path: data/outbox.db}}\nstages:")
    versions = [text, text.replace("max_length: 100", "max_length: 200"),
                text.replace("  - respond", "  - log: {level: debug}\n  - respond")]
    host = serve(text)
    is_over = asyncio.Event()
    sent = []

    async def talk(number):
        async with connect(host.url(), compression=None) as client:
            await client.recv()
            count = 0
            while not is_over.is_set():
                prompt = f"{number} {count}"
                await client.send(json.dumps({"prompt": prompt}))
                answer = json.loads(await asyncio.wait_for(client.recv(), DEADLINE))
                assert answer["type"] == "response" and answer["response"] == prompt, answer
                assert answer["seq"] == count + 2
                sent.append(prompt)
                count += 1
                await asyncio.sleep(10 / RATE)

    async def everything():
        clients = [asyncio.create_task(talk(number)) for number in range(10)]
        for number in range(RELOADS):
            enough = len(sent) + RATE // 30
            await asyncio.to_thread(reload, host, versions[(number + 1) % 3])
            await asyncio.to_thread(wait_until, lambda: len(sent) >= enough or any(map(asyncio.Task.done, clients)))
        is_over.set()
        await asyncio.gather(*clients)

    began = time.monotonic()
    asyncio.run(everything())
    print(f"\n{len(sent)} messages through {RELOADS} reloads, {len(sent) / (time.monotonic() - began):.0f} a second")
    assert host.stop() == 0
    rows = [row["prompt"] for row in host.rows("prompt, created_at, id")]
    assert sorted(rows) == sorted(sent)
    for number in range(10):
        own = [prompt for prompt in rows if prompt.startswith(f"{number} ")]
        assert own == [f"{number} {count}" for count in range(len(own))]


def test_what_hangs_in_a_pipeline_that_was_replaced_is_counted_at_the_stop(serve, ai):
    text = FLOW + "host: {drain: 500ms}\n"
    host = serve(text, env={"OPENAI_BASE_URL": ai.url}, ends_well=False)
    ai.script = ["hang"]
    with host.connect() as connection:
        receive_json(connection)
        connection.send(json.dumps({"id": "1", "prompt": "never answered"}))
        assert ai.arrived.acquire(timeout=DEADLINE)
        reload(host, text.replace("max_length: 100", "max_length: 99"))
        assert host.stop() == 1
    assert host.log[-1].endswith("1 message was lost: 1 in a stage"), host.log[-1]


def test_what_was_opened_of_files_that_can_not_be_taken_is_closed(serve, tmp_path):
    (tmp_path / "worker.sh").write_text("#!/bin/sh\necho $$ >> pids\nexec cat\n")
    (tmp_path / "worker.sh").chmod(0o755)
    (tmp_path / "folder").mkdir()
    second = OFFLINE.replace("receive: {format: json}", "receive: {path: /second}").replace("pipeline: flow", "pipeline: second")
    host = serve(OFFLINE, second)
    (host.folder / "pipeline-1.yaml").write_text(
        second.replace("resources:\n", "resources:\n  q: {disk: {path: folder}}\n").replace("async: true", "async: {queue: q}"))
    reload(host, OFFLINE.replace("complete: {}", "exec: {command: [./worker.sh]}\n  - complete: {}"), "what was served goes on")
    started = [int(line) for line in wait_until(
        lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text(), "the processes").split()]
    assert started
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in started), "their end")
    with host.connect() as connection:
        receive_json(connection)
        assert say(connection)["response"] == "hello"
