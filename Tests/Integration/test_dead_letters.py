"""Dead letters: what fails for good is in the queue or in the file, whatever becomes of the disk, and can be put back."""

import fcntl
import json
import os
import resource

import pytest

import powercut
from conftest import receive_json, wait_until, waiting
from test_queues import DURABLE

WITH_LETTERS = DURABLE.replace("queue: outbox", "queue: outbox, dead_letter: data/letters/dead.jsonl")
IN_MEMORY = DURABLE.replace("queue: outbox", "dead_letter: data/letters/dead.jsonl")


def refuse(host):
    """From now on the table takes no prompt with 'bad' in it."""
    host.wait_for_rows(0)
    with host.database() as database:
        database.execute("create trigger refuse before insert on requests when new.prompt like '%bad%' "
                         "begin select raise(abort, 'refused'); end")


def take_all(host):
    with host.database() as database:
        database.execute("drop trigger refuse")


def say(host, *messages):
    with host.connect() as client:
        receive_json(client)
        for message in messages:
            client.send(json.dumps(message if isinstance(message, dict) else {"prompt": message}))
            assert receive_json(client)["type"] == "response"


@pytest.mark.parametrize("text", [WITH_LETTERS, IN_MEMORY], ids=["on disk", "in memory"])
def test_letters_that_a_full_disk_does_not_take_stay_in_the_queue_and_are_whole_later(serve, run, text):
    host = serve(text)
    refuse(host)
    file = host.folder / "data/letters/dead.jsonl"
    file.parent.mkdir()
    # The limit stands in for the disk's end. It is far beyond what the other files need.
    file.write_text("x" * 2_000_000 + "\n")
    resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE, (2_000_100, resource.RLIM_INFINITY))
    say(host, *[f"bad {number}" if number % 2 else f"good {number}" for number in range(28)])
    wait_until(lambda: waiting(host) == 14, "the good rows to be stored, the others to wait")
    assert len(host.wait_for_rows(14)) == 14
    assert any("Dead letters can't be written" in line for line in host.log)
    wait_until(lambda: file.stat().st_size == 2_000_001, "the part of a line to be gone")
    resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_until(lambda: waiting(host) == 0, "the letters to be written")
    letters = [json.loads(line) for line in file.read_text().splitlines()[1:]]
    assert [letter["message"]["prompt"] for letter in letters] == [f"bad {number}" for number in range(1, 28, 2)]
    take_all(host)
    replayed = run("replay", host.folder / "pipeline-0.yaml", file)
    assert "14 of 14 messages replayed" in replayed.stdout and replayed.returncode == 1
    assert "line 1 of" in replayed.stderr and "is no dead letter" in replayed.stderr
    assert file.read_text() == "x" * 2_000_000 + "\n", "the bad line was put back"
    assert len(host.rows()) == 28


def test_a_letter_that_could_not_be_written_comes_again_after_a_restart(serve):
    host = serve(WITH_LETTERS)
    refuse(host)
    file = host.folder / "data/letters/dead.jsonl"
    file.parent.mkdir()
    file.symlink_to("/dev/full")
    say(host, "good", "bad")
    wait_until(lambda: any("Dead letters can't be written" in line for line in host.log), "the log")
    assert host.stop() == 0, host.log
    assert any("1 messages stay in the queue" in line for line in host.log)
    file.unlink()
    host = serve(WITH_LETTERS)
    wait_until(lambda: waiting(host) == 0 and file.exists(), "the letter")
    [letter] = map(json.loads, file.read_text().splitlines())
    assert letter["message"]["prompt"] == "bad" and letter["error"]["code"] == "stage_failed"


def test_what_waits_in_memory_and_has_no_letter_at_the_end_is_counted_as_lost(serve):
    host = serve(IN_MEMORY + "host: {drain: 1s}\n", ends_well=False)
    refuse(host)
    file = host.folder / "data/letters/dead.jsonl"
    file.parent.mkdir()
    file.symlink_to("/dev/full")
    say(host, "bad", "bad")
    wait_until(lambda: any("Dead letters can't be written" in line for line in host.log), "the log")
    assert host.stop() == 1
    assert any("Stopped with 2 messages waiting, which could not be written" in line for line in host.log)


