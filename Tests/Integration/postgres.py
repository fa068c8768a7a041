"""A PostgreSQL server of the tests' own: on a free port of the loopback, in a folder of its own, without root's rights."""

import glob
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import psycopg
from psycopg.rows import dict_row


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class PostgresServer:
    def __init__(self):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: float(path.split("/")[4]))
        if not found:
            raise RuntimeError("PostgreSQL's server is not installed: run 'scripts/setup --tests'")
        self.binaries = pathlib.Path(found[-1]).parent
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stagecoach-postgres-", dir="/tmp"))
        self.data = self.folder / "data"
        self.databases = 0
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        # As late as can be: others look for free ports at the same time.
        self.port = free_port()
        access = self.data / "pg_hba.conf"
        access.write_text("host all careful 127.0.0.1/32 scram-sha-256\n" + access.read_text())
        with open(self.data / "postgresql.conf", "a") as file:
            file.write(f"port={self.port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories='{self.folder}'\n"
                       "fsync=off\nmax_connections=200\nlc_messages='C'\n")
        self.start()

    def run(self, name, *arguments):
        # The server refuses to run as root.
        prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
        done = subprocess.run([*prefix, self.binaries / name, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=open(self.folder / "output", "w"), stderr=subprocess.STDOUT, timeout=60)
        assert done.returncode == 0, (self.folder / "output").read_text()

    def start(self):
        self.run("pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "start")

    def stop(self, mode="immediate"):
        self.run("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")

    def end(self):
        if (self.data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self):
        self.databases += 1
        database = Database(self, f"test{self.databases}")
        Database(self, "postgres").execute(f"CREATE DATABASE {database.name}")
        return database


class Database:
    def __init__(self, server, name):
        self.server, self.name = server, name

    def url(self, user="postgres", password=None, port=None):
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@127.0.0.1:{port or self.server.port}/{self.name}"

    def execute(self, sql):
        """Runs SQL, and gives the rows as dictionaries where there are any."""
        with psycopg.connect(self.url(), autocommit=True, row_factory=dict_row, connect_timeout=5) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def rows(self, table="requests"):
        return self.execute(f"SELECT * FROM {table} ORDER BY created_at, id")

    def count(self, table="requests"):
        return self.execute(f"SELECT count(*) FROM {table}")[0]["count"]

    def psql(self, script):
        """Runs a script with PostgreSQL's own client."""
        done = subprocess.run(["psql", "-qtAX", "-v", "ON_ERROR_STOP=1", "-d", self.url()], input=script, text=True,
                              capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout
