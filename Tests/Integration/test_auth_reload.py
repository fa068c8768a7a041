"""Who may stay when a reload changes who may come in."""

import asyncio
import contextlib
import json
import shutil
import threading
import time
import uuid

import pytest
from websockets.asyncio import client as many
from websockets.exceptions import ConnectionClosed, InvalidStatus

from conftest import DEADLINE, receive_json, wait_until
from issuer import Issuer, Key
from rawhttp import Raw
from test_auth import bearer, refusal
from test_host_reload import kept
from test_reload import reload
from tokens import EC, RSA, claims, hs256

SECRET = "canary-secret-of-more-than-thirty-two-bytes"
OTHER = "another-secret-of-more-than-thirty-two-bytes"
ANN = "{key: key-of-ann, user: ann}"
BOB = "{key: key-of-bob, user: bob}"
BOTH = f"{{keys: [{ANN}, {BOB}]}}"
BOB_ALONE = f"{{keys: [{BOB}]}}"
FLOW = """
pipeline: p
host: {HOST}
resources:
  model: {openai: {url: "${OPENAI_BASE_URL}", key: sk-canary-1234567890}}
  database: {sqlite: {path: data/stagecoach.db}}
stages:
  - receive: {format: json, on_disconnect: POLICY}
  - complete: {timeout: 60s}
  - persist: {}
    async: true
  - respond
"""


def text(auth, policy="cancel", more=""):
    return FLOW.replace("HOST", f"auth: {auth}{more}").replace("POLICY", policy)


@pytest.fixture
def guarded(serve, ai):
    def start(auth, policy="cancel", more="", **options):
        host = serve(text(auth, policy, more), env={"OPENAI_BASE_URL": ai.url}, **options)
        host.change = lambda auth: reload(host, text(auth, policy, more))
        return host

    yield start
    for _ in range(50):
        ai.released.release()


def enter(host, token=None, query=""):
    return host.connect(query, additional_headers=bearer(token) if token else {})


@contextlib.contextmanager
def client(host, token=None, query=""):
    with enter(host, token, query) as connection:
        connection.session = receive_json(connection)["session_id"]
        yield connection


def ask(connection, prompt="hello", **more):
    connection.send(json.dumps({"prompt": prompt, **more}))


def says(connection, prompt="hello"):
    ask(connection, prompt)
    assert receive_json(connection)["response"] == prompt


def arrives(ai, asks):
    """Asks, and waits for the model to be asked."""
    while ai.arrived.acquire(blocking=False):
        pass
    asks()
    assert ai.arrived.acquire(timeout=DEADLINE)


def closed(connection):
    with pytest.raises(ConnectionClosed) as end:
        receive_json(connection)
    return end.value.rcvd.code, end.value.rcvd.reason


def is_closed(connection):
    code, reason = closed(connection)
    assert code == 1008 and "no longer authorized" in reason


def test_who_has_a_key_that_is_gone_is_closed_and_who_has_another_is_not_touched(guarded, ai):
    host = guarded(BOTH)
    with client(host, "key-of-ann") as ann, client(host, "key-of-ann") as second, client(host, "key-of-bob") as bob:
        says(ann), says(bob)
        ai.script = ["hang", "gate"]
        for connection, said, number in [(ann, "ann's", "a-1"), (bob, "bob's", "b-1")]:
            arrives(ai, lambda: ask(connection, said, id=number))
        ask(ann, "ann's next", id="a-2")
        assert ann.ping().wait(DEADLINE)
        began = time.monotonic()
        host.change(BOB_ALONE)
        got = [receive_json(ann) for _ in range(2)]
        assert [(frame["id"], frame["error"]["code"]) for frame in got] == [("a-1", "cancelled"), ("a-2", "cancelled")]
        is_closed(ann), is_closed(second)
        # The model's call ends: nobody pays for it any more.
        assert ai.closed_by_client.wait(DEADLINE)
        assert time.monotonic() - began < 1 + 0.2 * DEADLINE
        ai.released.release()
        frame = receive_json(bob)
        assert frame["id"] == "b-1" and frame["response"] == "bob's" and frame["seq"] == 3
        says(bob)
    assert refusal(host, headers=bearer("key-of-ann")).status_code == 401
    assert len(ai.calls) == 5, [call["text"] for call in ai.calls]
    assert [row["prompt"] for row in host.wait_for_rows(4)] == ["hello", "hello", "bob's", "hello"]
    assert [entry["level"] for entry in host.entries("cancelled")] and "key-of-" not in "".join(host.log)


