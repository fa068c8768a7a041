"""Who may come in: keys and tokens by header, by subprotocol and by first message; whose sessions are whose."""

import json
import shutil
import signal
import time
import urllib.error
import urllib.request

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from conftest import DEADLINE, receive, receive_json, wait_until
from tokens import EC, RSA, claims, encoded, hs256

KEY = "canary-key-0123456789abcdef/+="
# printf "$KEY" | sha256sum
KEY_USER = "key-d1f22427583a"
SECRET = "canary-secret-of-more-than-thirty-two-bytes"
FLOW = "resources: {m: echo, d: {sqlite: {path: data/stagecoach.db}}}\nstages: [receive, complete, persist, respond]\n"


def guarded(serve, auth, more="", receive="receive", **options):
    return serve(f"pipeline: p\nhost: {{auth: {auth}{more}}}\n{FLOW.replace('[receive', '[' + receive)}", **options)


@pytest.fixture
def keyed(serve):
    host = guarded(serve, '{keys: ["${KEY}", {key: key-of-ann, user: ann}, {key: key-of-bob, user: bob}]}',
                   more=", history: true", env={"KEY": KEY})
    yield host
    host.stop()
    everything = host.line + "".join(host.log)
    assert KEY not in everything and "key-of-" not in everything


@pytest.fixture
def signed(serve):
    host = guarded(serve, '{jwt: {secret: "${SECRET}"}}', env={"SECRET": SECRET})
    yield host
    host.stop()
    assert SECRET not in "".join(host.log) and "eyJ" not in "".join(host.log)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def enter(host, token, query="", **options):
    return host.connect(query, additional_headers=bearer(token), **options)


def refusal(host, query="", headers=None, **options):
    with pytest.raises(InvalidStatus) as refused, host.connect(query, additional_headers=headers or {}, **options):
        pass
    return refused.value.response


def fetch(host, path, token=None, data=None):
    request = urllib.request.Request(f"{host.http}{path}", data=data, headers=bearer(token) if token else {})
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


def says(client, text="hello"):
    client.send(text)
    assert receive(client) == text


def test_a_key_by_header_lets_in_and_is_the_rows_user(keyed):
    for token in (KEY, "key-of-ann"):
        with enter(keyed, token, "username=mallory") as client:
            says(client)
    rows = keyed.wait_for_rows(2)
    assert [(row["user_id"], row["username"]) for row in rows] == [(KEY_USER, "mallory"), ("ann", "ann")]


@pytest.mark.parametrize("headers", [{}, bearer("wrong"), bearer(""), {"Authorization": "Basic eDp5"}, bearer(KEY + "x"),
                                     bearer(KEY[:-1])], ids=str)
def test_without_a_good_key_nobody_comes_in(keyed, headers):
    response = refusal(keyed, headers=headers)
    assert response.status_code == 401 and response.headers["WWW-Authenticate"].startswith("Bearer realm=")
    assert keyed.rows() == []


def test_a_browser_shows_its_key_by_subprotocol_and_it_is_not_said_back(keyed):
    plain = ["stagecoach", "bearer.key-of-ann"]
    odd = ["bearer64." + encoded(KEY.encode()), "stagecoach"]
    for protocols in (plain, odd):
        with keyed.connect(subprotocols=protocols) as client:
            assert client.subprotocol == "stagecoach"
            assert "key" not in str(client.response.headers) and "bearer" not in str(client.response.headers)
            says(client)
    assert refusal(keyed, subprotocols=["stagecoach", "bearer.wrong"]).status_code == 401
    assert refusal(keyed, subprotocols=["stagecoach"]).status_code == 401


def test_a_key_in_the_address_lets_nobody_in(keyed):
    for name in ("token", "access_token", "key"):
        assert refusal(keyed, f"{name}=key-of-ann").status_code == 401


def test_the_first_message_may_be_the_token(keyed):
    with keyed.connect("format=json&username=mallory") as client:
        client.send(json.dumps({"type": "auth", "token": "key-of-ann"}))
        client.send(json.dumps({"prompt": "at once", "id": "c-1"}))
        assert receive_json(client)["type"] == "session"
        assert receive_json(client)["response"] == "at once"
        client.send(json.dumps({"prompt": "later"}))
        assert receive_json(client)["response"] == "later"
    assert {(row["user_id"], row["username"]) for row in keyed.wait_for_rows(2)} == {("ann", "ann")}


