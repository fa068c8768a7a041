"""What a message costs with one host and with two, and a row with one worker and with two, by the processors' time of each.

Rates say little where all of it shares a machine; the time of the processes themselves is what each would need on its own.
"""

import asyncio
import json
import os
import pathlib
import signal
import socket
import statistics
import time
import uuid

import psycopg

from conversations import Crowd
from processes import PATIENCE, Failed

TEXT = " ".join(["words"] * 100)
PARTITIONS = 16


def used(parts):
    """Seconds of processor time."""
    total = 0
    for part in parts:
        fields = pathlib.Path(f"/proc/{part.pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


async def message(hosts, clients, seconds=8):
    """Microseconds a message, each host with as many clients; what the hosts take when nobody talks is left out."""
    begun, before = time.monotonic(), used(hosts)
    await asyncio.sleep(3)
    idle = (used(hosts) - before) / (time.monotonic() - begun)
    crowds = [Crowd(f"ws://127.0.0.1:{host.port}/ws", clients) for host in hosts]
    for crowd in crowds:
        for client in crowd.clients:
            client.think = 0
        crowd.start()
    for crowd in crowds:
        if not await crowd.all_answered_since(0, 20):
            raise Failed("no conversation")
    begun, before, count = time.monotonic(), used(hosts), sum(len(crowd.answers) for crowd in crowds)
    await asyncio.sleep(seconds)
    took = used(hosts) - before - idle * (time.monotonic() - begun)
    count = sum(len(crowd.answers) for crowd in crowds) - count
    for crowd in crowds:
        await crowd.end()
    return 1e6 * took / count


def partition(session):
    """FNV-1a, folded (docs/scale.md)."""
    number = 0xCBF29CE484222325
    for byte in session.encode():
        number = (number ^ byte) * 0x100000001B3 % 2**64
    return (number ^ number >> 32) % PARTITIONS


def publish(server, count):
    """Messages as a host puts them into the stream, while no worker takes any."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(b'CONNECT {"verbose":false,"headers":true}\r\n')
        response = json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}}]})
        for number in range(count):
            session = str(uuid.uuid4())
            body = json.dumps({"id": str(uuid.uuid4()), "received_at": int(time.time() * 1e6), "session": session,
                               "username": "WebUser", "prompt": f"measured {number}", "completion": TEXT, "tokens_used": 200,
                               "response": response}).encode()
            connection.sendall(b"PUB stagecoach.cluster.persist.%d %d\r\n%s\r\n" % (partition(session), len(body), body))
        connection.sendall(b"PING\r\n")
        answer = b""
        while b"PONG" not in answer:
            answer += connection.recv(65536)


def row(cluster, workers, count):
    """Microseconds of the workers and seconds in all for a row of a backlog."""
    def rows():
        with psycopg.connect(cluster.postgres.url) as connection:
            return connection.execute("SELECT count(*) FROM requests").fetchone()[0]

    for worker in cluster.workers:
        worker.start() if worker in workers else worker.stop()
    for worker in workers:
        worker.wait()
    # The partitions of one that has gone are free by now.
    time.sleep(10)
    for worker in workers:
        os.kill(worker.pid, signal.SIGSTOP)
    try:
        known = rows()
        publish(cluster.nats[0], count)
        begun, before = time.monotonic(), used(workers)
    finally:
        for worker in workers:
            os.kill(worker.pid, signal.SIGCONT)
    while rows() < known + count:
        if time.monotonic() > begun + 300 * PATIENCE:
            raise Failed(f"{known + count - rows()} rows are missing")
        time.sleep(0.05)
    return 1e6 * (used(workers) - before) / count, count / (time.monotonic() - begun)


def measure(cluster, rounds, count):
    messages, rows = {1: [], 2: []}, {1: [], 2: []}
    try:
        for _ in range(rounds):
            for number in (1, 2):
                messages[number].append(asyncio.run(message(cluster.hosts[:number], 16)))
        for _ in range(rounds):
            for number in (1, 2):
                rows[number].append(row(cluster, cluster.workers[:number], count))
    finally:
        for part in cluster.parts:
            part.start()
    for number in (1, 2):
        costs = statistics.median(messages[number])
        print(f"{number} host{'s'[:number - 1]}: {costs:,.0f} µs of CPU a message, 16 clients each")
    for number in (1, 2):
        costs, rate = (statistics.median(column) for column in zip(*rows[number]))
        print(f"{number} worker{'s'[:number - 1]}: {costs:,.0f} µs of CPU a row of 100 words, {rate:,.0f} rows/s of {count:,}")
    print(f"medians of {rounds} in turn, everything on {os.cpu_count()} processors")
    return 0
