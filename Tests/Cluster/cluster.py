"""Three NATS servers, PostgreSQL, two hosts, two workers and HAProxy, on loopback, in one folder.

    scripts/cluster up      builds and installs what is missing, starts what does not run, and says where it is
    scripts/cluster check   has conversations while each is killed and started again; --times N: each N times
    scripts/cluster measure what a message costs with one host and with two, and a row with one worker and with two
    scripts/cluster down    stops everything and removes the folder

CLUSTER_PORT is the first of sixteen ports (7000), 0 takes free ones; STAGECOACH names another program than the optimised build.
With OPENAI_API_KEY (and OPENAI_BASE_URL) the model is that API, else one that repeats what it is told.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

from parts import NATS, ROOT, Host, Model, Postgres, Proxy, Worker, free_ports, taken
from processes import Failed, Part

FOLDER = pathlib.Path(os.environ.get("CLUSTER_FOLDER") or ROOT / ".build/cluster")
PIPELINE = ROOT / "pipelines/cluster.yaml"
PORTS = 16


class Cluster:
    def __init__(self, folder=FOLDER):
        self.folder = pathlib.Path(folder)
        self.file = self.folder / "cluster.json"
        if self.file.exists():
            self.settings = json.loads(self.file.read_text())
        else:
            first = int(os.environ.get("CLUSTER_PORT") or 7000)
            self.settings = {
                "ports": list(range(first, first + PORTS)) if first else free_ports(PORTS),
                "program": os.path.abspath(os.environ.get("STAGECOACH") or ROOT / ".build/release/stagecoach"),
                "model": {name: os.environ[name] for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL") if os.environ.get(name)},
            }
        ports, program = self.settings["ports"], self.settings["program"]
        self.nats = [
            NATS(f"nats-{number}", self.folder / f"nats-{number}", ports[6 + number], ports[9 + number], ports[12 + number],
                 routes=ports[10:13]) for number in (1, 2, 3)]
        self.postgres = Postgres("postgres", self.folder / "postgres", ports[5])
        self.model = None
        if "OPENAI_API_KEY" not in self.settings["model"]:
            self.model = Model("model", self.folder / "model", ports[6])

        def part(kind, name, port):
            return kind(name, self.folder / name, port, program, PIPELINE, self.variables)

        self.hosts = [part(Host, f"host-{number}", ports[number]) for number in (1, 2)]
        self.workers = [part(Worker, f"work-{number}", ports[2 + number]) for number in (1, 2)]
        self.proxy = Proxy("haproxy", self.folder / "haproxy", ports[0], self.hosts)

    def variables(self):
        """What the pipeline file takes from the environment."""
        model = self.settings["model"] or {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"{self.model.address}/v1"}
        return {"DATABASE_URL": self.postgres.url, "NATS_URL": ",".join(server.url for server in self.nats), **model}

    @property
    def parts(self) -> list[Part]:
        """In the order in which they are started."""
        model = [self.model] if self.model else []
        return [*self.nats, self.postgres, *model, *self.workers, *self.hosts, self.proxy]

    def start(self):
        if not self.file.exists():
            if port := taken(self.settings["ports"]):
                raise Failed(f"the port {port} is in use; CLUSTER_PORT names the first of {PORTS} others, 0 takes free ones")
            self.folder.mkdir(parents=True, exist_ok=True)
            self.file.write_text(json.dumps(self.settings))
        for part in [*self.nats, self.postgres]:
            part.start()
        for part in [*self.nats, self.postgres]:
            part.wait()
        self.postgres.make_database()
        done = subprocess.run([self.settings["program"], "migrate", PIPELINE], env={**os.environ, **self.variables()},
                              capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"stagecoach migrate: {done.stderr}")
        for part in self.parts:
            part.start()
        for part in self.parts:
            part.wait()

    def stop(self):
        for part in reversed(self.parts):
            if part.pid:
                print(f"cluster: stopping {part.name}", file=sys.stderr)
                part.stop()
        self.postgres.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    def describe(self):
        rows = [("part", "address", "process", "log")]
        for part in self.parts:
            address = getattr(part, "address", None) if not isinstance(part, NATS) else part.url
            rows.append((part.name, address or f"postgresql://stagecoach@127.0.0.1:{part.port}/stagecoach",
                         str(part.pid), os.path.relpath(part.log)))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
        model = "it repeats what you say" if self.model else "the API of OPENAI_API_KEY"
        return "\n".join([*lines, "", f"open {self.proxy.address} in a browser; the model: {model}",
                          "scripts/cluster check tries it with faults, scripts/cluster down stops it"])


def main():
    parser = argparse.ArgumentParser(prog="scripts/cluster", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up")
    check = commands.add_parser("check")
    check.add_argument("--times", type=int, default=1, help="how often each part is killed (1)")
    check.add_argument("--clients", type=int, default=16, help="how many clients talk meanwhile (16)")
    check.add_argument("--only", metavar="PART", nargs="+", help="these parts alone, by their names")
    check.add_argument("--seed", type=int, default=None, help="repeats the instants of an earlier run")
    measure = commands.add_parser("measure")
    measure.add_argument("--rounds", type=int, default=3, help="(3)")
    measure.add_argument("--rows", type=int, default=20_000, help="of a backlog (20000)")
    commands.add_parser("down")
    arguments = parser.parse_args()
    try:
        cluster = Cluster()
        if arguments.command == "down":
            cluster.stop()
            return 0
        if arguments.command == "up":
            cluster.start()
            print(cluster.describe())
            return 0
        if any(part.pid is None for part in cluster.parts):
            raise Failed("the cluster does not run; scripts/cluster up starts it")
        if arguments.command == "measure":
            from measure import measure

            return measure(cluster, arguments.rounds, arguments.rows)
        from check import check as run

        return run(cluster, arguments.times, arguments.clients, arguments.only, arguments.seed)
    except Failed as failure:
        print(f"cluster: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
