"""Keys of tokens that their issuer publishes at an address: fetched, kept, asked for again, and what is told meanwhile."""

import base64
import concurrent.futures
import gzip
import hashlib
import hmac
import json
import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.exceptions import ConnectionClosed, InvalidStatus

from conftest import DEADLINE, metrics, receive, receive_json, wait_until
from issuer import Issuer, Key, answer, tls
from listener import Listener
from tokens import openssl

FLOW = "resources: {m: echo}\nstages: [receive, complete, respond]\n"


@pytest.fixture(scope="module")
def keys():
    """Keys take a while to make."""
    return {name: Key(name) for name in ("one", "two", "three")} | {"ec": Key("ec", "ES256"), "nameless": Key()}


@pytest.fixture
def issuer(keys):
    issuer = Issuer(keys["one"])
    yield issuer
    issuer.stop()


def guarded(serve, address, more="", **options):
    return serve(f"pipeline: p\nhost: {{auth: {{keys: [{{key: key-of-ann, user: ann}}], jwt: {{jwks: '{address}'{more}}}}}}}\n"
                 f"{FLOW}", **options)


def ask(host, token=None, path="/ws", data=b'{"prompt": "x"}'):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"{host.http}{path}", data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as response:
            return response.status, response.read().decode(), response.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


def status(host, token):
    return ask(host, token)[0]


def readiness(host):
    return ask(host, path="/readyz", data=None)[:2]


def said(host, words):
    return [entry for entry in map(json.loads, list(host.log)) if words in entry["message"]]


def hang_up(host, issuer):
    """Has the keys asked for again, and waits until the answer is taken."""
    before = fetches(host)
    host.process.send_signal(signal.SIGHUP)
    wait_until(lambda: fetches(host) > before, "the keys to be asked for again")


def enter(host, token):
    return host.connect(additional_headers={"Authorization": f"Bearer {token}"})


def speaks(client):
    client.send("hello")
    return receive(client) == "hello"


def is_closed(client):
    with pytest.raises(ConnectionClosed) as closed:
        client.recv(timeout=DEADLINE)
    assert closed.value.rcvd.code == 1008


def fetches(host, outcome=""):
    lines = [line for line in metrics(host).splitlines() if line.startswith("stagecoach_token_key_fetches_total{")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if outcome in line)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


# Tokens, as issuers make them.


def test_a_token_of_a_published_key_lets_in_by_every_way(serve, issuer, keys):
    issuer.publish(keys["one"], keys["ec"])
    host = guarded(serve, issuer.address, ", issuer: us, audience: chat")
    for key in (keys["one"], keys["ec"]):
        good = key.token(iss="us", aud=["chat"], name="Ann")
        assert ask(host, good)[0] == 200
        with host.connect(additional_headers={"Authorization": f"Bearer {good}"}) as client:
            client.send("hello")
            assert receive(client) == "hello"
        with host.connect(subprotocols=["stagecoach", f"bearer.{good}"]) as client:
            client.send("hello")
            assert receive(client) == "hello"
        with host.connect("format=json") as client:
            client.send(json.dumps({"type": "auth", "token": good}))
            client.send(json.dumps({"prompt": "hello"}))
            assert receive_json(client)["type"] == "session"
            assert receive_json(client)["response"] == "hello"
        for bad in (key.token(iss="them", aud="chat"), key.token(iss="us", aud="mail"), key.token(-5, iss="us", aud="chat")):
            assert status(host, bad) == 401
    assert readiness(host) == (200, "auth jwks: ready\np m: ready\n")
    assert len(issuer.asked) == 1


def auth0(key):
    return {"alg": "RS256", "kty": "RSA", "use": "sig", "n": key.jwk["n"], "e": key.jwk["e"], "kid": key.kid,
            "x5t": "bW9uZXk", "x5c": ["MIIDAzCCAeugAwIBAgIJ"]}


def keycloak(key):
    return {"kid": key.kid, "kty": "RSA", "alg": "RS256", "use": "sig", "n": key.jwk["n"], "e": "AQAB",
            "x5c": ["MIICmzCCAYMCBgGL"], "x5t": "x", "x5t#S256": "y"}


def google(key):
    return {"n": key.jwk["n"], "use": "sig", "kid": key.kid, "e": "AQAB", "alg": "RS256", "kty": "RSA"}


def entra(key):
    return {"kty": "RSA", "use": "sig", "kid": key.kid, "x5t": key.kid, "n": key.jwk["n"], "e": "AQAB",
            "x5c": ["MIIC"], "cloud_instance_name": "example", "issuer": "https://login.example/{tenantid}/v2.0"}


def cognito(key):
    return {"alg": "RS256", "e": "AQAB", "kid": key.kid, "kty": "RSA", "n": key.jwk["n"], "use": "sig"}


@pytest.mark.parametrize("vendor", [auth0, keycloak, google, entra, cognito])
def test_documents_are_read_as_issuers_write_them(serve, issuer, keys, vendor):
    encryption = {**Key("enc").jwk, "use": "enc", "alg": "RSA-OAEP", "kid": "enc"}
    issuer.publish(encryption, vendor(keys["one"]), vendor(keys["two"]))
    issuer.headers = {"Cache-Control": "public, max-age=19845, must-revalidate", "Content-Type": "application/jwk-set+json"}
    host = guarded(serve, issuer.address)
    assert [status(host, keys[name].token()) for name in ("one", "two", "three")] == [200, 200, 401]


def test_what_can_not_be_used_is_passed_over_and_said_once(serve, issuer, keys):
    secret = b"a secret that the issuer publishes, for everybody"
    shared = {"kty": "oct", "k": base64.urlsafe_b64encode(secret).rstrip(b"=").decode(), "kid": "shared", "alg": "HS256"}
    edwards = Key("ed", "EdDSA", alg="ES256")
    other = Key("enc", use="enc")
    writer = Key("writer", key_ops=["encrypt"])
    odd = [None, 7, {}, {"kty": 7}, {"kty": "new"}, {"kty": "RSA"}, {"kty": "RSA", "n": "", "e": ""}, {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
           {"kty": "RSA", "n": "!", "e": "AQAB"}, {"kty": "RSA", "n": [], "e": 3}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
           {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}, {"kty": "EC", "crv": "P-521", "x": "A", "y": "A"},
           {**keys["two"].jwk, "kid": 7}, {**keys["two"].jwk, "alg": "PS256"}, {**keys["two"].jwk, "e": "A" * 400}]
    issuer.publish(shared, edwards, other, writer, *odd, keys["one"])
    host = guarded(serve, issuer.address)
    assert status(host, keys["one"].token()) == 200
    forged = jwt.encode({"sub": "user-7"}, secret, algorithm="HS256", headers={"kid": "shared"})
    for token in (forged, edwards.token(), other.token(), writer.token(), keys["two"].token(), keys["two"].token(headers={})):
        assert status(host, token) == 401
    hang_up(host, issuer)
    (note,) = said(host, "Some of the issuer's keys are not used")
    assert note["level"] == "warning" and "1 symmetric (oct)" in note["detail"] and "2 for something else" in note["detail"]


def test_tokens_and_keys_without_a_name_are_tried_with_each_other(serve, issuer, keys):
    issuer.publish(keys["two"], keys["nameless"], keys["ec"])
    host = guarded(serve, issuer.address)
    for token in (keys["two"].token(headers={}), keys["ec"].token(headers={}), keys["nameless"].token(),
                  keys["nameless"].token(headers={"kid": "whatever"})):
        assert status(host, token) == 200
    assert len(issuer.asked) == 1
    assert status(host, keys["ec"].token(headers={"kid": "two"})) == 401
    assert status(host, keys["one"].token(headers={"kid": "ec"})) == 401


def test_nothing_in_a_token_chooses_a_key_or_has_one_fetched(serve, issuer, keys):
    """A public key is no secret, `none` is no signature, and addresses in a header are the sender's word."""
    evil = Issuer(keys["three"])
    host = guarded(serve, issuer.address)
    pem = keys["one"].private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def hs256(secret, alg="HS256", kid="one"):
        parts = [{"alg": alg, "kid": kid, "typ": "JWT"}, {"sub": "user-7"}]
        text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
        return f"{text}.{base64.urlsafe_b64encode(hmac.new(secret, text.encode(), hashlib.sha256).digest()).rstrip(b'=').decode()}"

    for token in (hs256(pem), hs256(pem, "RS256"), hs256(base64.urlsafe_b64decode(keys["one"].jwk["n"] + "==")), hs256(b""),
                  jwt.encode({"sub": "user-7"}, None, algorithm="none", headers={"kid": "one"})):
        assert status(host, token) == 401
    for header in ({"jku": evil.address}, {"x5u": evil.address}, {"jwk": keys["three"].jwk}, {"jku": evil.address, "kid": "one"},
                   {"jku": evil.address, "kid": "three"}, {"kid": "k" * 5000}, {"kid": "one", "crit": ["x"], "x": 1}):
        assert status(host, keys["three"].token(headers=header)) == 401
    assert evil.asked == [] and set(issuer.asked) == {"/keys"} and len(issuer.asked) <= 2
    with host.connect("format=json") as client, pytest.raises(ConnectionClosed) as closed:
        client.send(json.dumps({"type": "auth", "token": keys["three"].token(headers={"kid": "k" * 60_000})}))
        client.recv(timeout=DEADLINE)
    assert closed.value.rcvd.code in (1008, 1009)
    evil.stop()
    assert status(host, keys["one"].token()) == 200


def test_a_key_that_looks_like_a_token_is_a_key_and_asks_nobody(serve, issuer, keys):
    key = keys["three"].token()
    host = serve(f"pipeline: p\nhost: {{auth: {{keys: [{{key: {key}, user: ann}}], jwt: {{jwks: '{issuer.address}'}}}}}}\n{FLOW}")
    assert status(host, key) == 200 and len(issuer.asked) == 1
    assert status(host, keys["three"].token(90)) == 401 and len(issuer.asked) == 2


def test_two_keys_of_one_name_are_both_tried(serve, issuer, keys):
    issuer.publish({**keys["two"].jwk, "kid": "same"}, {**keys["one"].jwk, "kid": "same"}, {**keys["ec"].jwk, "kid": "same"})
    host = guarded(serve, issuer.address)
    for name in ("one", "two", "ec"):
        assert status(host, keys[name].token(headers={"kid": "same"})) == 200
    assert status(host, keys["three"].token(headers={"kid": "same"})) == 401


# Asked again.


def test_a_new_key_is_asked_for_when_its_first_token_comes_and_then_not_for_30_s(serve, issuer, keys):
    host = guarded(serve, issuer.address)
    assert status(host, keys["one"].token()) == 200
    issuer.publish(keys["one"], keys["two"])
    assert status(host, keys["two"].token()) == 200
    assert len(issuer.asked) == 2
    issuer.publish(keys["three"])
    for _ in range(20):
        assert status(host, keys["three"].token()) == 401
        assert status(host, keys["nameless"].token()) == 401
    assert len(issuer.asked) == 2
    assert status(host, keys["one"].token()) == 200
    # The operator needs no patience, and what was taken out of the set counts no more.
    hang_up(host, issuer)
    assert [status(host, keys[name].token()) for name in ("one", "two", "three")] == [401, 401, 200]
    assert len(issuer.asked) == 3


def test_who_is_refused_for_its_page_or_host_has_no_issuer_asked(serve, issuer, keys):
    host = guarded(serve, issuer.address)
    assert status(host, keys["one"].token()) == 200
    issuer.publish(keys["one"], keys["two"])
    for header in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        headers = {"Authorization": f"Bearer {keys['two'].token()}", **header}
        request = urllib.request.Request(f"{host.http}/ws", data=b'{"prompt": "x"}', headers=headers)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=DEADLINE)
        assert refused.value.code in (403, 421), header
    assert len(issuer.asked) == 1
    assert status(host, keys["two"].token()) == 200
    assert len(issuer.asked) == 2