def test_a_text_client_hears_the_same(guarded, ai):
    host = guarded(BOTH)
    ai.script = ["gate"]
    with enter(host, "key-of-ann", "format=text") as ann:
        ann.send("x")
        assert ai.arrived.acquire(timeout=DEADLINE)
        host.change(BOB_ALONE)
        assert ann.recv(timeout=DEADLINE) == "The message was cancelled"
        with pytest.raises(ConnectionClosed) as end:
            ann.recv(timeout=DEADLINE)
        assert end.value.rcvd.code == 1008


@pytest.mark.parametrize("before, after, stays", [
    (BOTH, f"{{keys: [{BOB}, {ANN}]}}", True),
    (BOTH, f"{{keys: [{ANN}]}}", True),
    (BOTH, "{keys: [{key: key-of-ann, user: anna}]}", False),
    (BOTH, "{keys: [key-of-ann]}", False),
    ("{keys: [key-of-ann]}", "{keys: [another-key, key-of-ann]}", True),
    (BOTH, f"{{jwt: {{secret: {SECRET}}}}}", False),
    (BOTH, f"{{keys: [{ANN}], jwt: {{secret: {SECRET}}}}}", True),
    (BOTH, "none", True)], ids=range(8))
def test_a_key_is_another_where_its_user_is(guarded, before, after, stays):
    host = guarded(before)
    with client(host, "key-of-ann") as ann:
        says(ann)
        host.change(after)
        if stays:
            says(ann)
        else:
            is_closed(ann)


def test_a_key_with_another_name_does_not_get_the_sessions_of_the_former_one(guarded):
    host = guarded(BOTH, "{hold: 60s}")
    with client(host, "key-of-ann") as ann:
        says(ann)
        host.change("{keys: [{key: key-of-ann, user: bob}]}")
        is_closed(ann)
    assert refusal(host, f"session={ann.session}", bearer("key-of-ann")).status_code == 403
    # The name comes back, and the session with it, but not what was kept of it.
    host.change(BOTH)
    with enter(host, "key-of-ann", f"session={ann.session}&after=1") as again:
        assert "resumed" not in receive_json(again)


@pytest.mark.parametrize("named", [False, True])
def test_a_key_in_a_file_is_gone_once_the_file_holds_another(guarded, tmp_path, named):
    file = tmp_path / "ann.key"
    file.write_text("key-of-ann\n")
    host = guarded("{keys: [{key: {file: ann.key}, user: ann}]}" if named else "{keys: [{file: ann.key}]}")
    with client(host, "key-of-ann") as ann:
        host.change("{keys: [{key: {file: ann.key}, user: ann}]}" if named else "{keys: [{file: ann.key}]}")
        says(ann)
        file.write_text("next-key-of-ann\n")
        host.process.send_signal(1)
        is_closed(ann)
    with client(host, "next-key-of-ann") as ann:
        # A file that can't be read keeps its text, and who came by it.
        file.unlink()
        before = len(host.log)
        host.process.send_signal(1)
        wait_until(lambda: any("Reloaded" in line for line in host.log[before:]), "the reload")
        says(ann)


def test_a_watched_key_file_is_enough(guarded, tmp_path):
    (tmp_path / "ann.key").write_text("key-of-ann\n")
    host = guarded("{keys: [{file: ann.key}]}", arguments=["--watch"])
    with client(host, "key-of-ann") as ann:
        says(ann)
        (tmp_path / "ann.key").write_text("next-key-of-ann\n")
        is_closed(ann)


def test_a_watched_key_set_is_enough(guarded, tmp_path):
    old, new = RSA(tmp_path, "old"), RSA(tmp_path, "new")
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [old.jwk()]}))
    host = guarded("{jwt: {jwks: keys.json}}", arguments=["--watch"])
    with client(host, old.token(claims())) as inside:
        (tmp_path / "keys.json").write_text(json.dumps({"keys": [new.jwk()]}))
        is_closed(inside)
    with client(host, new.token(claims())) as inside:
        says(inside)


@pytest.mark.parametrize("after, stays", [
    (f"secret: {SECRET}, issuer: 'https://login.example', audience: chat", True),
    (f"secret: {OTHER}, issuer: 'https://login.example', audience: chat", False),
    (f"secret: {SECRET}, issuer: 'https://other.example', audience: chat", False),
    (f"secret: {SECRET}, issuer: 'https://login.example', audience: talk", False),
    (f"secret: {SECRET}, audience: chat", True),
    (f"secret: {SECRET}, username_claim: nick", False)], ids=["same", "secret", "issuer", "audience", "wider", "name"])
