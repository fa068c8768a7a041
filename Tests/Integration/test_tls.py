"""TLS: what is spoken, what is refused, and a certificate that changes while clients are connected."""

import contextlib
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from conftest import DEADLINE, memory, receive, wait_until
from tokens import certificate

FLOW = "resources: {m: echo}\nstages: [receive, complete, respond]\n"
HOST = "host: {tls: {certificate: host.pem, key: host.key}%s}\n"


@pytest.fixture
def secure(serve, tmp_path):
    certificate(tmp_path, "host")

    def start(more=""):
        return serve(f"pipeline: p\n{HOST % more}{FLOW}")

    return start


def trusting(path):
    return ssl.create_default_context(cafile=path)


def shown(host):
    """The certificate that a new connection is shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", host.port), timeout=DEADLINE) as plain:
        with context.wrap_socket(plain) as connection:
            return connection.getpeercert(binary_form=True)


def says(client, text):
    client.send(text)
    assert receive(client) == text


def test_the_same_port_speaks_wss_and_https_and_says_so(secure, tmp_path):
    host = secure()
    assert host.line == f"listening on https://127.0.0.1:{host.port}, pipeline p at wss://127.0.0.1:{host.port}/ws"
    with host.connect(ssl=trusting(tmp_path / "host.pem")) as client:
        says(client, "hello")
        says(client, "x" * 60_000)
    answer = subprocess.run(
        ["curl", "--silent", "--show-error", "--cacert", tmp_path / "host.pem", "--data", '{"prompt": "by curl"}',
         f"{host.http}/ws"], capture_output=True, text=True, timeout=30, check=True)
    assert '"response":"by curl"' in answer.stdout


def test_memory_of_long_messages_is_given_back_once_they_are_over(secure, tmp_path):
    host, context = secure(), trusting(tmp_path / "host.pem")
    with contextlib.ExitStack() as open_clients:
        clients = [open_clients.enter_context(host.connect(ssl=context)) for _ in range(60)]
        for client in clients:
            says(client, "x" * 60_000)
        time.sleep(1.1)
        before = memory(host)
        for client in clients:
            says(client, "short")
        # Two buffers each that had the message.
        assert before - memory(host) > len(clients) * 60_000, before


def test_a_plain_client_gets_nothing(secure):
    host = secure()
    with host.raw() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            assert b"200" not in connection.recv(4096)
        except ConnectionResetError:
            pass
    assert shown(host)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(secure, version):
    host = secure()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", host.port), timeout=DEADLINE) as plain:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(plain)


def test_the_handshake_of_tls_is_within_the_time_of_the_handshake(secure):
    host = secure(", limits: {handshake: 300ms}")
    for first in (b"", b"\x16\x03\x01\x02\x00\x01"):
        with host.raw() as connection:
            connection.sendall(first)
            assert connection.recv(1) == b""


def test_a_page_without_tls_is_none_of_the_hosts_own(secure, tmp_path):
    host = secure()
    context = trusting(tmp_path / "host.pem")
    with host.connect(ssl=context, origin=f"https://127.0.0.1:{host.port}") as client:
        says(client, "hello")
    with pytest.raises(InvalidStatus), host.connect(ssl=context, origin=f"http://127.0.0.1:{host.port}"):
        pass


def test_a_new_certificate_is_taken_without_closing_anyone(secure, tmp_path):
    host = secure()
    old = shown(host)
    with host.connect(ssl=trusting(tmp_path / "host.pem")) as client:
        says(client, "before")
        new = certificate(tmp_path, "new", "renewed")
        shutil.copy(new[0], tmp_path / "host.pem")
        shutil.copy(new[1], tmp_path / "host.key")
        assert shown(host) == old
        host.process.send_signal(signal.SIGHUP)
        wait_until(lambda: shown(host) != old, "the new certificate")
        says(client, "after")
        with host.connect(ssl=trusting(tmp_path / "host.pem")) as other:
            says(other, "new")
        says(client, "still")


@pytest.mark.parametrize("broken", ["host.pem", "host.key", "other"])
def test_a_broken_certificate_keeps_the_old_one_and_is_logged(secure, tmp_path, broken):
    host = secure()
    old = shown(host)
    if broken == "other":
        shutil.copy(certificate(tmp_path, "new")[1], tmp_path / "host.key")
    else:
        (tmp_path / broken).write_text("-----BEGIN NOTHING-----\n")
    with host.connect(ssl=ssl._create_unverified_context()) as client:
        host.process.send_signal(signal.SIGHUP)
        wait_until(lambda: any("SIGHUP" in line and "host." in line for line in list(host.log)), "the log entry")
        says(client, "still here")
        assert shown(host) == old
    assert "PRIVATE" not in "".join(host.log).replace("-----BEGIN PRIVATE KEY-----", "")


@pytest.mark.parametrize(
    ("change", "place", "word"),
    [("no certificate", ":2:27:", "No such file"), ("no key", ":2:42:", "No such file"),
     ("empty certificate", ":2:27:", "no certificate"), ("a key that is none", ":2:42:", "no private key"),
     ("another key", ":2:42:", "is not the key of the certificate")])
def test_files_that_cannot_be_used_are_named_at_their_place(run, tmp_path, change, place, word):
    certificate(tmp_path, "host")
    if change == "no certificate":
        (tmp_path / "host.pem").unlink()
    elif change == "no key":
        (tmp_path / "host.key").unlink()
    elif change == "empty certificate":
        (tmp_path / "host.pem").write_text("")
    elif change == "another key":
        shutil.copy(certificate(tmp_path, "other")[1], tmp_path / "host.key")
    else:
        (tmp_path / "host.key").write_text("secret stuff")
    (tmp_path / "p.yaml").write_text(f"pipeline: p\n{HOST % ''}{FLOW}")
    for command in (["check", tmp_path / "p.yaml"], ["serve", tmp_path / "p.yaml", "--port", "0"]):
        done = run(*command)
        assert done.returncode == 1 and place in done.stderr and word in done.stderr, done.stderr
        assert "secret stuff" not in done.stderr and "listening" not in done.stdout


def test_a_drain_says_goodbye_over_tls_too(secure, tmp_path):
    host = secure()
    with connect(host.url(), ssl=trusting(tmp_path / "host.pem"), close_timeout=2, open_timeout=DEADLINE) as client:
        says(client, "hello")
        host.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=DEADLINE)
    assert closed.value.rcvd.code == 1001
    assert host.process.wait(timeout=DEADLINE) == 0
