"""As many idle WebSockets as the machine's limit of open files lets, with what each takes: of the host, and of the kernel.

    scripts/idle [CONNECTIONS]      100,000 by default; a host takes half of its open files, so there are as many hosts as it takes

The clients are processes of this program, one for each host: they answer pings, as browsers do. At the end one in a hundred
asks something, and all must still be there.
"""

import json
import os
import pathlib
import re
import resource
import select
import socket
import subprocess
import sys
import tempfile
import time

PIPELINE = """\
pipeline: idle
resources:
  model: echo
stages:
  - receive: {path: /ws, format: json}
  - complete
  - respond
host:
  limits: {connections: %d, idle: 0}
"""
HANDSHAKE = ("GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode()
PONG = bytes([0x8A, 0x80, 0, 0, 0, 0])
QUESTION = b'{"prompt":"still here"}'
# Slabs in which the kernel keeps sockets and what belongs to them.
SLABS = ("TCP", "sock_inode_cache", "dentry", "filp", "eventpoll_epi", "eventpoll_pwq", "tw_sock_TCP")


class Clients:
    """Connections of one process to one host."""

    def __init__(self, port):
        self.port = port
        self.poll = select.epoll()
        self.sockets = {}
        self.closed = 0

    def connect(self, count):
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", self.port), timeout=60)
            client.sendall(HANDSHAKE)
            came = b""
            # The head of the answer and the greeting, which is a frame.
            while b"\r\n\r\n" not in came or b"session_id" not in came:
                more = client.recv(4096)
                if not more:
                    raise SystemExit(f"idle: not taken: {came[:300]}")
                came += more
            client.setblocking(False)
            self.sockets[client.fileno()] = client
            self.poll.register(client, select.EPOLLIN)
            if len(self.sockets) % 200 == 0:
                self.serve(0)

    def serve(self, seconds):
        end = time.monotonic() + seconds
        while True:
            for descriptor, _ in self.poll.poll(max(0, min(1, end - time.monotonic())), 1000):
                client = self.sockets[descriptor]
                try:
                    came = client.recv(4096)
                except BlockingIOError:
                    continue
                except OSError:
                    came = b""
                if not came:
                    self.closed += 1
                    self.poll.unregister(client)
                    client.close()
                    del self.sockets[descriptor]
                elif came[0] == 0x89:
                    client.sendall(PONG)
            if time.monotonic() >= end:
                return

    def ask(self):
        """One in a hundred asks; gives how long each waited."""
        times = []
        for client in list(self.sockets.values())[::100]:
            self.poll.unregister(client)
            client.setblocking(True)
            client.settimeout(60)
            begun = time.monotonic()
            client.sendall(bytes([0x81, 0x80 | len(QUESTION), 0, 0, 0, 0]) + QUESTION)
            came = b""
            while b'"response"' not in came:
                more = client.recv(4096)
                if not more:
                    raise SystemExit("idle: a connection ended as it asked")
                came += more
            times.append(time.monotonic() - begun)
        return sorted(times)


def clients(port, count):
    """A process: says when all are connected, and at a line on its standard input asks and says what it saw."""
    held = Clients(port)
    held.connect(count)
    print("connected", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        held.serve(0.2)
    times = held.ask()
    print(json.dumps({"held": len(held.sockets), "closed": held.closed, "p50": times[len(times) // 2],
                      "p99": times[int(0.99 * (len(times) - 1))]}), flush=True)


def resident(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"(?m)^VmRSS:\s+(\d+) kB", status)[1]) << 10


def kernel():
    """Bytes of the slabs of sockets, and of what waits in them; `None` where that can't be read."""
    try:
        lines = pathlib.Path("/proc/slabinfo").read_text().splitlines()
    except PermissionError:
        return None
    slabs = sum(int(words[1]) * int(words[3]) for line in lines if (words := line.split())[0] in SLABS)
    pages = int(re.search(r"(?m)^TCP: .* mem (\d+)", pathlib.Path("/proc/net/sockstat").read_text())[1])
    return slabs + pages * resource.getpagesize()


class Host:
    def __init__(self, program, limit):
        self.folder = tempfile.TemporaryDirectory(prefix="idle-")
        file = pathlib.Path(self.folder.name, "idle.yaml")
        file.write_text(PIPELINE % limit)
        self.process = subprocess.Popen([program, "serve", file, "--port", "0"], cwd=self.folder.name, text=True,
                                        stdout=subprocess.PIPE, stderr=open(f"{self.folder.name}/log", "w"))
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("idle: " + pathlib.Path(self.folder.name, "log").read_text())
        self.port = int(re.search(r"127\.0\.0\.1:(\d+)", line)[1])

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


class Crowd:
    """The process of a host's clients."""

    def __init__(self, host, count):
        self.process = subprocess.Popen([sys.executable, __file__, "clients", str(host.port), str(count)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def connected(self):
        if self.process.stdout.readline() != "connected\n":
            raise SystemExit("idle: the clients did not connect")

    def end(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.kill()
        self.process.wait()


def main(wanted):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    a_host = hard // 2
    shares = [a_host] * (wanted // a_host) + ([wanted % a_host] if wanted % a_host else [])
    program = os.environ["STAGECOACH"]
    hosts, crowds = [], []
    try:
        for _ in shares:
            hosts.append(Host(program, a_host))
            # What the first connections make once for all is no cost of each.
            warm = Clients(hosts[-1].port)
            warm.connect(50)
            for client in warm.sockets.values():
                client.close()
        time.sleep(3)
        before, kernel_before = [resident(host.process.pid) for host in hosts], kernel()
        begun = time.monotonic()
        for host, share in zip(hosts, shares):
            crowds.append(Crowd(host, share))
            crowds[-1].connected()
        took = time.monotonic() - begun
        # Two pings each.
        time.sleep(float(os.environ.get("IDLE_SECONDS", "65")))
        after, kernel_after = [resident(host.process.pid) for host in hosts], kernel()
        seen = [crowd.end() for crowd in crowds]
    finally:
        for each in [*crowds, *hosts]:
            each.stop()
    held, closed = sum(one["held"] for one in seen), sum(one["closed"] for one in seen)
    added = [(end - start) / share for start, end, share in zip(before, after, shares)]
    print(f"{held:,} connections held by {len(hosts)} hosts, {a_host:,} at most each (half of {hard:,} open files), "
          f"connected in {took:.0f} s; {closed} closed")
    print(f"a connection, KiB: {sum(added) / len(added) / 1024:.1f} of the host's memory ({min(added) / 1024:.1f} to "
          f"{max(added) / 1024:.1f})" + ("" if kernel_before is None else
          f", {(kernel_after - kernel_before) / held / 2 / 1024:.1f} of the kernel's at each end"))
    print(f"a host that holds {shares[0]:,}: {after[0] / 1e6:.0f} MB resident; before: {before[0] / 1e6:.0f} MB")
    p50, p99 = (1e3 * max(one[part] for one in seen) for part in ("p50", "p99"))
    print(f"an answer meanwhile: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    return 0 if held == wanted and not closed else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["clients"]:
        clients(int(sys.argv[2]), int(sys.argv[3]))
    else:
        sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else 100_000))