def test_many_who_come_with_a_new_key_are_all_let_in_by_one_question(serve, issuer, keys):
    host = guarded(serve, issuer.address)
    issuer.publish(keys["one"], keys["two"])
    go = threading.Event()

    def late(handler):
        go.wait(DEADLINE)
        answer(handler, issuer.document)

    def by_post():
        return status(host, keys["two"].token())

    def by_handshake():
        with host.connect(additional_headers={"Authorization": f"Bearer {keys['two'].token()}"}) as client:
            client.send("hello")
            return 200 if receive(client) == "hello" else 0

    def by_first_message():
        with host.connect("format=json") as client:
            client.send(json.dumps({"type": "auth", "token": keys["two"].token()}))
            client.send(json.dumps({"prompt": "hello"}))
            return 200 if receive_json(client)["type"] == "session" and receive_json(client)["response"] == "hello" else 0

    issuer.act = late
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        asking = [pool.submit(way) for way in (by_post, by_handshake, by_first_message) for _ in range(10)]
        wait_until(lambda: len(issuer.asked) == 2, "the question")
        # Others are served meanwhile, by the same event loops.
        for _ in range(10):
            assert status(host, keys["one"].token()) == 200 and status(host, "key-of-ann") == 200
        assert not any(one.done() for one in asking)
        go.set()
        assert [one.result(timeout=DEADLINE) for one in asking] == [200] * 30
    assert len(issuer.asked) == 2