@pytest.mark.parametrize("first", [{"prompt": "hello"}, {"type": "auth", "token": "wrong"}, {"type": "auth"}, "hello"],
                         ids=str)
def test_nothing_is_worked_on_before_a_good_token(keyed, first):
    with keyed.connect("format=json") as client:
        with pytest.raises(ConnectionClosed) as closed:
            client.send(json.dumps(first))
            for _ in range(20):
                client.send(json.dumps({"prompt": "hello"}))
            while True:
                client.recv(timeout=DEADLINE)
    assert closed.value.rcvd.code == 1008
    assert keyed.rows() == []


def test_a_first_message_must_come_in_the_time_of_a_handshake(serve):
    host = guarded(serve, "{keys: [key-of-ann]}", more=", limits: {handshake: 300ms}")
    with host.connect("format=json") as client, pytest.raises(ConnectionClosed) as closed:
        client.ping()
        client.recv(timeout=DEADLINE)
    assert closed.value.rcvd.code == 1008
    with host.connect("format=json") as client:
        client.send(json.dumps({"type": "auth", "token": "key-of-ann"}))
        assert receive_json(client)["type"] == "session"
        time.sleep(0.5)  # longer than a handshake may take
        client.send(json.dumps({"prompt": "still here"}))
        assert receive_json(client)["response"] == "still here"


def test_who_has_yet_to_show_its_token_is_told_that_the_host_stops(serve):
    host = guarded(serve, "{keys: [key-of-ann]}")
    with host.connect("format=json") as client:
        # The pong shows that the host has the connection.
        assert client.ping().wait(DEADLINE)
        host.stop()
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=DEADLINE)
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, "the host is stopping")


def test_a_post_needs_a_key_too(keyed):
    body = json.dumps({"prompt": "hello", "username": "mallory"}).encode()
    for token in (None, "wrong"):
        status, text, headers = fetch(keyed, "/ws", token, body)
        assert status == 401 and headers["WWW-Authenticate"] and "wrong" not in text
    status, text, _ = fetch(keyed, "/ws", "key-of-ann", body)
    assert status == 200 and json.loads(text)["response"] == "hello"
    assert [(row["user_id"], row["username"]) for row in keyed.wait_for_rows(1)] == [("ann", "ann")]


def test_what_a_client_says_of_itself_changes_no_row(keyed):
    with enter(keyed, "key-of-ann", "format=json&user_id=mallory&id=1&created_at=2000") as client:
        session = receive_json(client)["session_id"]
        client.send(json.dumps({"prompt": "x", "user_id": "mallory", "session_id": "s", "message_id": "m",
                                "created_at": "2000-01-01T00:00:00Z", "username": "mallory", "address": "1.2.3.4"}))
        answer = receive_json(client)
    (row,) = keyed.wait_for_rows(1)
    assert (row["user_id"], row["username"], row["session_id"]) == ("ann", "ann", session)
    assert row["id"] == answer["message_id"] != "m" and not row["created_at"].startswith("2000")


def test_a_session_is_its_first_users(keyed, serve):
    with enter(keyed, "key-of-ann") as client:
        session = client.response.headers["Stagecoach-Session"]
        says(client)
    assert refusal(keyed, f"session={session}", bearer("key-of-bob")).status_code == 403
    assert fetch(keyed, f"/ws?session={session}", "key-of-bob", b'{"prompt": "x"}')[0] == 403
    with keyed.connect(f"session={session}&format=json") as client, pytest.raises(ConnectionClosed) as closed:
        client.send(json.dumps({"type": "auth", "token": "key-of-bob"}))
        client.recv(timeout=DEADLINE)
    assert closed.value.rcvd.code == 1008
    with enter(keyed, "key-of-ann", f"session={session}") as client:
        says(client, "again")
    assert {row["session_id"] for row in keyed.wait_for_rows(2)} == {session}


def test_a_stored_session_stays_its_users_after_a_restart(serve, tmp_path):
    auth = "{keys: [{key: key-of-ann, user: ann}, {key: key-of-bob, user: bob}]}"
    first = guarded(serve, auth)
    with enter(first, "key-of-ann") as client:
        session = client.response.headers["Stagecoach-Session"]
        says(client)
    first.wait_for_rows(1)
    first.stop()
    second = guarded(serve, auth)
    assert refusal(second, f"session={session}", bearer("key-of-bob")).status_code == 403
    assert fetch(second, f"/ws?session={session}", "key-of-bob", b'{"prompt": "x"}')[0] == 403
    status, text, _ = fetch(second, f"/ws?session={session}", "key-of-ann", b'{"prompt": "x"}')
    assert status == 200 and json.loads(text)["session_id"] == session
    with second.connect(f"session={session}&format=json") as client:
        client.send(json.dumps({"type": "auth", "token": "key-of-ann"}))
        client.send(json.dumps({"prompt": "while it is looked up"}))
        assert receive_json(client)["session_id"] == session
        assert receive_json(client)["response"] == "while it is looked up"


