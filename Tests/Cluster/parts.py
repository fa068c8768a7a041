"""What the cluster is made of. Everything listens on loopback."""

import contextlib
import glob
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

from processes import PATIENCE, Failed, Part, wait_until

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def program(name):
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if not found:
        raise Failed(f"there is no {name}; scripts/setup --cluster installs it")
    return found


def fetch(url):
    """The status and text of an answer; no status where there is none."""
    try:
        with urllib.request.urlopen(url, timeout=2 * PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace")
    except (OSError, ValueError):
        return None, ""


class Server(Part):
    """A part with a port for HTTP."""

    path = "/readyz"

    def __init__(self, name, folder, port):
        super().__init__(name, folder)
        self.port = port

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self):
        return fetch(self.address + self.path)[0] == 200


class NATS(Part):
    """One server of three, with its own store."""

    def __init__(self, name, folder, port, route, monitor, routes, cluster="stagecoach", prefix=(), address="127.0.0.1"):
        super().__init__(name, folder)
        self.port, self.route, self.monitor, self.routes, self.cluster = port, route, monitor, routes, cluster
        self.prefix, self.address = prefix, address

    @property
    def url(self):
        return f"nats://{self.address}:{self.port}"

    def command(self):
        routes = ", ".join(f'"nats://127.0.0.1:{route}"' for route in self.routes)
        file = self.folder / "server.conf"
        # Clients are told of no other server than those in the file, as none but these are theirs.
        file.write_text(f"""\
server_name: {self.name}
listen: "{self.address}:{self.port}"
http: "{self.address}:{self.monitor}"
jetstream {{ store_dir: "{self.folder}/store", max_mem: 64MB, max_file: 4GB }}
cluster {{ name: {self.cluster}, listen: "127.0.0.1:{self.route}", routes: [{routes}], no_advertise: true }}
""")
        return [*self.prefix, program("nats-server"), "-c", file]

    def is_ready(self):
        # Not of each consumer: those that were removed while it was away count as not current.
        return self.look("healthz?js-server-only=true") == {"status": "ok"}

    def look(self, path):
        """What the server says of itself; `None` where it says nothing."""
        status, text = fetch(f"http://{self.address}:{self.monitor}/{path}")
        return json.loads(text) if status == 200 else None

    def streams(self):
        """Each stream, and which servers have it, as this one knows it: `leader` and `replicas`."""
        said = self.look("jsz?accounts=true&streams=true") or {}
        return {found["name"]: found.get("cluster") or {}
                for account in said.get("account_details") or [] for found in account.get("stream_detail") or []}

    def leads(self, streams):
        """Those that it leads. By its own word: one that has just been started may not know who leads."""
        return {name for name, cluster in streams.items() if cluster.get("leader") == self.name}


class Postgres(Part):
    """Its server refuses to run as root, and its user must be able to enter the folder."""

    def __init__(self, name, folder, port):
        super().__init__(name, folder)
        self.port = port
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: float(path.split("/")[4]))
        if not found:
            raise Failed("there is no PostgreSQL server; scripts/setup --cluster installs it")
        self.binaries = pathlib.Path(found[-1]).parent
        self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
        self.data = self.folder / "data"

    @property
    def url(self):
        return f"postgresql://stagecoach@127.0.0.1:{self.port}/stagecoach"

    def command(self):
        return [*self.user, self.binaries / "postgres", "-D", self.data.resolve()]

    def working_folder(self):
        return self.data.resolve()

    def start(self):
        if self.pid:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.data.exists():
            self._make()
        if not self.has_ended_by_itself():
            raise Failed(f"another server works in {self.data}")
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        super().start()

    def has_ended_by_itself(self):
        """Those of its processes that it has left behind, as after a kill, end by themselves."""
        with contextlib.suppress(Failed):
            wait_until(lambda: not self._processes(), "the processes of PostgreSQL", 20)
        return not self._processes()

    def _processes(self):
        found = []
        for entry in glob.glob("/proc/[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(f"{entry}/cwd") == str(self.data.resolve()):
                    found.append(int(entry.rpartition("/")[2]))
        return found

    def _make(self):
        place = self.data
        if self.user and subprocess.run([*self.user, "test", "-x", str(self.folder)]).returncode:
            # The repository is where only root may enter.
            place = pathlib.Path(tempfile.mkdtemp(prefix="stagecoach-postgres-", dir="/var/tmp"))
            self.data.symlink_to(place)
        place.mkdir(exist_ok=True)
        if self.user:
            shutil.chown(place, "postgres", "postgres")
        done = subprocess.run(
            [*self.user, self.binaries / "initdb", "-D", str(place), "-U", "stagecoach", "-A", "trust", "-E", "UTF8", "--locale=C",
             "--no-sync"], cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"initdb: {done.stderr or done.stdout}")
        with open(place / "postgresql.conf", "a") as file:
            file.write(f"port={self.port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories=''\nlc_messages='C'\n")

    def is_ready(self):
        return self.psql("SELECT 1", database="postgres").returncode == 0

    def psql(self, statement, database="stagecoach"):
        return subprocess.run(
            [program("psql"), "-qtAX", "-v", "ON_ERROR_STOP=1", "-d", f"{self.url.rpartition('/')[0]}/{database}",
             "-c", statement], capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def make_database(self):
        if self.psql("SELECT 1").returncode:
            done = self.psql("CREATE DATABASE stagecoach", database="postgres")
            if done.returncode:
                raise Failed(f"PostgreSQL: {done.stderr}")

    def stop(self):
        # Its fast shutdown, which does not wait for its clients.
        self.kill(signal.SIGINT)

    def remove(self):
        if self.data.is_symlink():
            shutil.rmtree(self.data.resolve(), ignore_errors=True)


class Model(Server):
    """Stands in for a model's API where there is no key of a real one."""

    path = "/v1/models"

    def command(self):
        return [sys.executable, HERE / "model.py", self.port]

    def environment(self):
        return {"MODEL_LOG": str(self.folder / "calls")}


class Host(Server):
    """Has clients, and leaves the queues to the workers."""

    arguments = ["serve", "--no-work"]

    def __init__(self, name, folder, port, program, pipeline, variables):
        super().__init__(name, folder, port)
        self.program, self.pipeline, self.variables = program, pipeline, variables

    def command(self):
        return [self.program, *self.arguments, "--port", self.port, self.pipeline]

    def environment(self):
        return self.variables()


class Worker(Host):
    """Only works on what waits."""

    arguments = ["work"]


class Proxy(Server):
    """HAProxy before the hosts."""

    path = "/healthz"

    def __init__(self, name, folder, port, hosts):
        super().__init__(name, folder, port)
        self.hosts = hosts

    def command(self):
        text = (ROOT / "docs/proxies/haproxy-cluster.cfg").read_text()
        for number, host in enumerate(self.hosts, 1):
            text = text.replace(f"127.0.0.1:808{number}", f"127.0.0.1:{host.port}")
        file = self.folder / "haproxy.cfg"
        file.write_text(text.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}"))
        # In the foreground it is one process, so that its id is all of it.
        return [program("haproxy"), "-db", "-f", file]


def taken(ports):
    """The first port that somebody else has."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return port
    return None


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]