def test_requests_behind_one_that_waits_are_answered_after_it(serve, issuer, keys):
    host = guarded(serve, issuer.address)
    issuer.publish(keys["two"])
    issuer.act = lambda handler: (time.sleep(0.3), answer(handler, issuer.document))
    body = b'{"prompt": "posted"}'
    with host.raw() as connection:
        # All in one piece: the first one's body, and what follows it.
        connection.sendall((
            f"POST /ws HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {keys['two'].token()}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body
            + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
            + f"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {keys['one'].token()}\r\nConnection: close\r\n\r\n".encode())
        answers = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    first, second, third = (answers.index(part) for part in ('"response":"posted"', "ok\n", "there is nothing at"))
    assert first < second < third and answers.count("HTTP/1.1 ") == 3


def test_a_body_that_waits_to_be_asked_for_is_asked_for(serve, issuer, keys):
    host = guarded(serve, issuer.address)
    issuer.publish(keys["two"])
    issuer.act = lambda handler: (time.sleep(0.3), answer(handler, issuer.document))
    with host.raw() as connection:
        connection.sendall((
            f"POST /ws HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {keys['two'].token()}\r\nExpect: 100-continue\r\n"
            "Content-Length: 15\r\nConnection: close\r\n\r\n").encode())
        assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b'{"prompt": "x"}')
        assert b'"response":"x"' in b"".join(iter(lambda: connection.recv(65536), b""))


def test_what_is_sent_right_behind_a_handshake_that_waits_is_answered(serve, issuer, keys):
    host = guarded(serve, issuer.address)
    issuer.publish(keys["two"])
    issuer.act = lambda handler: (time.sleep(0.3), answer(handler, issuer.document))
    with host.raw() as connection:
        masked = bytes([0x81, 0x85, 0, 0, 0, 0]) + b"hello"
        connection.sendall((
            "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {keys['two'].token()}\r\n\r\n").encode() + masked)
        received = b""
        while not received.endswith(b"\x81\x05hello"):
            more = connection.recv(4096)
            assert more, received
            received += more
    assert received.startswith(b"HTTP/1.1 101 ")


def test_a_set_is_fetched_again_as_its_max_age_says(serve, issuer, keys):
    """A minute at least, which only `scripts/nightly` waits for (`JWKS_REFRESH=1`); in each run it is seen not to come early."""
    issuer.headers = {"Cache-Control": "max-age=1"}
    host = guarded(serve, issuer.address)
    issuer.publish(keys["two"])
    started = time.monotonic()
    if os.environ.get("JWKS_REFRESH"):
        wait_until(lambda: len(issuer.asked) == 2, "the second question", deadline=60 + DEADLINE)
        assert time.monotonic() - started > 58
        wait_until(lambda: status(host, keys["one"].token()) == 401, "the old key to be refused")
    else:
        time.sleep(1.5)
        assert len(issuer.asked) == 1 and status(host, keys["one"].token()) == 200


def test_a_reload_of_the_file_goes_on_with_the_keys_that_are_there(serve, issuer, keys):
    host = guarded(serve, issuer.address)
    issuer.act = lambda handler: answer(handler, b"", 500)
    host.process.send_signal(signal.SIGHUP)
    wait_until(lambda: said(host, "Reloaded"), "the reload")
    wait_until(lambda: len(issuer.asked) == 2, "the question")
    assert status(host, keys["one"].token()) == 200
    assert status(host, keys["three"].token(headers={"kid": "one"})) == 401


def test_who_came_by_a_key_that_is_withdrawn_stays_until_the_operator_says_otherwise(serve, issuer, keys):
    issuer.publish(keys["one"], keys["two"])
    host = guarded(serve, issuer.address)
    with (enter(host, keys["one"].token()) as first, enter(host, keys["two"].token()) as second,
          enter(host, "key-of-ann") as third):
        issuer.publish(keys["two"], keys["three"])
        # This has the set asked for again.
        assert status(host, keys["three"].token()) == 200 and status(host, keys["one"].token()) == 401
        assert speaks(first) and speaks(second) and speaks(third)
        # An outage closes nobody.
        issuer.act = lambda handler: answer(handler, b"", 500)
        hang_up(host, issuer)
        issuer.act = None
        assert speaks(second) and speaks(third)
        hang_up(host, issuer)
        is_closed(first)
        assert speaks(second) and speaks(third)


def test_who_was_to_be_looked_at_during_an_outage_is_looked_at_after_it(serve, issuer, keys):
    host = guarded(serve, issuer.address)
    with enter(host, keys["one"].token()) as first, enter(host, "key-of-ann") as second:
        issuer.publish(keys["two"])
        issuer.act = lambda handler: answer(handler, b"", 500)
        hang_up(host, issuer)
        assert speaks(first) and speaks(second)
        issuer.act = None
        # This has the set asked for at once.
        assert status(host, keys["two"].token()) == 200
        is_closed(first)
        assert speaks(second)