def test_a_session_that_is_kept_is_its_first_users(serve):
    host = guarded(serve, "{keys: [{key: key-of-ann, user: ann}, {key: key-of-bob, user: bob}]}",
                   receive="receive: {on_disconnect: {hold: 60s}, format: json}")
    with enter(host, "key-of-ann") as client:
        session = receive_json(client)["session_id"]
    assert refusal(host, f"session={session}&after=1", bearer("key-of-bob")).status_code == 403
    with enter(host, "key-of-ann", f"session={session}&after=1") as client:
        assert receive_json(client)["resumed"] is True


def test_a_session_is_shown_to_its_user_alone(keyed):
    with enter(keyed, "key-of-ann", "format=json") as client:
        session = receive_json(client)["session_id"]
        for prompt in ("one", "two \"quoted\"\n"):
            client.send(json.dumps({"prompt": prompt}))
            receive_json(client)
    keyed.wait_for_rows(2)
    status, text, headers = fetch(keyed, f"/sessions/{session}", "key-of-ann")
    rows = json.loads(text)
    assert status == 200 and headers["Content-Type"] == "application/json"
    assert [(row["prompt"], row["response"], row["user_id"]) for row in rows] == [
        (prompt, prompt, "ann") for prompt in ("one", "two \"quoted\"\n")]
    stored = keyed.rows()
    assert [row["id"] for row in rows] == [row["id"] for row in stored]
    assert [row["created_at"] for row in rows] == [row["created_at"] for row in stored]
    assert [row["metadata"] for row in rows] == [json.loads(row["metadata"]) if row["metadata"] else None for row in stored]
    assert len(json.loads(fetch(keyed, f"/sessions/{session}?limit=1", "key-of-ann")[1])) == 1
    assert fetch(keyed, f"/sessions/{session}", "key-of-bob")[0] == 404
    assert fetch(keyed, f"/sessions/{session}")[0] == 401
    assert fetch(keyed, f"/sessions/{session}?limit=x", "key-of-ann")[0] == 400
    for id in ("5f350470-f5d5-4d96-93db-8d732a78cfc9", "x", "", "%27%20or%201=1"):
        assert fetch(keyed, f"/sessions/{id}", "key-of-ann")[0] == 404


def test_sessions_are_shown_only_where_the_file_says_so(serve):
    host = serve(f"pipeline: p\n{FLOW}")
    with host.connect() as client:
        session = client.response.headers["Stagecoach-Session"]
        says(client)
    host.wait_for_rows(1)
    assert fetch(host, f"/sessions/{session}")[0] == 404