def test_a_token_is_judged_by_the_new_settings_but_for_its_time(guarded, after, stays):
    host = guarded(f"{{jwt: {{secret: {SECRET}, issuer: 'https://login.example', audience: chat}}}}")
    content = claims(name="Ann", nick="annie", iss="https://login.example", aud=["chat", "more"])
    with client(host, hs256(SECRET, content)) as ann:
        says(ann)
        host.change(f"{{keys: [{BOB}], jwt: {{{after}}}}}")
        if stays:
            says(ann)
        else:
            is_closed(ann)


def test_a_token_of_an_auth_before_the_last_is_none_of_the_next(guarded):
    host = guarded(f"{{jwt: {{secret: {SECRET}}}}}")
    with client(host, hs256(SECRET, claims())) as ann:
        host.change("none")
        says(ann)
        host.change(f"{{keys: [{BOB}]}}")
        is_closed(ann)


def test_who_came_by_a_token_that_has_expired_since_does_not_go_by_a_reload(guarded, ai):
    """It goes when it has expired, as ever: what it asked for then is another matter."""
    host = guarded(f"{{jwt: {{secret: {SECRET}}}}}", "{hold: 60s}")
    with client(host, hs256(SECRET, claims(1.2))) as ann:
        says(ann)
        assert closed(ann) == (1008, "the token has expired")
    host.change(f"{{keys: [{BOB}], jwt: {{secret: {SECRET}, issuer: null}}}}")
    with enter(host, hs256(SECRET, claims()), f"session={ann.session}&after=1") as again:
        assert receive_json(again)["resumed"] is True


@pytest.mark.parametrize("kind", [RSA, EC])
def test_keys_of_tokens_rotate_without_closing_those_whose_key_stays(guarded, tmp_path, kind):
    one, two, three = [kind(tmp_path, name) for name in ("one", "two", "three")]

    def put(*keys):
        (tmp_path / "keys.json").write_text(json.dumps({"keys": [key.jwk() for key in keys]}))

    put(one, two)
    host = guarded("{jwt: {jwks: keys.json}}")
    with client(host, one.token(claims())) as first, client(host, two.token(claims())) as second:
        put(two, three)
        host.change("{jwt: {jwks: keys.json}}")
        is_closed(first)
        says(second)
        # The same key in another place.
        shutil.copy(two.public, tmp_path / "two.pem")
        host.change("{jwt: {public_key: two.pem}}")
        says(second)
        host.change("{jwt: {public_key: two.pem, audience: chat}}")
        is_closed(second)


def test_who_came_without_a_key_is_closed_where_one_is_needed_now(guarded, ai):
    host = guarded("none", "{hold: 60s}")
    ai.script = ["hang"]
    with client(host) as somebody:
        arrives(ai, lambda: ask(somebody, id="c-1"))
        host.change(BOTH)
        assert receive_json(somebody)["error"]["code"] == "cancelled"
        is_closed(somebody)
        assert ai.closed_by_client.wait(DEADLINE)
    assert refusal(host, "format=text").status_code == 401
    with client(host, "key-of-ann", f"session={somebody.session}&after=1") as ann:
        says(ann)
        # Where it is taken away again, who is in stays.
        host.change("none")
        says(ann)
        with client(host) as another:
            says(another)
            host.change(BOTH)
            is_closed(another)
            says(ann)


def test_what_is_kept_of_who_may_not_come_back_goes(guarded, ai):
    host = guarded(BOTH, "{hold: 60s}")
    sessions = {}
    for name in ("ann", "bob"):
        with client(host, f"key-of-{name}") as connection:
            sessions[name] = connection.session
            ask(connection, "x" * 1_000, id="c-1")
            receive_json(connection)
    before, calls = kept(host), len(ai.calls)
    host.change(BOB_ALONE)
    assert kept(host) < 0.6 * before
    host.change(BOTH)
    with enter(host, "key-of-ann", f"session={sessions['ann']}&after=1") as ann:
        assert "resumed" not in receive_json(ann)
        # The answer is not remembered either.
        ask(ann, "x" * 1_000, id="c-1")
        receive_json(ann)
        assert len(ai.calls) == calls + 1
    with enter(host, "key-of-bob", f"session={sessions['bob']}&after=1") as bob:
        assert receive_json(bob)["resumed"] is True
        assert receive_json(bob)["id"] == "c-1"
        ask(bob, "x" * 1_000, id="c-1")
        receive_json(bob)
        assert len(ai.calls) == calls + 1