def rewrite(host, address, more):
    file = host.folder / "pipeline-0.yaml"
    count = len(said(host, "Reloaded"))
    file.write_text(f"pipeline: p\nhost: {{auth: {{keys: [{{key: key-of-ann, user: ann}}], jwt: {{jwks: '{address}'{more}}}}}}}\n{FLOW}")
    host.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(said(host, "Reloaded")) > count, "the reload")


def test_a_reload_keeps_the_keys_of_the_same_address_and_asks_another_anew(serve, issuer, keys):
    other = Issuer(keys["two"])
    host = guarded(serve, issuer.address, ", audience: chat")
    assert status(host, keys["one"].token(aud="chat")) == 200
    issuer.stop()
    # Whom tokens are for changes, and the issuer can't be asked.
    rewrite(host, issuer.address, ", audience: mail")
    assert status(host, keys["one"].token(aud="mail")) == 200 and status(host, keys["one"].token(aud="chat")) == 401
    rewrite(host, other.address, ", audience: mail")
    assert status(host, keys["two"].token(aud="mail")) == 200 and status(host, keys["one"].token(aud="mail")) == 401
    assert readiness(host)[1].startswith("auth jwks: ready\n")
    # Nobody asks the former one any more, and those who wait at the new one are let in.
    asked = len(other.asked)
    third = Issuer(keys["three"])
    third.act = lambda handler: (time.sleep(1.5), answer(handler, third.document))
    rewrite(host, third.address, "")
    assert status(host, keys["three"].token()) == 200 and len(third.asked) == 1
    assert len(other.asked) == asked
    other.stop()
    third.stop()


def test_at_another_issuer_that_is_out_of_reach_tokens_are_good_for_what_they_say(serve, issuer, keys):
    issuer.publish(keys["one"], keys["two"])
    port = free_port()
    host = guarded(serve, issuer.address)
    with (enter(host, keys["one"].token(aud="chat")) as first, enter(host, keys["two"].token(aud="chat")) as second,
          enter(host, keys["one"].token(aud="mail")) as third):
        rewrite(host, f"http://127.0.0.1:{port}/keys", ", audience: chat")
        is_closed(third)
        assert speaks(first) and speaks(second) and status(host, keys["two"].token(aud="chat")) == 503
        assert said(host, "stay connected until the issuer's keys are fetched")
        other = Issuer(keys["two"], port=port)
        is_closed(first)
        assert speaks(second)
        other.stop()


# Out of reach.


def test_an_issuer_that_is_out_of_reach_keeps_no_host_from_starting_and_is_said(serve, keys):
    port = free_port()
    host = guarded(serve, f"http://127.0.0.1:{port}/keys")
    good = keys["one"].token()
    code, text, headers = ask(host, good)
    assert code == 503 and 1 <= int(headers["Retry-After"]) <= 30 and "keys of their issuer" in text and str(port) not in text
    with pytest.raises(InvalidStatus) as refused, host.connect(additional_headers={"Authorization": f"Bearer {good}"}):
        pass
    assert refused.value.response.status_code == 503 and refused.value.response.headers["Retry-After"]
    with host.connect("format=json") as client, pytest.raises(ConnectionClosed) as closed:
        client.send(json.dumps({"type": "auth", "token": good}))
        client.recv(timeout=DEADLINE)
    assert closed.value.rcvd.code == 1013
    assert status(host, jwt.encode({"sub": "x"}, "s" * 32, algorithm="HS256")) == 503
    # With what is no token it is not worth coming again.
    for token in ("wrong", "a.b.c", None):
        assert status(host, token) == 401
    assert status(host, "key-of-ann") == 200
    assert readiness(host) == (503, "auth jwks: Keys of tokens not fetched\np m: ready\n")
    assert ask(host, path="/healthz", data=None)[0] == 200
    issuer = Issuer(keys["one"], port=port)
    wait_until(lambda: readiness(host)[0] == 200, "the host to be ready")
    assert status(host, good) == 200
    issuer.stop()
    (failing,) = said(host, "can't be fetched: tokens are answered 503")
    assert failing["level"] == "error" and "connectFailed" in failing["detail"] and failing["address"].endswith("/keys")
    (again,) = said(host, "fetched again")
    assert again["level"] == "notice"
    assert "eyJ" not in "".join(host.log)


def test_an_issuer_that_never_answers_holds_nobody_up(serve, issuer, keys):
    stop = threading.Event()
    issuer.act = lambda handler: stop.wait(DEADLINE * 2)
    started = time.monotonic()
    host = guarded(serve, issuer.address)
    assert len(issuer.asked) == 1
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(ask, host, keys["one"].token()) for _ in range(4)]
        for _ in range(20):
            assert status(host, "key-of-ann") == 200
        assert readiness(host)[0] == 503
        assert [one.result(timeout=DEADLINE)[0] for one in waiting] == [503] * 4
    assert time.monotonic() - started < DEADLINE * 1.5
    (failing,) = wait_until(lambda: said(host, "can't be fetched"), "the entry")
    assert "within 5.0 seconds" in failing["detail"]
    # Whoever asks when there is no answer yet is in a question that is under way; a stop ends it.
    assert issuer.came.acquire(timeout=DEADLINE)
    assert issuer.came.acquire(timeout=DEADLINE)
    began = time.monotonic()
    assert host.stop() == 0
    assert time.monotonic() - began < 4
    stop.set()