def test_metrics_are_this_machines_and_not_a_proxys(serve):
    host = guarded(serve, "{keys: [key-of-ann]}")
    assert fetch(host, "/metrics")[0] == 200
    for name in ("X-Forwarded-For", "Forwarded"):
        request = urllib.request.Request(f"{host.http}/metrics", headers={name: "127.0.0.1"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=DEADLINE)
        assert refused.value.code == 403
    closed = guarded(serve, "{keys: [key-of-ann]}", more=", metrics: auth")
    assert [fetch(closed, "/metrics", token)[0] for token in (None, "wrong", "key-of-ann")] == [401, 401, 200]


def test_a_signed_token_lets_in_and_names_the_user(signed):
    with enter(signed, hs256(SECRET, claims(name="Ann")), "format=json&username=mallory") as client:
        receive(client)
        client.send(json.dumps({"prompt": "hello", "username": "mallory"}))
        receive(client)
    (row,) = signed.wait_for_rows(1)
    assert (row["user_id"], row["username"]) == ("user-7", "Ann")


def test_a_short_secret_checks_tokens_as_it_is(serve):
    host = guarded(serve, "{jwt: {secret: short}}")
    with enter(host, hs256("short", claims())) as client:
        says(client)
    assert refusal(host, headers=bearer(hs256("shorter", claims()))).status_code == 401


def test_a_token_that_is_forged_expired_or_not_yet_good_is_401(signed):
    good = hs256(SECRET, claims())
    unsigned = f"{encoded(json.dumps({'alg': 'none'}).encode())}.{good.split('.')[1]}."
    bad = {"forged": hs256(SECRET + "x", claims()), "expired": hs256(SECRET, claims(-5)), "unsigned": unsigned,
           "early": hs256(SECRET, claims(nbf=time.time() + 60)), "nobody's": hs256(SECRET, {"exp": time.time() + 60}),
           "cut": good[:-2], "another algorithm": hs256(SECRET, claims(), algorithm="HS512")}
    for name, token in bad.items():
        response = refusal(signed, headers=bearer(token))
        assert response.status_code == 401 and "invalid_token" in response.headers["WWW-Authenticate"], name
        assert fetch(signed, "/ws", token, b'{"prompt": "x"}')[0] == 401, name
    assert "expired" in refusal(signed, headers=bearer(bad["expired"])).headers["WWW-Authenticate"]
    assert signed.rows() == []


@pytest.mark.parametrize("way", ["header", "first message"])
def test_a_connection_ends_with_its_token(signed, way):
    token = hs256(SECRET, claims(2))
    with (enter(signed, token) if way == "header" else signed.connect("format=json")) as client:
        if way != "header":
            client.send(json.dumps({"type": "auth", "token": token}))
            receive(client)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=DEADLINE)
    assert closed.value.rcvd.code == 1008 and "expired" in closed.value.rcvd.reason
    with enter(signed, hs256(SECRET, claims())) as client:
        says(client)


@pytest.mark.parametrize("kind", [RSA, EC])
def test_a_public_key_checks_tokens_and_is_no_secret(serve, tmp_path, kind):
    mine, other = kind(tmp_path, "mine"), kind(tmp_path, "other")
    host = guarded(serve, f"{{jwt: {{public_key: {mine.public}, issuer: us, audience: chat, username_claim: nick}}}}")
    with enter(host, mine.token(claims(iss="us", aud=["chat", "x"], nick="Ann"))) as client:
        says(client)
    assert host.wait_for_rows(1)[0]["username"] == "Ann"
    for token in (other.token(claims(iss="us", aud="chat")), mine.token(claims(iss="them", aud="chat")),
                  mine.token(claims(iss="us", aud="mail")), mine.token(claims(iss="us")),
                  hs256(mine.public.read_text(), claims(iss="us", aud="chat")),
                  hs256(mine.public.read_text(), claims(iss="us", aud="chat"), algorithm=kind.algorithm)):
        assert refusal(host, headers=bearer(token)).status_code == 401


def test_a_key_set_has_a_key_for_each_token(serve, tmp_path):
    rsa, ec, other = RSA(tmp_path), EC(tmp_path), EC(tmp_path, "other")
    keys = [rsa.jwk(kid="a", use="sig", alg="RS256"), ec.jwk(kid="b"), other.jwk(kid="c", use="enc"),
            {"kty": "oct", "k": "c2VjcmV0", "kid": "d"}, {"kty": "new"}]
    (tmp_path / "keys.json").write_text(json.dumps({"keys": keys}))
    host = guarded(serve, "{jwt: {jwks: keys.json}}")
    for token in (rsa.token(claims(), kid="a"), ec.token(claims(), kid="b"), rsa.token(claims()), ec.token(claims())):
        with enter(host, token) as client:
            says(client)
    for token in (rsa.token(claims(), kid="b"), ec.token(claims(), kid="a"), other.token(claims(), kid="c"),
                  other.token(claims()), hs256("secret", claims(), kid="d"), ec.token(claims(), kid="z")):
        assert refusal(host, headers=bearer(token)).status_code == 401


@pytest.mark.parametrize("setting", ["public_key", "jwks"])
def test_a_hangup_exchanges_the_keys_of_tokens_and_keeps_the_old_ones_where_the_file_is_bad(serve, tmp_path, setting):
    old, new = RSA(tmp_path, "old"), RSA(tmp_path, "new")
    file = tmp_path / "keys"

    def put(key):
        file.write_text(key.public.read_text() if setting == "public_key" else json.dumps({"keys": [key.jwk()]}))

    def enters(key):
        try:
            with enter(host, key.token(claims())) as client:
                says(client)
            return True
        except InvalidStatus as refused:
            assert refused.response.status_code == 401
            return False

    put(old)
    host = guarded(serve, f"{{jwt: {{{setting}: keys}}}}")
    with enter(host, old.token(claims())) as former:
        assert enters(old) and not enters(new)
        put(new)
        host.process.send_signal(signal.SIGHUP)
        wait_until(lambda: enters(new), "the new key to be taken")
        assert not enters(old)
        with pytest.raises(ConnectionClosed) as closed:
            receive(former)
        assert closed.value.rcvd.code == 1008
    with enter(host, new.token(claims())) as inside:
        file.write_text("nothing")
        host.process.send_signal(signal.SIGHUP)
        wait_until(lambda: any("keys of tokens can't be used" in line for line in host.log), "the bad file to be said")
        assert enters(new)
        says(inside)