@pytest.mark.parametrize("policy", ["{hold: 60s}", "finish"])
def test_what_goes_on_for_who_has_left_is_cancelled(guarded, ai, policy):
    host = guarded(BOTH, policy)
    ai.script = ["hang", "gate"]
    for name in ("ann", "bob"):
        with client(host, f"key-of-{name}") as connection:
            arrives(ai, lambda: ask(connection, f"{name}'s", id="c-1"))
            ask(connection, f"{name}'s next", id="c-2")
            assert connection.ping().wait(DEADLINE)
            connection.socket.shutdown(2)
    host.change(BOB_ALONE)
    assert ai.closed_by_client.wait(DEADLINE)
    ai.released.release()
    assert [row["prompt"] for row in host.wait_for_rows(2)] == ["bob's", "bob's next"]
    assert len(ai.calls) == 3 and len(host.entries("cancelled")) == 2


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_post_of_who_may_not_any_more_ends_as_cancelled_and_its_connection_goes_on(guarded, ai, accept):
    host = guarded(BOTH)
    ai.script = ["hang", "gate"]
    with Raw(host.raw()) as ann, Raw(host.raw()) as bob:
        for name, connection in [("ann", ann), ("bob", bob)]:
            fields = {**bearer(f"key-of-{name}"), "Accept": accept}
            arrives(ai, lambda: connection.send("POST", "/ws", fields, {"prompt": name, "id": "c-1"}))
        host.change(BOB_ALONE)
        answer = ann.answer()
        assert answer.status == 503 and answer.json["error"]["code"] == "cancelled"
        assert ai.closed_by_client.wait(DEADLINE)
        assert ann.ask("POST", "/ws", bearer("key-of-ann"), {"prompt": "x"}).status == 401
        assert ann.ask("POST", "/ws", bearer("key-of-bob"), {"prompt": "x"}).json["response"] == "x"
        ai.released.release()
        assert bob.answer().status == 200


@pytest.mark.parametrize("wire", ["events", "frames"])
def test_an_answer_of_which_pieces_have_left_ends_with_one_that_says_so(serve, ai, wire):
    flow = text(BOTH).replace("timeout: 60s", "stream: true, timeout: 60s").replace("- respond", "- respond: {stream: true}")
    host = serve(flow, env={"OPENAI_BASE_URL": ai.url})
    ai.script = ["stream_gated"]
    with Raw(host.raw()) as posted, client(host, "key-of-ann") as socket:
        if wire == "events":
            posted.send("POST", "/ws", {**bearer("key-of-ann"), "Accept": "text/event-stream"}, {"prompt": "one two three"})
        else:
            ask(socket, "one two three")
        ai.released.release()
        if wire == "events":
            assert posted.head().status == 200

        def receive_frame():
            return json.loads(posted.chunk().removeprefix(b"data: ")) if wire == "events" else receive_json(socket)

        assert receive_frame()["text"] == "one "
        reload(host, flow.replace(BOTH, BOB_ALONE))
        assert receive_frame()["error"]["code"] == "cancelled"
        if wire == "events":
            assert posted.chunk() == b""
        is_closed(socket)
        # As after any cancel, what was said is stored.
        assert [row["response"] for row in host.wait_for_rows(1)] == ["one "]
        assert posted.ask("GET", "/healthz").status == 200
    for _ in range(10):
        ai.released.release()


def test_a_body_that_is_still_on_its_way_is_refused_once_it_is_there(guarded, ai):
    host = guarded(BOTH)
    body = json.dumps({"prompt": "x"}).encode()
    with Raw(host.raw()) as ann:
        fields = f"Host: 127.0.0.1\r\nAuthorization: Bearer key-of-ann\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        ann.connection.sendall(b"POST /ws HTTP/1.1\r\n" + fields + body[:5])
        time.sleep(0.2)
        host.change(BOB_ALONE)
        ann.connection.sendall(body[5:])
        assert ann.answer().status == 401
    assert not ai.calls