def test_who_comes_before_a_slow_issuer_has_answered_waits_and_is_let_in(serve, issuer, keys):
    issuer.act = lambda handler: (time.sleep(1.5), answer(handler, issuer.document))
    host = guarded(serve, issuer.address)
    assert readiness(host)[0] == 503
    assert status(host, keys["one"].token()) == 200 and readiness(host)[0] == 200 and len(issuer.asked) == 1


def test_clients_that_leave_while_they_wait_leave_nothing_behind(serve, issuer, keys):
    host = guarded(serve, issuer.address)
    go = threading.Event()
    issuer.publish(keys["two"])
    issuer.act = lambda handler: (go.wait(DEADLINE), answer(handler, issuer.document))
    request = f"POST /ws HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {keys['two'].token()}\r\nContent-Length: 9999\r\n\r\nx"
    clients = [host.raw() for _ in range(50)]
    for number, client in enumerate(clients):
        client.sendall(request.encode())
        if number % 3 == 0:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_until(lambda: len(issuer.asked) == 2, "the question")
    for client in clients:
        client.close()
    go.set()
    assert wait_until(lambda: status(host, keys["two"].token()) == 200, "the new key")
    wait_until(lambda: "\nstagecoach_connections 1" in metrics(host), "their connections to be gone")


def huge(document, size):
    return document[:-1] + b" " * (size - len(document)) + document[-1:]


