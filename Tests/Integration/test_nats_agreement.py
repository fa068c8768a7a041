"""NATS knows a message's id before its servers have agreed on the message; and an answer to what was published may be lost."""

import contextlib
import socket
import threading

import pytest

from conftest import metrics, receive_json, say, wait_until
from natsserver import free_port
from test_nats import SHARED
from test_nats_cluster import cluster as cluster

# What servers say to who publishes a message again before they have agreed: NATS 2.10, and NATS 2.11 and later.
IN_PROCESS = {
    "2.10": b'{"stream":"stagecoach", "seq":0,"duplicate": true}',
    "2.11": b'{"error":{"code":409,"err_code":10158,"description":"duplicate message id is in process"},"stream":"stagecoach","seq":0}',
}
PUBLISHED = b"HPUB stagecoach.chat."


class Between:
    """Between host and server: what the host sends goes through `change`; after what it makes `None` of, it is cut off."""

    def __init__(self, port):
        self.port = port
        self.listener = socket.create_server(("127.0.0.1", free_port()))
        self.url = f"nats://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.port))
                for pump in ((near, far, self.change), (far, near, bytes)):
                    threading.Thread(target=self.pump, args=pump, daemon=True).start()

    def pump(self, source, target, change):
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                changed = change(data)
                if changed is None:
                    source.shutdown(socket.SHUT_RDWR)
                    target.sendall(data)
                    break
                target.sendall(changed)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()


class Undecided(Between):
    """What is published to the stream first goes to nobody, and is answered as if it were with servers that are slow."""

    def __init__(self, server, wire, answer, times):
        self.wire, self.answer, self.left = wire, answer, times
        self.lock = threading.Lock()
        wire.subscribe("undecided.>")
        super().__init__(server.port)
        threading.Thread(target=self.reply, daemon=True).start()

    def change(self, data):
        with self.lock:
            found = min(data.count(PUBLISHED), self.left)
            self.left -= found
        return data.replace(PUBLISHED, PUBLISHED.replace(b"stagecoach", b"undecided"), found)

    def reply(self):
        answered = 0
        while True:
            with self.wire.condition:
                self.wire.condition.wait_for(lambda: len(self.wire.messages) > answered)
                message = self.wire.messages[answered]
            answered += 1
            with contextlib.suppress(OSError):
                self.wire.publish(message["reply"], self.answer)


class Unanswered(Between):
    """The connection that publishes to the stream first is cut off before the answer."""

    left = 1

    def change(self, data):
        if self.left and PUBLISHED in data:
            self.left = 0
            return None
        return data


@pytest.mark.parametrize("version", IN_PROCESS)
def test_an_answer_leaves_once_the_servers_have_agreed_on_its_message(serve, nats, version):
    with nats.client() as wire, contextlib.closing(Undecided(nats, wire, IN_PROCESS[version], times=3)) as between:
        host = serve(SHARED, env={"NATS_URL": between.url})
        with host.connect() as client:
            receive_json(client)
            assert say(client, "told once they agree")["type"] == "response"
            assert between.left == 0, "it was said to be in process"
            assert wire.stream()["state"]["last_seq"] == 1, "answered, and in the stream"
        wait_until(lambda: [row["prompt"] for row in host.rows("prompt")] == ["told once they agree"], "its row")


def worked_on(host):
    """How many messages came to the stage behind the queue."""
    lines = [line for line in metrics(host).splitlines()
             if line.startswith("stagecoach_stage_received_total{") and 'stage="persist"' in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def publish_twice(serve, server, text):
    """A message whose first answer was lost; the ids under which the stream got it."""
    with server.client() as wire, contextlib.closing(Unanswered(server.port)) as between:
        wire.subscribe("stagecoach.chat.>")
        host = serve(text, env={"NATS_URL": between.url})
        with host.connect() as client:
            receive_json(client)
            assert say(client, "published twice")["type"] == "response"
            assert between.left == 0, "the answer was lost"
            assert say(client, "once")["type"] == "response"
        wait_until(lambda: wire.count() == 0, "the stream to be empty", deadline=30)
        assert [row["prompt"] for row in host.rows("prompt")] == ["published twice", "once"]
        assert worked_on(host) == 2, "each once"
        first, second, _ = [message["headers"]["Nats-Msg-Id"] for message in wire.messages]
        return first, second, wire.stream()["state"]["last_seq"]


def test_one_server_knows_a_message_again_that_is_published_without_an_answer(serve, nats):
    first, second, last = publish_twice(serve, nats, SHARED)
    assert second == first and last == 2


@pytest.mark.timeout(180)
def test_several_servers_need_not_know_a_message_again_as_the_worker_does(serve, cluster):
    # Each server counts what it left out, and counts anew when it is started again: its stream differs from then on (NATS 2.9).
    first, second, last = publish_twice(serve, cluster.servers[0], SHARED.replace("size: 64MiB", "size: 64MiB, replicas: 3"))
    assert second.startswith(f"{first}~") and last == 3
