"""Secrets in files of their own, as Docker and Kubernetes mount them, and variables whose file can't be read again."""

import json
import os
import signal

import pytest
from websockets.exceptions import InvalidStatus

from conftest import DEADLINE, receive_json, wait_until

FLOW = """
pipeline: p
resources: {model: {openai: {url: "${OPENAI_BASE_URL}", key: {file: secrets/openai}}}}
stages: [receive: {format: json}, complete, respond]
"""
MARK = "c4n4ry"


@pytest.fixture
def secret(tmp_path):
    (tmp_path / "secrets").mkdir()

    def write(text, name="openai"):
        path = tmp_path / "secrets" / name
        path.write_bytes(text.encode())
        return path

    return write


def key_used(host, ai, prompt="hello"):
    with host.connect() as connection:
        receive_json(connection)
        connection.send(json.dumps({"prompt": prompt}))
        assert receive_json(connection)["type"] == "response"
    return ai.calls[-1]["headers"]["authorization"]


def reload(host, word="Reloaded"):
    before = sum(word in line for line in host.log)
    host.process.send_signal(signal.SIGHUP)
    wait_until(lambda: sum(word in line for line in host.log) > before, f"'{word}' in the log")


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_key_is_the_text_of_its_file_without_the_last_line_end(serve, ai, secret, end):
    secret(f"sk-{MARK}{end}")
    host = serve(FLOW, env={"OPENAI_BASE_URL": ai.url})
    assert key_used(host, ai) == f"Bearer sk-{MARK}"


def test_the_file_is_read_again_at_a_reload_and_its_old_text_stays_where_it_can_not_be(serve, ai, secret):
    path = secret("sk-one\n")
    host = serve(FLOW, env={"OPENAI_BASE_URL": ai.url})
    assert key_used(host, ai) == "Bearer sk-one"
    secret("sk-two\n")
    reload(host)
    assert key_used(host, ai) == "Bearer sk-two"
    for spoil in [lambda: path.write_text("\n"), path.unlink, path.mkdir]:
        spoil()
        reload(host)
        assert key_used(host, ai) == "Bearer sk-two"
    said = [line for line in host.log if "what it held before stays" in line]
    assert len(said) == 3 and all("secrets/openai" in line for line in said)
    path.rmdir()
    secret("sk-three")
    reload(host)
    assert key_used(host, ai) == "Bearer sk-three"


def test_a_watched_secret_is_read_again_when_its_link_is_moved(serve, ai, secret, tmp_path):
    for version in ["one", "two"]:
        (tmp_path / version).mkdir()
        (tmp_path / version / "openai").write_text(f"sk-{version}")
    (tmp_path / "secrets/..data").symlink_to("../one")
    (tmp_path / "secrets/openai").symlink_to("..data/openai")
    host = serve(FLOW, env={"OPENAI_BASE_URL": ai.url}, arguments=["--watch"])
    assert key_used(host, ai) == "Bearer sk-one"
    (tmp_path / "secrets/..new").symlink_to("../two")
    os.rename(tmp_path / "secrets/..new", tmp_path / "secrets/..data")
    wait_until(lambda: any("Reloaded" in line for line in host.log), "the reload")
    assert key_used(host, ai) == "Bearer sk-two"


def test_keys_of_clients_may_be_files_each_or_with_a_name(serve, secret):
    secret("first-key-of-clients\n", "first")
    secret("key-of-ann\n", "ann")
    host = serve("""
pipeline: p
host: {auth: {keys: [{file: secrets/first}, {key: {file: secrets/ann}, user: ann}, third-key]}}
resources: {model: echo}
stages: [receive: {format: json}, complete, respond]
""")
    for key in ["first-key-of-clients", "key-of-ann", "third-key"]:
        with host.connect(additional_headers={"Authorization": f"Bearer {key}"}) as connection:
            assert receive_json(connection)["session_id"]
    with pytest.raises(InvalidStatus):
        host.connect(additional_headers={"Authorization": "Bearer secrets/first"})


def spoil(path, how):
    if how == "missing":
        return "can't be read: No such file or directory"
    if how == "pipe":
        os.mkfifo(path)
        return "is no regular file"
    if how == "folder":
        path.mkdir()
        return "is no regular file"
    path.write_bytes({"empty": b"", "line": b"\n", "large": MARK.encode() * 20_000, "binary": b"\xff" + MARK.encode()}[how])
    return {"empty": "is empty", "line": "is empty", "large": "65536 bytes", "binary": "not UTF-8"}[how]


