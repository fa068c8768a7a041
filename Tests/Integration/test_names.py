"""One rule for names of users, compared by their bytes, and users of keys that come from the key."""

import hashlib
import json
import urllib.parse
import uuid

import pytest
from websockets.exceptions import InvalidStatus

from conftest import receive, receive_json
from test_auth import FLOW, SECRET, bearer, enter, fetch, guarded, refusal
from tokens import claims, hs256

COMPOSED, DECOMPOSED = "Andr\u00e9", "Andre\u0301"
BAD = ["\n", "a\u0085b", "a\u2028b", "\u2029", "\u200d", "\u00a0\u200b", " ", "\x7f", "x" * 129, "\u4e2d" * 3000]
GOOD = ["Ann Lee", "\u4e2d" * 128, "\U0001f468\u200d\U0001f469", COMPOSED]


@pytest.fixture
def host(serve):
    return serve(f"pipeline: p\n{FLOW.replace('[receive', '[receive: {format: json}')}".replace(
        "stages: [receive: {format: json}, complete, persist, respond]",
        "stages:\n  - receive: {format: json}\n  - complete\n  - persist\n  - respond"))


def post(host, message, query=""):
    status, text, _ = fetch(host, f"/ws?{query}", data=json.dumps(message).encode())
    return status, json.loads(text) if text.startswith("{") else text


def test_a_name_in_a_message_and_in_the_query_has_the_same_rule(host):
    for name in [*BAD, ""]:
        status, answer = post(host, {"prompt": "x", "id": "c", "username": name})
        assert (status, answer["error"]["code"], answer["id"]) == (400, "invalid_message", "c"), name
    with host.connect() as client:
        receive_json(client)
        for name in BAD[:-1]:
            client.send(json.dumps({"prompt": "x", "username": name}))
            assert receive_json(client)["error"]["code"] == "invalid_message", name
    for name in BAD[:-1]:
        query = f"username={urllib.parse.quote(name)}"
        assert post(host, {"prompt": "x"}, query)[0] == 400, name
        with pytest.raises(InvalidStatus) as refused:
            host.connect(query).__enter__()
        assert refused.value.response.status_code == 400, name
    for name in GOOD:
        assert post(host, {"prompt": "x", "username": name})[0] == 200, name
        assert post(host, {"prompt": "x"}, f"username={urllib.parse.quote(name)}")[0] == 200, name
    assert post(host, {"prompt": "x"}, "username=")[0] == 200
    names = [row["username"] for row in host.rows("username, created_at")]
    assert [name.encode() for name in names] == [name.encode() for name in GOOD for _ in "12"] + [b"WebUser"]


@pytest.mark.parametrize("name", ['a\\nb', "\\u200d", "\\u2028", " "])
def test_a_name_of_a_key_has_the_rule_too(run, tmp_path, name):
    (tmp_path / "p.yaml").write_text(f'pipeline: p\nhost: {{auth: {{keys: [{{key: a, user: "{name}"}}]}}}}\n{FLOW}')
    checked = run("check", tmp_path / "p.yaml")
    assert checked.returncode == 1 and "2:" in checked.stderr and "'user'" in checked.stderr


def test_a_token_with_a_name_that_is_none_is_refused(serve):
    host = guarded(serve, '{jwt: {secret: "${SECRET}"}}', env={"SECRET": SECRET})
    for claim in ["sub", "name"]:
        for name in ["", "\u200d", "a\u2028", "x" * 129]:
            assert refusal(host, headers=bearer(hs256(SECRET, claims(**{claim: name})))).status_code == 401, (claim, name)
    # Users of keys without a name are nobody else's.
    assert refusal(host, headers=bearer(hs256(SECRET, claims(sub="key-0123456789ab")))).status_code == 401
    with enter(host, hs256(SECRET, claims(sub="key-1"))) as client:
        client.send("x")
        assert receive(client) == "x"


@pytest.mark.parametrize("receive", ["receive", "receive: {on_disconnect: {hold: 60s}}"])
def test_users_whose_names_only_look_alike_do_not_share_sessions(serve, receive):
    stages = f"stages:\n  - {receive}\n  - complete\n  - persist\n  - respond\n"
    text = "resources: {m: echo, d: {sqlite: {path: data/stagecoach.db}}}\n" + stages
    auth = 'auth: {jwt: {secret: "${SECRET}"}}, history: true'
    host = serve(f"pipeline: p\nhost: {{{auth}}}\n{text}", env={"SECRET": SECRET})
    session = str(uuid.uuid4())
    mine, theirs = (hs256(SECRET, claims(sub=name)) for name in [COMPOSED, DECOMPOSED])
    body = json.dumps({"prompt": "mine", "id": "c-1"}).encode()
    assert fetch(host, f"/ws?session={session}", mine, body)[0] == 200
    assert fetch(host, f"/ws?session={session}", theirs, body)[0] == 403
    assert refusal(host, f"session={session}&after=0", bearer(theirs)).status_code == 403
    assert fetch(host, f"/sessions/{session}", theirs)[0] == 404
    assert fetch(host, f"/sessions/{session}", mine)[0] == 200
    # After a restart the table says whose it is.
    host.stop()
    host = serve(f"pipeline: p\nhost: {{{auth}}}\n{text}", env={"SECRET": SECRET})
    assert fetch(host, f"/ws?session={session}", theirs, body)[0] == 403
    assert fetch(host, f"/ws?session={session}", mine, body)[0] == 200


def test_the_user_of_a_key_without_a_name_comes_from_the_key(serve, run):
    session = str(uuid.uuid4())
    keys = {"A": "key-a-0123456789", "B": "key-b-0123456789"}
    env = {**keys, "SECRET": SECRET}
    body = json.dumps({"prompt": "x"}).encode()
    host = guarded(serve, '{keys: ["${A}", "${B}"]}', env=env)
    assert fetch(host, f"/ws?session={session}", keys["A"], body)[0] == 200
    host.stop()
    assert any("key-1" in line and "user: key-1" in line for line in host.log)
    assert not any(key in line for key in keys.values() for line in host.log)
    # With the first key gone the second is who it was, and sees nothing of it.
    host = guarded(serve, '{keys: ["${B}"]}', env=env)
    assert fetch(host, f"/ws?session={session}", keys["B"], body)[0] == 403
    assert fetch(host, "/ws", keys["B"], body)[0] == 200
    users = [row["user_id"] for row in host.rows("user_id, created_at")]
    assert users == [f"key-{hashlib.sha256(keys[name].encode()).hexdigest()[:12]}" for name in "AB"]
    # The rows of before are kept by a name.
    with host.database() as database:
        database.execute("update requests set user_id = 'key-1' where session_id = ?", [session])
    host.stop()
    host = guarded(serve, '{keys: [{key: "${A}", user: key-1}]}', env=env)
    assert fetch(host, f"/ws?session={session}", keys["A"], body)[0] == 200
    checked = run("check", host.folder / "pipeline-0.yaml", env=env)
    assert checked.returncode == 0 and "key-1" not in checked.stderr
