"""Limits that an operator sets: connections and frames of one client, and whose address counts behind a proxy."""

import json
import os
import pathlib
import resource
import time

import pytest
import urllib.error
import urllib.request
from websockets.exceptions import ConnectionClosed, InvalidStatus

from conftest import DEADLINE, receive, receive_json, wait_until
from test_protocol import frame, opened, read_frame

ECHO = "resources: {m: echo, d: {sqlite: {path: data/stagecoach.db}}}\nstages: [receive, complete, persist, respond]\n"


def limited(serve, limits, host=""):
    return serve(f"pipeline: p\nhost: {{limits: {{{limits}}}{host}}}\n{ECHO}")


def refusal(host, **headers):
    """The status of a refused handshake and what it says of coming back."""
    with pytest.raises(InvalidStatus) as refused, host.connect(additional_headers=headers):
        pass
    response = refused.value.response
    assert int(response.headers["Retry-After"]) > 0
    return response.status_code


def says(client, text):
    client.send(text)
    assert receive(client) == text


def test_the_connection_past_the_limit_is_refused_at_once_and_the_others_go_on(serve):
    host = limited(serve, "connections: 2")
    with host.connect() as first, host.connect():
        # More than there is room for: who was refused counts no more.
        for _ in range(3):
            began = time.monotonic()
            assert refusal(host) == 503
            assert time.monotonic() - began < 0.1 * DEADLINE
        says(first, "still here")
    wait_until(lambda: not fails(host), "room again")


def fails(host, **headers):
    try:
        with host.connect(additional_headers=headers):
            return False
    except InvalidStatus:
        return True


def test_an_address_has_its_share_of_connections_and_not_more(serve):
    host = limited(serve, "connections_per_address: 2")
    with host.connect() as first, host.connect() as second:
        assert refusal(host) == 503
        says(first, "one")
        says(second, "two")
    wait_until(lambda: not fails(host), "room again")


def test_x_forwarded_for_counts_only_from_a_trusted_proxy(serve):
    host = limited(serve, "connections_per_address: 1")
    with host.connect(additional_headers={"X-Forwarded-For": "198.51.100.1"}):
        assert refusal(host, **{"X-Forwarded-For": "198.51.100.2"}) == 503


def test_behind_a_trusted_proxy_each_client_has_its_own_share(serve):
    host = limited(serve, "connections_per_address: 1", ", trusted_proxies: [127.0.0.0/8]")
    with host.connect(additional_headers={"X-Forwarded-For": "192.0.2.66, 198.51.100.1"}) as first:
        # What the client wrote itself stands to the left of what the proxy adds, and is nobody's word.
        assert refusal(host, **{"X-Forwarded-For": "192.0.2.67, 198.51.100.1"}) == 503
        with host.connect(additional_headers={"X-Forwarded-For": "198.51.100.2"}) as second:
            says(second, "two")
        says(first, "one")


def test_a_limit_by_address_counts_the_client_behind_the_proxy(serve):
    flow = ECHO.replace("[receive,", "[receive, {limit: {per: address, messages: 1, every: 60s}},")
    host = serve(f"pipeline: p\nhost: {{trusted_proxies: [127.0.0.1]}}\n{flow}")
    for client, answer in [("198.51.100.1", "hello"), ("198.51.100.2", "hello"), ("192.0.2.66, 198.51.100.1", "Too many")]:
        with host.connect(additional_headers={"X-Forwarded-For": client}) as connection:
            connection.send("hello")
            assert receive(connection).startswith(answer)
        request = urllib.request.Request(f"{host.http}/ws", data=b'{"prompt": "x"}', headers={"X-Forwarded-For": client})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=DEADLINE)
        assert refused.value.code == 429


def test_connections_past_the_rate_are_told_when_to_come_back(serve):
    host = limited(serve, "connects_per_second: 2")
    outcomes = [fails(host) for _ in range(8)]
    assert not outcomes[0] and any(outcomes)
    wait_until(lambda: not fails(host), "room again", pause=0.5)


def test_a_post_past_a_limit_is_refused_too(serve):
    host = limited(serve, "connections_per_address: 1")
    with host.connect(), pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{host.http}/ws", data=b'{"prompt": "x"}', timeout=DEADLINE)
    assert refused.value.code == 503 and refused.value.headers["Retry-After"]