@pytest.mark.parametrize("how", ["missing", "pipe", "folder", "empty", "line", "large", "binary"])
def test_a_file_that_holds_no_secret_is_an_error_at_its_place(run, secret, tmp_path, how):
    said = spoil(tmp_path / "secrets" / "openai", how)
    (tmp_path / "p.yaml").write_text(FLOW)
    checked = run("check", "p.yaml", env={"OPENAI_BASE_URL": "http://127.0.0.1:1"})
    assert checked.returncode == 1 and MARK not in checked.stdout + checked.stderr
    assert "p.yaml:3:69: error: 'key' of resource 'model': the file 'secrets/openai'" in checked.stderr
    assert said in checked.stderr


def test_a_variable_that_is_taken_for_a_path_is_not_shown(run, secret, tmp_path):
    (tmp_path / "p.yaml").write_text(FLOW.replace("secrets/openai", '"${KEY}"'))
    checked = run("check", "p.yaml", env={"OPENAI_BASE_URL": "http://127.0.0.1:1", "KEY": f"sk-{MARK}"})
    assert checked.returncode == 1 and "the file '${KEY}' can't be read" in checked.stderr and MARK not in checked.stderr


def test_a_key_that_ends_with_a_line_end_is_taken_without_it_and_that_is_said(serve, run, ai, tmp_path):
    text = FLOW.replace("{file: secrets/openai}", '"${KEY}"')
    env = {"OPENAI_BASE_URL": ai.url, "KEY": f"sk-{MARK}\r\n"}
    host = serve(text, env=env)
    assert key_used(host, ai) == f"Bearer sk-{MARK}"
    checked = run("check", "pipeline-0.yaml", env=env)
    assert checked.returncode == 0 and MARK not in checked.stderr
    assert "warning: 'key' of resource 'model' ends with a line end, which is left out" in checked.stderr


@pytest.mark.parametrize("ends", ["\n\n", "\r\n\r\n", "\n\n\n"])
def test_further_line_ends_of_a_file_are_left_out_and_that_is_said(serve, run, ai, secret, ends):
    """With one of them left no call could be made, and nothing would have said why."""
    secret(f"sk-{MARK}{ends}")
    env = {"OPENAI_BASE_URL": ai.url}
    host = serve(FLOW, env=env)
    assert key_used(host, ai) == f"Bearer sk-{MARK}"
    checked = run("check", "pipeline-0.yaml", env=env)
    assert checked.returncode == 0 and MARK not in checked.stderr
    assert "warning: 'key' of resource 'model' ends with a line end, which is left out" in checked.stderr


@pytest.mark.parametrize("kind", ["gone", "folder"])
def test_variables_stay_where_their_file_is_gone_and_are_read_again_when_it_is_back(serve, ai, tmp_path, kind):
    (tmp_path / ".env").write_text("KEY=sk-one\n")
    host = serve(FLOW.replace("{file: secrets/openai}", '"${KEY:-}"'), env={"OPENAI_BASE_URL": ai.url}, arguments=["--watch"])
    assert key_used(host, ai) == "Bearer sk-one"
    (tmp_path / ".env").unlink()
    if kind == "folder":
        (tmp_path / ".env").mkdir()
    reload(host)
    assert key_used(host, ai) == "Bearer sk-one"
    assert any(".env: warning: no such file; its values of before stay" in line for line in host.log)
    if kind == "folder":
        (tmp_path / ".env").rmdir()
    (tmp_path / ".env").write_text("KEY=sk-two\n")
    wait_until(lambda: key_used(host, ai) == "Bearer sk-two", "the file's new key")


def test_variables_of_a_pipe_stay_where_it_gives_nothing_more(serve, ai, tmp_path):
    """As with --env-file <(…): a pipe gives what it has once."""
    host = serve(FLOW.replace("{file: secrets/openai}", '"${KEY}"'), env={"OPENAI_BASE_URL": ai.url},
                 prefix=["bash", "-c", 'exec "$@" --env-file <(echo KEY=sk-from-a-pipe)', "bash"])
    assert key_used(host, ai) == "Bearer sk-from-a-pipe"
    reload(host)
    assert any("its values of before stay" in line for line in host.log)
    assert key_used(host, ai) == "Bearer sk-from-a-pipe"
    file = tmp_path / "pipeline-0.yaml"
    file.write_text(file.read_text().replace("complete,", "complete: {prompt: '{{prompt}}!'},"))
    reload(host)
    assert key_used(host, ai) == "Bearer sk-from-a-pipe"
    assert ai.calls[-1]["body"]["messages"][-1]["content"] == "hello!"