def test_who_comes_while_the_key_goes_is_in_or_out_and_nothing_between(guarded):
    host = guarded(BOTH)
    outcomes = []

    def come():
        try:
            with enter(host, "key-of-ann", f"session={uuid.uuid4()}") as late:
                with contextlib.suppress(ConnectionClosed):
                    while True:
                        late.recv(timeout=DEADLINE)
                outcomes.append(late.close_code)
        except InvalidStatus as refused:
            outcomes.append(refused.response.status_code)

    for _ in range(10):
        threads = [threading.Thread(target=come) for _ in range(4)]
        for thread in threads[:2]:
            thread.start()
        (host.folder / "pipeline-0.yaml").write_text(text(BOB_ALONE))
        host.process.send_signal(1)
        for thread in threads[2:]:
            thread.start()
        for thread in threads:
            thread.join(2 * DEADLINE)
        host.change(BOTH)
    assert len(outcomes) == 40 and set(outcomes) <= {401, 1008}, outcomes


def test_who_has_yet_to_send_its_token_is_judged_when_it_does(guarded):
    host = guarded(BOTH)
    with host.connect() as gone, host.connect() as new, host.connect() as free:
        host.change(f"{{keys: [{BOB}, new-key]}}")
        gone.send(json.dumps({"type": "auth", "token": "key-of-ann"}))
        with pytest.raises(ConnectionClosed) as end:
            receive_json(gone)
        assert end.value.rcvd.code == 1008
        new.send(json.dumps({"type": "auth", "token": "new-key"}))
        assert receive_json(new)["type"] == "session"
        says(new)
        host.change("none")
        free.send(json.dumps({"type": "auth", "token": "key-of-ann"}))
        assert receive_json(free)["type"] == "session"
        says(free)


@pytest.mark.parametrize("insecure", [False, True])
def test_a_file_that_would_let_anybody_in_from_elsewhere_is_an_error(guarded, insecure):
    """The address is one of this machine, but not written as one, and so taken for one that others can reach."""
    host = guarded(BOTH, arguments=["--host", "127.1", *["--insecure"][:insecure]])
    open_files = [text("none", more=", limits: {message: 1KiB}"), text(BOTH).replace(f"host: {{auth: {BOTH}}}", "")]
    with client(host, "key-of-ann") as ann:
        for changed in open_files:
            reload(host, changed, "Reloaded" if insecure else "what was served goes on")
            says(ann, "x" * (900 if insecure else 2_000))
            if insecure:
                with client(host) as anybody:
                    says(anybody)
            else:
                assert refusal(host, "format=text").status_code == 401
                assert any("anybody could come in at 127.1" in line for line in host.log)
        reload(host, text(BOB_ALONE))
        is_closed(ann)


def test_reloads_one_behind_the_other_leave_what_the_last_file_says(guarded):
    host = guarded(BOTH)
    with client(host, "key-of-bob") as bob:
        for number in range(20):
            (host.folder / "pipeline-0.yaml").write_text(text(BOTH if number % 2 else BOB_ALONE))
            for _ in range(3):
                host.process.send_signal(1)
        reload(host, text(BOB_ALONE))
        says(bob)
    assert refusal(host, headers=bearer("key-of-ann")).status_code == 401
    (host.folder / "pipeline-0.yaml").write_text(text(BOTH))
    host.process.send_signal(1)
    assert host.stop() == 0


def test_of_a_file_with_an_error_no_key_is_taken(guarded):
    host = guarded(BOTH)
    with client(host, "key-of-ann") as ann:
        for wrong in (text(BOB_ALONE).replace("timeout", "timeuot"),
                      text("{keys: [{file: nowhere}]}"), text("{jwt: {jwks: nowhere}}"),
                      text(f"{{keys: [{BOB}], jwt: {{public_key: pipeline-0.yaml}}}}")):
            reload(host, wrong, "what was served goes on")
            says(ann)
    with client(host, "key-of-ann") as ann:
        says(ann)
    assert "key-of-" not in "".join(host.log)


@pytest.fixture
def issuers():
    keys = [Key(name, "ES256") for name in ("one", "two")]
    servers = [Issuer(*keys), Issuer(keys[1])]
    yield keys, servers
    for server in servers:
        server.stop()


def test_a_signal_asks_the_issuer_and_closes_who_has_a_key_that_is_gone(guarded, issuers):
    (one, two), (issuer, _) = issuers
    host = guarded(f"{{jwt: {{jwks: '{issuer.address}'}}}}")
    with client(host, one.token()) as first, client(host, two.token()) as second:
        issuer.publish(two)
        host.process.send_signal(1)
        is_closed(first)
        says(second)