@pytest.mark.parametrize(
    ("content", "word"),
    [(None, "can't be read"), ("nothing", "no public key"), ("-----BEGIN PRIVATE KEY-----\nx\n", "private key")])
def test_a_key_file_that_cannot_be_used_is_named_at_its_place(run, tmp_path, content, word):
    if content:
        (tmp_path / "key.pem").write_text(content)
    (tmp_path / "p.yaml").write_text(f"pipeline: p\nhost:\n  auth: {{jwt: {{public_key: key.pem}}}}\n{FLOW}")
    for command in (["check", tmp_path / "p.yaml"], ["serve", tmp_path / "p.yaml", "--port", "0"]):
        done = run(*command)
        assert done.returncode == 1 and ":3:28: error: 'key.pem'" in done.stderr and word in done.stderr


@pytest.mark.parametrize(
    ("host", "is_tried", "is_warned"),
    [("", False, False), ("host: {auth: {keys: [key-of-ann]}}", True, True),
     ("host: {auth: {keys: [key-of-ann]}, trusted_proxies: [10.0.0.1]}", True, False)])
def test_only_where_they_must_authenticate_others_are_served(run, tmp_path, host, is_tried, is_warned):
    (tmp_path / "p.yaml").write_text(f"pipeline: p\n{host}\n{FLOW}")
    # An address of documentation: no machine has it, so it can't be listened on where that is tried.
    done = run("serve", tmp_path / "p.yaml", "--host", "192.0.2.1", "--port", "0")
    assert done.returncode == 1
    assert ("can't listen on 192.0.2.1" in done.stderr, "--insecure" in done.stderr) == (is_tried, not is_tried)
    assert ("Without TLS" in done.stderr) == is_warned


def test_metrics_behind_auth_need_auth(run, tmp_path):
    (tmp_path / "p.yaml").write_text(f"pipeline: p\nhost: {{metrics: auth}}\n{FLOW}")
    checked = run("check", tmp_path / "p.yaml")
    assert checked.returncode == 1 and ":2:1: error: 'metrics: auth' needs 'auth'" in checked.stderr


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_from_elsewhere_is_refused_whatever_its_key(keyed, method):
    for origin in ("null", "https://evil.example", f"http://127.0.0.1:{keyed.port}.evil.example", "http://127.0.0.1"):
        request = urllib.request.Request(f"{keyed.http}/ws", data=b'{"prompt": "x"}' if method == "POST" else None,
                                         headers={**bearer("key-of-ann"), "Origin": origin})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=DEADLINE)
        assert refused.value.code == 403
        if method == "GET":
            assert refusal(keyed, headers=bearer("key-of-ann"), origin=origin).status_code == 403
    assert keyed.rows() == []


def test_a_browser_comes_in_by_the_page_and_by_a_subprotocol(keyed):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(keyed.http + "/")
        page.fill("#token", "wrong")
        page.press("#token", "Enter")
        page.wait_for_selector("#state:has-text('not valid')")
        page.fill("#token", "key-of-ann")
        page.press("#token", "Enter")
        page.wait_for_selector("#state:has-text('session ')")
        page.fill("#prompt", "by the page")
        page.click("#send")
        page.wait_for_selector("#log .answer:not(.waiting)")
        answer = page.evaluate(
            """() => new Promise((done, failed) => {
                const socket = new WebSocket(location.origin.replace("http", "ws") + "/ws", ["stagecoach", "bearer.key-of-bob"]);
                socket.onopen = () => socket.send("by a subprotocol");
                socket.onmessage = event => done(socket.protocol + ": " + event.data);
                socket.onclose = failed;
            })""")
        browser.close()
    assert answer == "stagecoach: by a subprotocol"
    assert [(row["prompt"], row["user_id"]) for row in keyed.wait_for_rows(2)] == [
        ("by the page", "ann"), ("by a subprotocol", "bob")]
