"""What an operator does wrong is said with its cure, and loses nothing."""

import os
import subprocess

import pytest

from conftest import ROOT, program

STORED = """pipeline: stored
resources:
  model: echo
  database: {sqlite: {path: stored.db}}
stages:
  - receive: {path: /ws}
  - complete
  - persist
  - respond
"""
QUEUED = STORED.replace("stored.db}}", "stored.db}}\n  outbox: {disk: {path: outbox.db}}").replace(
    "  - persist\n", "  - persist:\n    async: {queue: outbox}\n")
LETTER = ('{"error":{"code":"stage_failed","message":"no"},"failed_at":"2026-01-31T12:00:00.000000Z","message":{"id":'
          '"01970000-0000-7000-8000-000000000001","prompt":"p","response":"r","session":"s"},"step":"persist"}\n')


def test_replay_in_another_folder_than_the_hosts_refuses_and_keeps_the_letters(run, tmp_path):
    (tmp_path / "p.yaml").write_text(STORED)
    (tmp_path / "dead.jsonl").write_text(LETTER)
    done = run("replay", "p.yaml", "dead.jsonl")
    assert done.returncode == 1 and f"there is no database '{tmp_path}/stored.db'" in done.stderr
    assert "the folder where the host runs" in done.stderr
    assert (tmp_path / "dead.jsonl").read_text() == LETTER and not (tmp_path / "stored.db").exists()


def test_doctor_and_migrate_say_that_a_database_was_not_there(run, tmp_path):
    (tmp_path / "p.yaml").write_text(STORED)
    first, second = run("doctor", "--quick", "p.yaml"), run("doctor", "--quick", "p.yaml")
    said = f"! database: '{tmp_path}/stored.db' was missing and has been created"
    assert first.returncode == second.returncode == 0 and said in first.stdout and said not in second.stdout
    (tmp_path / "stored.db").unlink()
    assert f"'{tmp_path}/stored.db' was missing and has been created" in run("migrate", "p.yaml").stdout
    assert "was missing" not in run("migrate", "p.yaml").stdout


def test_stored_conversations_that_are_not_there_are_named_by_their_whole_path(run, tmp_path):
    (tmp_path / "p.yaml").write_text(STORED)
    listed = run("sessions", "p.yaml")
    assert listed.returncode == 1 and f"there is no file '{tmp_path}/stored.db'" in listed.stderr
    assert "a relative path starts in the folder where the command runs" in listed.stderr


def without_privilege(*arguments, cwd):
    """Runs a command that has no more rights to files than any user, to its end."""
    prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    return subprocess.run([*prefix, program("STAGECOACH"), *map(str, arguments)], cwd=cwd, capture_output=True, text=True,
                          timeout=30, env={"PATH": os.environ["PATH"], "HOME": str(cwd)})


def taken_away(path):
    """Makes a file one that this user can't use, and returns what is said of it."""
    path.chmod(0o400)
    if os.geteuid() != 0:
        return f"no permission to write '{path}': its mode is 400; 'chmod u+rw' gives it"
    os.chown(path, 12_345, -1)
    return f"no permission to write '{path}': it belongs to user 12345, and this process runs as root; 'chown root' gives"


@pytest.mark.parametrize("name", ["outbox.db", "outbox.db.lock"])
def test_a_queue_of_another_owner_is_not_to_be_moved_away(run, tmp_path, name):
    (tmp_path / "p.yaml").write_text(QUEUED)
    assert run("doctor", "p.yaml").returncode == 0
    said = taken_away(tmp_path / name)
    result = without_privilege("serve", "p.yaml", "--port", 0, cwd=tmp_path)
    assert result.returncode == 1 and said in result.stderr and "move this one away" not in result.stderr


def test_a_database_of_another_owner_is_said_with_its_owner(run, tmp_path):
    (tmp_path / "p.yaml").write_text(STORED)
    assert run("migrate", "p.yaml").returncode == 0
    said = taken_away(tmp_path / "stored.db")
    result = without_privilege("check", "--live", "p.yaml", cwd=tmp_path)
    assert result.returncode == 1 and said in result.stderr


@pytest.mark.parametrize(("keys", "cure"), [
    ("[{ann: SECRET}]", "write {key: …, user: …}"), ("[{SECRET: ann}]", "write {key: …, user: …}"),
    ("[{file: SECRET, user: ann}]", "write {key: {file: …}, user: …}"),
    ("[{key: SECRET, name: ann}]", "write {key: …, user: …}"), ("[{apikey: SECRET}]", "write {key: …, user: …}"),
    ("{ann: SECRET}", "must be a list of"), ("{file: SECRET}", "must be a list of")])
def test_a_key_that_is_written_otherwise_is_one_mistake_and_not_shown(run, tmp_path, keys, cure):
    (tmp_path / "p.yaml").write_text(f"{STORED}host:\n  auth: {{keys: {keys}}}\n".replace("SECRET", "sk-4711-4711"))
    checked = run("check", "p.yaml")
    assert checked.returncode == 1 and checked.stderr.count("error:") == 1 and cure in checked.stderr
    assert "4711" not in checked.stdout + checked.stderr


def test_a_key_of_two_users_and_a_path_in_place_of_a_key_are_warnings(run, tmp_path):
    (tmp_path / "keyfile").write_text("sk-4711")
    file = tmp_path / "keyfile"
    keys = (f"[{{key: sk-1, user: ann}}, {{key: sk-1, user: bob}}, {{key: {file}, user: eve}}, "
            f"{{key: {{file: {file}}}, user: joe}}]")
    (tmp_path / "p.yaml").write_text(f"{STORED}host:\n  auth: {{keys: {keys}}}\n")
    checked = run("check", "p.yaml")
    lines = [line for line in checked.stderr.splitlines() if "warning:" in line]
    assert checked.returncode == 0 and len(lines) == 2, checked.stderr
    assert any("this key is given twice: whoever shows it is 'ann'" in line for line in lines)
    assert any("the path of a file is used literally by 'key'" in line and "{file: PATH}" in line for line in lines)
    assert "sk-1" not in checked.stderr


@pytest.mark.parametrize(("arguments", "cure"), [
    (["stop"], "SIGTERM"), (["reload"], "SIGHUP"), (["restart"], "systemctl restart"), (["logs"], "journalctl"),
    (["-v"], "did you mean '--version'?"), (["serve", "p.yaml", "--tls"], "host: {tls:"),
    (["serve", "p.yaml", "--daemon"], "foreground"),
    (["serve", "p.yaml", "--host", "127.0.0.1:9000"], "write --host 127.0.0.1 --port 9000"),
    (["serve", "p.yaml", "--host", "0.0.0.0", "--port", "0"], "write host: {auth: …} into the file")])
def test_what_service_managers_and_other_servers_take(run, tmp_path, arguments, cure):
    (tmp_path / "p.yaml").write_text(STORED)
    done = run(*arguments)
    assert done.returncode in (1, 64) and cure in done.stderr


def test_what_systemd_alone_sets_is_said(run, tmp_path):
    text = STORED.replace("model: echo", 'model: {openai: {key: {file: "${CREDENTIALS_DIRECTORY}/secrets_openai"}}}')
    (tmp_path / "p.yaml").write_text(text)
    checked = run("check", "p.yaml")
    assert checked.returncode == 1 and "systemd sets it for a service" in checked.stderr
    assert "## Commands" in (ROOT / "docs/deploying.md").read_text()
