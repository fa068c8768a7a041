"""What stands beside the host, on the load's core: a real PostgreSQL, the tests' stand-in for Supabase over it, and NATS."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile

from build import HERE
from peers import POSTGRES
from servers import LOAD_CORE, Failed, free_port, wait_for_port

TESTS = HERE.parent / "Tests/Integration"
sys.path.insert(0, str(TESTS))


@contextlib.contextmanager
def on_load_core():
    """What is started meanwhile stays there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, LOAD_CORE)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def databases():
    """The variables that pipelines take them from."""
    from postgres import PostgresServer
    from postgrest_server import SERVICE

    with on_load_core():
        server = PostgresServer()
    try:
        database = server.new_database()
        with on_load_core():
            rest = subprocess.Popen(
                [sys.executable, TESTS / "postgrest_server.py", database.url(), str(os.getpid())], text=True,
                stdout=subprocess.PIPE)
        try:
            port = int(rest.stdout.readline())
            wait_for_port(port)
            yield {"DATABASE_URL": database.url(), "SUPABASE_URL": f"http://127.0.0.1:{port}", "SUPABASE_KEY": SERVICE}
        finally:
            rest.kill()
            rest.wait()
    finally:
        server.end()


@contextlib.contextmanager
def nats():
    """The process of a server with JetStream, and its port in `port`."""
    program = shutil.which("nats-server", path=f"{os.environ['PATH']}:/usr/sbin")
    if not program:
        raise Failed("there is no nats-server; scripts/setup --bench installs it")
    with tempfile.TemporaryDirectory(prefix="bench-nats-") as folder:
        port = free_port()
        with on_load_core():
            server = subprocess.Popen([program, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", folder],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for_port(port)
            server.port = port
            yield server
        finally:
            server.kill()
            server.wait()


def migrate(program, environment):
    """Makes the table, which Supabase's API can't."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(POSTGRES)
        file.flush()
        subprocess.run([program, "migrate", file.name], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, env={**os.environ, "OPENAI_BASE_URL": "http://127.0.0.1", "OPENAI_API_KEY": "", **environment})
