"""Three NATS servers: with replicas, the loss of the one that leads costs nothing but seconds."""

import json
import os
import random
import signal
import time

import pytest

from conftest import receive_json, say, wait_until
from natsserver import NATSServer, free_port
from test_nats import PARTITIONS, SHARED
from test_nats_workers import Worker, check, count, talk

# At which of the first consumers that are made the server is killed.
KILLED_AT = int(os.environ.get("NATS_KILLED_AT") or random.randrange(PARTITIONS))

# An election takes 4 to 9 s, and the clients' next answer comes within 15.
PATIENCE = 15


class Cluster:
    def __init__(self):
        ports = [free_port() for _ in range(3)]
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
        self.servers = [
            NATSServer(f'server_name: n{number}\ncluster {{name: test, listen: "127.0.0.1:{port}", routes: [{routes}]}}')
            for number, port in enumerate(ports)]
        self.url = ",".join(server.url for server in self.servers)

    def end(self):
        for server in self.servers:
            server.end()

    def leader(self):
        """The server that leads the stream."""
        for server in self.servers:
            if server.process.poll() is None:
                with server.client() as wire:
                    name = wire.stream().get("cluster", {}).get("leader")
                if name:
                    return self.servers[int(name[1:])]
        return None


@pytest.fixture
def cluster():
    servers = Cluster()
    yield servers
    servers.end()


@pytest.mark.timeout(180)
def test_the_server_that_leads_may_be_killed_while_consumers_are_made(serve, cluster, tmp_path):
    text = SHARED.replace("size: 64MiB", "size: 64MiB, replicas: 3")
    host = serve(text, env={"NATS_URL": cluster.url}, arguments=["--no-work"])
    with host.connect() as client:
        receive_json(client)
        client.send(json.dumps({"prompt": "0"}))
        assert client.recv(timeout=60)
        talks = talk(host, 8, 5)
        for one in talks:
            one.join(timeout=60)
    leader = wait_until(cluster.leader, "a leader", deadline=30)
    with leader.client() as wire:
        wire.subscribe("$JS.API.CONSUMER.DURABLE.CREATE.>")
        worker = Worker(tmp_path, {"NATS_URL": cluster.url}, text=text)
        try:
            wait_until(lambda: len(wire.messages) > KILLED_AT, "consumers being made", deadline=30)
            leader.stop(signal.SIGKILL)
            start = time.monotonic()
            wait_until(lambda: count(tmp_path) == 41, "the rows", deadline=60)
            print("the rows took", time.monotonic() - start)
            leader.start()
            worker.ready()
            wait_until(lambda: worker.metric("stagecoach_queue_partitions") == PARTITIONS, "all partitions", deadline=60)
            check(tmp_path, [*talks, *talk(host, 8, 5)], deadline=40)
        finally:
            worker.kill()


@pytest.mark.timeout(180)
def test_the_server_that_leads_may_be_killed(serve, cluster):
    text = SHARED.replace("size: 64MiB", "size: 64MiB, replicas: 3")
    host = serve(text, env={"NATS_URL": cluster.url})
    answered = []
    with host.connect() as client:
        receive_json(client)
        # The servers first have to choose among themselves.
        client.send(json.dumps({"prompt": "0"}))
        assert client.recv(timeout=60)
        answered.append("0")
        leader = wait_until(cluster.leader, "a leader", deadline=30)
        leader.stop(signal.SIGKILL)
        start = time.monotonic()
        for number in range(1, 30):
            client.send(json.dumps({"prompt": str(number)}))
            assert json.loads(client.recv(timeout=60))["type"] == "response"
            answered.append(str(number))
        print("the first answers took", time.monotonic() - start)
        assert time.monotonic() - start < 2 * PATIENCE
    wait_until(lambda: len(host.rows("id")) == len(answered), "the rows", deadline=60)
    assert [row["prompt"] for row in host.rows()] == answered, "each once, in order"