def test_metadata_nested_as_deep_as_a_client_may_is_in_its_letter_and_comes_back(serve, run):
    host = serve(WITH_LETTERS.replace("- persist:", "- persist: {client_metadata: true}\n   "))
    refuse(host)
    deep = json.loads("[" * 505 + "]" * 505)
    say(host, {"prompt": "bad", "metadata": {"k": deep}}, {"prompt": "bad", "metadata": {"k": [1, None, 0.5]}})
    file = host.folder / "data/letters/dead.jsonl"
    wait_until(lambda: file.exists() and len(file.read_text().splitlines()) == 2, "the letters")
    take_all(host)
    done = run("replay", host.folder / "pipeline-0.yaml", file)
    assert "2 of 2 messages replayed" in done.stdout, done.stderr
    assert "[" * 505 in host.rows()[0]["metadata"] and not file.exists()


def letters_of(host, *prompts):
    """A file with a letter for each prompt; the table takes them from now on."""
    refuse(host)
    say(host, *prompts)
    file = host.folder / "data/letters/dead.jsonl"
    wait_until(lambda: file.exists() and len(file.read_text().splitlines()) == len(prompts), "the letters")
    assert host.stop() == 0
    take_all(host)
    return file


def test_replay_says_which_line_is_torn_and_replays_what_follows_on_the_same_line(serve, run):
    host = serve(WITH_LETTERS)
    file = letters_of(host, "bad 1", "bad 2", "bad 3")
    first, second, third = file.read_text().splitlines()
    # As an earlier version left it: the second was cut off, and the third written behind it.
    file.write_text(f"{first}\n{second[:60]}{third}\n")
    done = run("replay", host.folder / "pipeline-0.yaml", file)
    assert "2 of 2 messages replayed" in done.stdout and "line 2 of" in done.stderr and done.returncode == 1
    assert [row["prompt"] for row in host.rows()] == ["bad 1", "bad 3"]
    assert file.read_text() == f"{second[:60]}\n"


def test_a_letter_after_a_torn_line_stands_on_its_own(serve):
    host = serve(WITH_LETTERS)
    file = host.folder / "data/letters/dead.jsonl"
    file.parent.mkdir()
    file.write_text('{"error":{"code":"sta')
    refuse(host)
    say(host, "bad")
    wait_until(lambda: len(file.read_text().splitlines()) == 2, "the letter")
    assert json.loads(file.read_text().splitlines()[1])["message"]["prompt"] == "bad"


@pytest.mark.preload
def test_a_replay_that_a_power_cut_ends_goes_on_where_it_was(serve, run, library, tmp_path, tmp_path_factory):
    host = serve(WITH_LETTERS)
    prompts = [f"bad {number}" for number in range(12)]
    file = letters_of(host, *prompts)
    for at in [3, 11, 30, 45, 45]:
        shadow = tmp_path_factory.mktemp("disk")
        cut = run("replay", tmp_path / "pipeline-0.yaml", file, env=powercut.environment(library, tmp_path, shadow, at))
        assert cut.returncode == -9, cut.stderr
        powercut.cut(tmp_path, shadow)
    last = run("replay", tmp_path / "pipeline-0.yaml", file)
    assert last.returncode == 0, last.stderr
    assert int(last.stdout.split(" ")[0]) < 12, "what was replayed before a cut is not replayed again"
    assert sorted(row["prompt"] for row in host.rows()) == sorted(prompts)
    assert [path.name for path in file.parent.iterdir()] == []


def test_two_replays_at_once_do_not_take_each_others_letters(serve, run, tmp_path):
    host = serve(WITH_LETTERS)
    file = letters_of(host, "bad")
    working = file.with_name("dead.jsonl.replaying")
    file.rename(working)
    with working.open("r+") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        second = run("replay", tmp_path / "pipeline-0.yaml", file)
    assert second.returncode == 1 and "is used by another process" in second.stderr
    assert run("replay", tmp_path / "pipeline-0.yaml", file).returncode == 0
    assert len(host.rows()) == 1 and os.listdir(file.parent) == []