def test_frames_past_the_rate_get_an_error_and_reach_no_stage(serve):
    host = limited(serve, "frames_per_second: 5")
    with host.connect("format=json") as client:
        receive(client)
        for number in range(20):
            client.send(json.dumps({"prompt": "hello", "id": f"c-{number}"}))
        frames = [receive_json(client) for _ in range(20)]
        assert [frame["id"] for frame in frames] == [f"c-{number}" for number in range(20)]
        answered = [frame for frame in frames if frame["type"] == "response"]
        refused = [frame["error"] for frame in frames if frame["type"] == "error"]
        assert 5 <= len(answered) < 20 and len(answered) + len(refused) == 20
        assert refused[0] == {"code": "rate_limited", "message": "Too many messages; try again in a second",
                              "retryable": True, "retry_after": 1}
        assert len(host.wait_for_rows(len(answered))) == len(answered)
        wait_until(lambda: answers(client), "an answer again", pause=0.3)


def answers(client):
    client.send(json.dumps({"prompt": "again"}))
    return receive_json(client)["type"] == "response"


def test_text_clients_are_told_in_text(serve):
    host = limited(serve, "frames_per_second: 1")
    with host.connect() as client:
        for _ in range(5):
            client.send("hello")
        assert "Too many messages; try again in a second" in [receive(client) for _ in range(5)]


@pytest.mark.parametrize("flood", [frame(9, b"p"), frame(1, b"x"), frame(10)], ids=["pings", "prompts", "pongs"])
def test_a_client_that_goes_on_is_closed_with_1008(serve, flood):
    host = limited(serve, "frames_per_second: 5")
    with opened(host) as connection, host.connect() as other:
        connection.sendall(flood * 200)
        while True:
            opcode, payload = read_frame(connection)
            if opcode == 8:
                break
        assert payload[:2] == (1008).to_bytes(2, "big")
        says(other, "still here")
    assert len(host.rows()) <= 8
    assert host.stop() == 0
    # Nor does it fill the log: of what is refused on a connection the first is logged.
    is_prompts = flood[0] & 0xF == 1
    assert len(host.entries("rate_limited")) == is_prompts


def test_a_client_within_its_rate_is_never_refused(serve):
    host = limited(serve, "frames_per_second: 50")
    with host.connect() as client:
        for _ in range(120):
            client.send("hello")
            answer = receive(client)
            assert answer == "hello"
            time.sleep(0.021)  # the client's own pace


def test_bad_ranges_are_named_at_their_place(run, tmp_path):
    (tmp_path / "p.yaml").write_text(f"pipeline: p\nhost:\n  trusted_proxies: [10.0.0.0/8, 10.0.0.0/33]\n{ECHO}")
    checked = run("check", tmp_path / "p.yaml")
    assert checked.returncode == 1 and ":3:33: error:" in checked.stderr and "10.0.0.0/8" in checked.stderr


def test_a_closed_connection_past_its_rate_does_not_hold_the_drain(serve):
    host = limited(serve, "frames_per_second: 1")
    with host.connect() as client:
        with pytest.raises(ConnectionClosed):
            for _ in range(100):
                client.send("x")
            while True:
                client.recv(timeout=DEADLINE)
        assert host.stop() == 0


def cpu_seconds(host):
    fields = pathlib.Path(f"/proc/{host.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_without_descriptors_the_host_neither_spins_nor_fails_and_takes_clients_again_once_it_has_some(serve):
    host = limited(serve, "connections: 1000")
    with host.connect() as first:
        says(first, "before")
        resource.prlimit(host.process.pid, resource.RLIMIT_NOFILE, (64, 64))
        crowd = [host.raw() for _ in range(100)]
        says(first, "meanwhile")
        before, began = cpu_seconds(host), time.monotonic()
        time.sleep(3)
        assert (cpu_seconds(host) - before) / (time.monotonic() - began) < 0.05
        assert sum("No client can be taken" in line for line in host.log) == 1
        says(first, "still")
        for connection in crowd:
            connection.close()
        with host.connect() as late:
            says(late, "after")
        says(first, "at the end")