BAD = {
    "no JSON": lambda handler: answer(handler, b"<html>"),
    "no set": lambda handler: answer(handler, b'{"keys": {}}'),
    "empty": lambda handler: answer(handler, b'{"keys": []}'),
    "no body": lambda handler: answer(handler, b""),
    "nothing that can be used": lambda handler: answer(handler, b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'),
    "not there": lambda handler: answer(handler, b'{"keys": []}', 404),
    "broken": lambda handler: answer(handler, b"", 500),
    "no content": lambda handler: answer(handler, b"", 204),
    "cut off": lambda handler: (handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"), handler.connection.shutdown(2)),
    "no HTTP": lambda handler: (handler.wfile.write(b"hello\r\n\r\n"), handler.connection.shutdown(2)),
    "endless": lambda handler: [handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")] + [handler.wfile.write(b" " * 65536) for _ in range(100)],
}


def test_a_set_that_turns_bad_keeps_the_last_one_and_is_said_once(serve, issuer, keys):
    host = guarded(serve, issuer.address)
    assert status(host, keys["one"].token()) == 200
    for act in BAD.values():
        issuer.act = act
        hang_up(host, issuer)
        assert status(host, keys["one"].token()) == 200
    assert fetches(host, '"failed"') == len(BAD) and fetches(host, '"ok"') == 1
    assert readiness(host) == (200, "auth jwks: ready with the last keys; the issuer is out of reach\np m: ready\n")
    # Whether this one is good nobody can tell now.
    assert status(host, keys["two"].token()) == 503
    issuer.act = None
    hang_up(host, issuer)
    (failing,) = said(host, "can't be fetched; the last ones are used")
    assert failing["level"] == "warning" and "no JSON Web Key Set" in failing["detail"]
    assert len(said(host, "fetched again")) == 1
    assert readiness(host)[1].startswith("auth jwks: ready\n")
    ages = [line for line in metrics(host).splitlines() if line.startswith("stagecoach_token_keys_age_seconds ")]
    assert 0 <= float(ages[0].split()[1]) < DEADLINE


@pytest.mark.parametrize(("size", "code", "is_compressed"), [
    (64 << 10, 200, False), ((64 << 10) + 1, 503, False), (64 << 10, 200, True), (64 << 20, 503, True)])
def test_a_set_has_at_most_64_kib(serve, issuer, keys, size, code, is_compressed):
    issuer.document = huge(issuer.document, size)
    if is_compressed:
        issuer.document, issuer.headers = gzip.compress(issuer.document), {"Content-Encoding": "gzip"}
    host = guarded(serve, issuer.address)
    assert status(host, keys["one"].token()) == code
    if code == 503:
        (failing,) = said(host, "can't be fetched")
        assert "more than 65536 bytes" in failing["detail"]


def test_a_set_full_of_keys_is_read_and_costs_others_nothing(serve, issuer, keys):
    issuer.publish(*[{}] * 10_000, keys["one"])
    host = guarded(serve, issuer.address)
    assert status(host, keys["one"].token()) == 200
    issuer.publish(*[{**keys["ec"].jwk, "kid": str(number)} for number in range(300)], keys["one"])
    hang_up(host, issuer)
    began = time.monotonic()
    assert status(host, keys["one"].token(headers={})) == 200 and status(host, keys["ec"].token(headers={"kid": "299"})) == 200
    assert time.monotonic() - began < DEADLINE / 5


# Where it is.


@pytest.fixture
def certificate(tmp_path, library):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout",
            tmp_path / "ca.key", "-out", tmp_path / "ca.pem", "-subj", "/CN=An authority of one's own")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", tmp_path / "k.pem", "-out",
            tmp_path / "c.csr", "-subj", "/CN=localhost")
    (tmp_path / "names").write_text("subjectAltName=DNS:localhost,DNS:login.example")
    openssl("x509", "-req", "-in", tmp_path / "c.csr", "-CA", tmp_path / "ca.pem", "-CAkey", tmp_path / "ca.key", "-days",
            "2", "-extfile", tmp_path / "names", "-out", tmp_path / "c.pem")
    return (tmp_path / "c.pem", tmp_path / "k.pem"), {"LD_PRELOAD": library("trust"), "TRUST": str(tmp_path / "ca.pem")}


@pytest.mark.parametrize("is_trusted", [True, False])
def test_over_tls_the_issuer_must_be_who_it_says(serve, certificate, keys, is_trusted):
    files, trust = certificate
    issuer = Issuer(keys["one"], context=tls(*files))
    host = guarded(serve, issuer.address, env=trust if is_trusted else None)
    assert status(host, keys["one"].token()) == (200 if is_trusted else 503)
    if not is_trusted:
        (failing,) = said(host, "can't be fetched")
        assert "tlsFailed" in failing["detail"] and issuer.asked == []
    issuer.stop()


class Proxy(Listener):
    """Takes `CONNECT` to any name to one port of this machine."""

    def __init__(self, port):
        self.to, self.asked = port, []
        super().__init__()

    def _serve(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        self.asked.append(head.split(b"\r\n")[0].decode())
        with connection, socket.create_connection(("127.0.0.1", self.to)) as other:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=self._pass, args=(other, connection), daemon=True)
            back.start()
            self._pass(connection, other)
            back.join(DEADLINE)

    @staticmethod
    def _pass(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def test_a_proxy_of_the_environment_leads_to_an_issuer_elsewhere_and_never_to_one_on_loopback(serve, certificate, keys):
    files, trust = certificate
    issuer = Issuer(keys["one"], context=tls(*files))
    proxy = Proxy(issuer.port)
    proxies = {"https_proxy": f"http://127.0.0.1:{proxy.port}", "http_proxy": f"http://127.0.0.1:{proxy.port}"}
    host = guarded(serve, "https://login.example/keys?p=policy", env={**trust, **proxies})
    assert status(host, keys["one"].token()) == 200
    assert proxy.asked == ["CONNECT login.example:443 HTTP/1.1"] and issuer.asked == ["/keys?p=policy"]
    (fetched,) = said(host, "Fetched the issuer's keys")
    assert fetched["address"] == "https://login.example/keys" and fetched["detail"] == "1 key for RS256"
    host = guarded(serve, issuer.address, env={**trust, **proxies})
    assert status(host, keys["one"].token()) == 200 and len(proxy.asked) == 1
    issuer.stop()
    proxy.stop()


def redirect(to, code=302):
    return lambda handler: answer(handler, b"", code, {"Location": to})


def test_a_redirect_leads_nowhere_but_to_the_same_host(serve, issuer, keys):
    evil = Issuer(keys["three"])
    issuer.act = lambda handler: redirect("/moved" if handler.path == "/keys" else "/keys2")(handler) \
        if handler.path in ("/keys", "/moved") else answer(handler, issuer.document)
    host = guarded(serve, issuer.address)
    assert status(host, keys["one"].token()) == 200 and issuer.asked == ["/keys", "/moved", "/keys2"]
    places = [evil.address, f"http://localhost:{issuer.port}/keys2", f"//127.0.0.1:{evil.port}/keys", "https://127.0.0.1/keys",
              f"http://127.0.0.1:{issuer.port}@127.0.0.1:{evil.port}/keys", "file:///etc/passwd", "/keys"]
    for place in places:
        for code in (301, 307):
            issuer.act = redirect(place, code)
            hang_up(host, issuer)
    assert evil.asked == []
    assert fetches(host, '"failed"') == 2 * len(places)
    assert status(host, keys["three"].token()) == 503 and status(host, keys["one"].token()) == 200
    (failing,) = said(host, "can't be fetched")
    assert "redirects to another host" in failing["detail"]
    evil.stop()


BAD_ADDRESSES = {
    "http://login.example/keys": "must be an https address", "http://127.0.0.1.example/keys": "must be an https address",
    "HTTP://LOGIN.EXAMPLE/keys": "must be an https address", "http://[2001:db8::1]/keys": "must be an https address",
    "https://ann:secret@login.example/keys": "must not hold a user", "http://127.0.0.1@evil.example/": "must not hold a user",
    "https://login.example/keys#one": "must not have a fragment", "ftp://login.example/": "must be an https address, or the path",
    "file:///etc/keys.json": "without a scheme such as 'file://'", "https:/login.example": "is no address", "https://": "is no address",
    "https://login.example:x/": "is no address", "https://log in.example/": "is no address", "https://lögin.example/": "is no address"}


def test_an_address_that_can_not_be_asked_is_an_error_of_the_file(run, tmp_path):
    def write(number, address):
        file = tmp_path / f"{number}.yaml"
        file.write_text(f"pipeline: p\nhost:\n  auth: {{jwt: {{jwks: '{address}'}}}}\n{FLOW}")
        return file

    files = [write(*one) for one in enumerate(BAD_ADDRESSES)]
    checked = run("check", *files)
    assert checked.returncode == 1
    for file, (address, cure) in zip(files, BAD_ADDRESSES.items(), strict=True):
        (line,) = (line for line in checked.stderr.splitlines() if line.startswith(f"{file}:"))
        assert ":3:22: error: 'jwks' of 'jwt'" in line and cure in line, (address, line)
    served = run("serve", files[0], "--port", "0")
    assert served.returncode == 1 and ":3:22: error: 'jwks' of 'jwt'" in served.stderr


def test_check_asks_nobody(run, tmp_path):
    good = ["https://login.example/realms/a/protocol/openid-connect/certs", "https://login.example/keys?p=a", "http://localhost:1/k",
            "http://[::1]:1/k", "HTTPS://login.example/k", "http://127.0.0.9:1/"]
    for number, address in enumerate(good):
        (tmp_path / f"{number}.yaml").write_text(f"pipeline: p{number}\nhost: {{auth: {{jwt: {{jwks: '{address}'}}}}}}\n{FLOW}")
        # What asked would fail, and what is no address is no file either.
        assert run("check", tmp_path / f"{number}.yaml").returncode == 0, address


def test_check_live_and_doctor_ask_and_say_what_they_found(run, tmp_path, issuer, keys):
    file = tmp_path / "p.yaml"
    file.write_text(f"pipeline: p\nhost:\n  auth: {{jwt: {{jwks: '{issuer.address}'}}}}\n{FLOW}")
    assert run("check", file).returncode == 0 and issuer.asked == []
    assert run("check", "--live", file).returncode == 0 and len(issuer.asked) == 1
    issuer.publish(keys["one"], keys["ec"], {"kty": "oct", "k": "c2VjcmV0"})
    done = run("check", "--live", file)
    assert done.returncode == 0 and ":3:22: warning:" in done.stderr and "1 symmetric (oct)" in done.stderr
    done = run("doctor", file)
    assert done.returncode == 0 and "✓ keys of tokens: 1 key for RS256, 1 key for ES256" in done.stdout, done.stdout
    issuer.act = BAD["not there"]
    done = run("check", "--live", file)
    assert done.returncode == 1 and ":3:22: error:" in done.stderr and "status 404" in done.stderr
    done = run("doctor", file)
    assert done.returncode == 1 and "✗ keys of tokens: " in done.stdout and "status 404" in done.stdout


def test_an_issuer_that_goes_and_comes_while_tokens_come_lets_in_who_may(serve, issuer, keys):
    """Not one good token of a known key is refused, whatever the issuer does and however often it is asked."""
    host = guarded(serve, issuer.address)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        end = time.monotonic() + 1

        def enter():
            seen = set()
            while time.monotonic() < end:
                seen.add(status(host, keys["one"].token()))
            return seen

        entering = [pool.submit(enter) for _ in range(4)]
        acts = list(BAD.values())
        while time.monotonic() < end:
            issuer.act = acts[len(issuer.asked) % len(acts)] if len(issuer.asked) % 2 else None
            host.process.send_signal(signal.SIGHUP)
            time.sleep(0.05)
        assert set().union(*[one.result(timeout=DEADLINE) for one in entering]) == {200}