def test_another_issuer_closes_whom_it_does_not_know_once_it_can_be_asked(guarded, issuers):
    (one, two), (issuer, other) = issuers
    other.act = lambda handler: handler.send_error(503)
    host = guarded(f"{{jwt: {{jwks: '{issuer.address}'}}}}")
    with client(host, one.token()) as first, client(host, two.token()) as second:
        host.change(f"{{jwt: {{jwks: '{other.address}'}}}}")
        # Nobody can tell yet.
        says(first), says(second)
        other.act = None
        is_closed(first)
        says(second)
    asked = len(issuer.asked)
    host.process.send_signal(1)
    wait_until(lambda: len(other.asked) > 1, "the issuer to be asked")
    assert len(issuer.asked) == asked


def test_who_waits_for_an_answer_from_behind_a_queue_is_told_too(serve, ai):
    flow = text(BOTH).replace("""  - complete: {timeout: 60s}
  - persist: {}
    async: true
  - respond
""", "  - background: {stages: [complete: {timeout: 60s}, respond]}\n")
    host = serve(flow, env={"OPENAI_BASE_URL": ai.url})
    ai.usual = "gate"
    with client(host, "key-of-ann") as ann:
        arrives(ai, lambda: ask(ann, "one", id="c-1"))
        ask(ann, "two", id="c-2")
        assert ann.ping().wait(DEADLINE)
        reload(host, flow.replace(BOTH, BOB_ALONE))
        got = [receive_json(ann) for _ in range(2)]
        assert [(frame["id"], frame["error"]["code"]) for frame in got] == [("c-1", "cancelled"), ("c-2", "cancelled")]
        is_closed(ann)
    # What a queue has taken is worked on to its end.
    ai.released.release(2)


def test_many_who_go_keep_nobody_waiting(serve):
    flow = text(BOTH, "{hold: 60s}").replace('openai: {url: "${OPENAI_BASE_URL}", key: sk-canary-1234567890}', "echo: {delay: 60s}")
    host = serve(flow)
    delays = []

    async def goes(ready):
        async with many.connect(host.url(), additional_headers=bearer("key-of-ann"), compression=None) as ann:
            await ann.recv()
            await ann.send(json.dumps({"prompt": "x", "id": "c-1"}))
            ready.release()
            code = json.loads(await ann.recv())["error"]["code"]
            await ann.wait_closed()
            return code, ann.close_code

    async def stays(is_over):
        async with many.connect(host.url(), additional_headers=bearer("key-of-bob"), compression=None) as bob:
            await bob.recv()
            while not is_over.is_set():
                began = time.monotonic()
                await (await bob.ping())
                delays.append(time.monotonic() - began)
                await asyncio.sleep(0.005)

    async def everybody():
        ready, is_over = asyncio.Semaphore(0), asyncio.Event()
        leaving = [asyncio.create_task(goes(ready)) for _ in range(300)]
        for _ in leaving:
            await ready.acquire()
        staying = asyncio.create_task(stays(is_over))
        await asyncio.sleep(0.1)
        (host.folder / "pipeline-0.yaml").write_text(flow.replace(BOTH, BOB_ALONE))
        host.process.send_signal(1)
        outcomes = await asyncio.wait_for(asyncio.gather(*leaving), 3 * DEADLINE)
        is_over.set()
        await staying
        return outcomes

    assert set(asyncio.run(everybody())) == {("cancelled", 1008)}
    print(f"\nthe longest wait of one who stays: {max(delays) * 1e3:.0f} ms")
    assert max(delays) < 0.1 * DEADLINE


def test_who_waits_for_the_answer_to_a_message_of_another_connection_does_not_ask_the_model_anew(guarded, ai):
    host = guarded(BOTH)
    ai.usual = "hang"
    with contextlib.ExitStack() as stack:
        session = uuid.uuid4()
        clients = [stack.enter_context(client(host, "key-of-ann", f"session={session}")) for _ in range(6)]
        for number, ann in enumerate(clients):
            ask(ann, "the same", id="c-1")
            if number == 0:
                assert ai.arrived.acquire(timeout=DEADLINE)
            assert ann.ping().wait(DEADLINE)
        host.change(BOB_ALONE)
        for ann in clients:
            assert receive_json(ann)["error"]["code"] == "cancelled"
            is_closed(ann)
        assert ai.closed_by_client.wait(DEADLINE)
    assert len(ai.calls) == 1
