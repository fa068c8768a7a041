"""scripts/cluster: that it notices what it is for, and a short run of it. The whole is in scripts/nightly."""

import http.server
import os
import re
import signal
import subprocess
import sys
import threading
import uuid

import pytest

from conftest import DEADLINE, ROOT, program, receive, wait_until

sys.path.insert(0, str(ROOT / "Tests/Cluster"))

from conversations import Answer  # noqa: E402
from oracle import judge  # noqa: E402
from parts import Proxy, fetch, free_ports  # noqa: E402
from processes import Part, started_at  # noqa: E402

SESSION = str(uuid.uuid4())


def conversation(count=3):
    """Answers, and the rows that must be there for them."""
    answers = [Answer(SESSION, number, str(uuid.uuid4()), f"client-1 {number} one", f"client-1 {number} one", number)
               for number in range(1, count + 1)]
    return answers, [(SESSION, uuid.UUID(answer.message_id), answer.prompt, answer.text) for answer in answers]


def test_a_table_as_it_should_be_is_good():
    answers, rows = conversation()
    assert judge(answers, rows, asked=0) == []
    # A message that was sent again may have a row that nobody knows of, beside that of its answer.
    assert judge(answers, [rows[0], (SESSION, uuid.uuid4(), *rows[0][2:]), *rows[1:]], asked=1) == []


@pytest.mark.parametrize("change, said", [
    (lambda answers, rows: rows.pop(1), "was answered and is not in the table"),
    (lambda answers, rows: rows.append(rows[2]), "is in the table 2 times"),
    (lambda answers, rows: rows.__setitem__(0, (*rows[0][:3], "half")), "was 'client-1 1 one', in the table it is"),
    (lambda answers, rows: rows.reverse(), "was stored after message 3"),
    (lambda answers, rows: answers.append(answers[0]), "was answered twice"),
    (lambda answers, rows: rows.append((SESSION, uuid.uuid4(), "client-1 4 one", "x")), "have no answer"),
    (lambda answers, rows: rows.__setitem__(0, ("another", *rows[0][1:])), "in the table it is ('another'"),
])
def test_what_must_not_be_is_found(change, said):
    answers, rows = conversation()
    change(answers, rows)
    assert any(said in sentence for sentence in judge(answers, rows, asked=0))


class Sleeper(Part):
    def command(self):
        return ["sleep", "60"]


def test_a_process_is_stopped_by_its_id_and_only_if_it_is_the_one_that_was_started(tmp_path):
    part = Sleeper("sleeper", tmp_path)
    part.start()
    pid = part.pid
    assert started_at(pid)
    # Another that has the id by now was started at another time.
    noted = part.pid_file.read_text()
    part.note(os.getpid())
    part.pid_file.write_text(f"{os.getpid()} 1")
    part.stop()
    part.pid_file.write_text(noted)
    again = Sleeper("sleeper", tmp_path)
    again.process = part.process
    again.kill()
    assert part.process.returncode == -signal.SIGKILL and not part.pid_file.exists()


class Backend(http.server.ThreadingHTTPServer):
    """A host, as far as a proxy sees."""

    def __init__(self, name):
        backend = self
        self.ready = True

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(503 if self.path == "/readyz" and not backend.ready else 200)
                self.send_header("Content-Length", str(len(name)))
                self.end_headers()
                self.wfile.write(name.encode())

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


def test_the_proxy_sends_clients_to_hosts_that_are_ready_and_to_any_that_runs_where_none_is(tmp_path):
    hosts = [Backend("one"), Backend("two")]
    proxy = Proxy("haproxy", tmp_path, free_ports(1)[0], hosts)
    proxy.start()
    try:
        proxy.wait()

        def seen():
            return {fetch(f"{proxy.address}/")[1] for _ in range(6)}

        wait_until(lambda: seen() == {"one", "two"}, "both hosts")
        hosts[0].ready = False
        wait_until(lambda: seen() == {"two"}, "the one that is ready")
        hosts[1].ready = False
        wait_until(lambda: seen() == {"one", "two"}, "those that run")
        hosts[0].ready = True
        wait_until(lambda: seen() == {"one"}, "the one that is ready again")
    finally:
        proxy.stop()
        for host in hosts:
            host.shutdown()
            host.server_close()


def cluster(tmp_path, *arguments):
    return subprocess.run(
        [sys.executable, ROOT / "Tests/Cluster/cluster.py", *arguments], capture_output=True, text=True, timeout=40 * DEADLINE,
        env={"PATH": os.environ["PATH"], "PATIENCE": os.environ.get("PATIENCE", "1"), "STAGECOACH": program(),
             "CLUSTER_FOLDER": str(tmp_path / "cluster"), "CLUSTER_PORT": "0"})


def test_conversations_go_on_while_a_host_a_server_and_the_database_are_killed(tmp_path):
    try:
        up = cluster(tmp_path, "up")
        assert up.returncode == 0 and "in a browser" in up.stdout, up.stderr
        check = cluster(tmp_path, "check", "--clients", "6", "--only", "host-1", "nats-1")
        assert check.returncode == 0, check.stdout + check.stderr
        assert "every answered message is in the table once" in check.stdout
    finally:
        down = cluster(tmp_path, "down")
    assert down.returncode == 0 and not (tmp_path / "cluster").exists()
    assert cluster(tmp_path, "check").returncode == 1


PARTITIONED = """
pipeline: partitioned
resources:
  model: echo
  database: {postgres: {url: "${DATABASE_URL}"}}
stages:
  - receive
  - complete
  - persist: {table: requests}
  - respond
"""


def test_the_table_of_the_page_that_is_partitioned_by_day_takes_rows_once(serve, postgres):
    postgres.psql(re.search(r"(?s)```sql\n(.*?)```", (ROOT / "docs/scale.md").read_text())[1])
    host = serve(PARTITIONED, env={"DATABASE_URL": postgres.url()})
    with host.connect() as client:
        for number in range(3):
            client.send(f"hello {number}")
            assert receive(client) == f"hello {number}"
    kept = postgres.execute("SELECT tableoid::regclass::text AS part, prompt FROM requests ORDER BY created_at")
    assert [row["prompt"] for row in kept] == ["hello 0", "hello 1", "hello 2"]
    today = postgres.execute("SELECT to_char(now(), 'YYYYMMDD') AS day")[0]["day"]
    assert {row["part"] for row in kept} == {f"requests_{today}"}
    assert postgres.count("requests_others") == 0
