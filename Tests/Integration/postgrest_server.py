"""A stand-in for PostgREST, the REST API of Supabase, over a real PostgreSQL: what the public Python client and Stagecoach
use of it, with the database's own errors and its own JSON.

    postgrest_server.py DATABASE_URL PID    serves on a free port of the loopback, prints it, and ends with that process
"""

import contextlib
import http.server
import json
import os
import queue
import re
import sys
import threading
import time
import urllib.parse

import psycopg
from psycopg import sql

ANON, SERVICE = "anon-key-1234567890", "service-key-1234567890"
ROLES = {ANON: "anon", SERVICE: "service_role"}
# https://docs.postgrest.org/en/stable/references/errors.html#http-status-codes
STATUS = {"23503": 409, "23505": 409, "42P01": 404, "42883": 404, "25006": 405, "21000": 400, "22P02": 400}
CLASSES = {"08": 503, "53": 503, "28": 403, "40": 500, "57": 500, "58": 500, "XX": 500, "0L": 403, "0P": 403}
OPERATORS = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "like": "LIKE", "ilike": "ILIKE"}
SET_UP = """
DO $$ BEGIN
  CREATE ROLE anon NOLOGIN; CREATE ROLE service_role NOLOGIN BYPASSRLS;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
GRANT USAGE ON SCHEMA public TO anon, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, service_role;
"""


class Refusal(Exception):
    def __init__(self, status, code, message, details=None, hint=None):
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "details": details, "hint": hint, "message": message}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # The head and the body of an answer are two writes, which Nagle's algorithm would hold apart.
    disable_nagle_algorithm = True

    def log_message(self, *arguments):
        pass

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.owner.calls.append((self.command, self.path, dict(self.headers), body))
        fault = self.server.owner.fault
        if fault is not None:
            fault = fault(self, body) if callable(fault) else fault
        if fault == "hang":
            self.server.owner.released.wait(60)
            self.close_connection = True
            return
        if fault is not None:
            return self.reply(fault[0], fault[1], fault[2] if len(fault) > 2 else {})
        try:
            self.reply(*self.answer(body))
        except Refusal as refusal:
            self.reply(refusal.status, refusal.body)
        except psycopg.OperationalError as error:
            self.reply(503, {"code": "PGRST000", "details": None, "hint": None, "message": str(error)})
        except psycopg.Error as error:
            state, said = error.sqlstate, error.diag
            status = STATUS.get(state) or CLASSES.get(state[:2]) or 400
            if state == "42501":
                status = 401 if self.role == "anon" else 403
            self.reply(status, {"code": state, "details": said.message_detail, "hint": said.message_hint,
                                "message": said.message_primary})

    do_GET = do_HEAD = do_POST = do_PATCH = do_DELETE = handle_any

    def reply(self, status, body, headers=None):
        data = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json; charset=utf-8", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def answer(self, body):
        url = urllib.parse.urlsplit(self.path)
        key = self.headers.get("apikey")
        self.role = ROLES.get(key)
        if self.role is None or self.headers.get("Authorization") != f"Bearer {key}":
            raise Refusal(401, None, "Invalid API key", hint="Double check your Supabase `anon` or `service_role` API key.")
        if not url.path.startswith("/rest/v1/") or url.path.count("/") != 3:
            raise Refusal(404, "PGRST125", "Invalid path specified in request URL")
        table = urllib.parse.unquote(url.path.split("/")[3])
        query = urllib.parse.parse_qsl(url.query, keep_blank_values=True)
        with self.server.owner.transaction(self.role) as cursor:
            columns = self.columns(cursor, table)
            if not columns:
                raise Refusal(404, "PGRST205", f"Could not find the table 'public.{table}' in the schema cache")
            return self.act(cursor, table, columns, query, body)

    @staticmethod
    def columns(cursor, table):
        cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' "
                       "AND table_name = %s", [table])
        return [row[0] for row in cursor.fetchall()]

    def act(self, cursor, table, columns, query, body):
        prefer = dict(part.strip().partition("=")[::2] for part in (self.headers.get("Prefer") or "").split(","))
        options = dict(query)
        name = sql.Identifier("public", table)
        reserved = {"select", "order", "limit", "offset", "columns", "on_conflict"}
        filters = [condition(column, value) for column, value in query if column not in reserved]
        where = sql.SQL(" WHERE ") + sql.SQL(" AND ").join(filters) if filters else sql.SQL("")
        wanted = selection(options.get("select", "*"))
        if self.command in ("GET", "HEAD"):
            return self.read(cursor, name, wanted, where, options, prefer)
        if self.command == "POST":
            change = self.insertion(name, table, columns, options, prefer, body)
        elif self.command == "PATCH":
            values = json.loads(body)
            change = sql.SQL("UPDATE {} SET {}").format(name, sql.SQL(", ").join(
                sql.SQL("{} = {}").format(sql.Identifier(key), sql.Literal(
                    json.dumps(value) if isinstance(value, (dict, list)) else value))
                for key, value in values.items())) + where
        else:
            change = sql.SQL("DELETE FROM {}").format(name) + where
        if prefer.get("return") != "representation":
            cursor.execute(change)
            return 201 if self.command == "POST" else 204, None, {"Content-Range": "*/*"}
        cursor.execute(sql.SQL("WITH changed AS ({} RETURNING *) SELECT coalesce(json_agg(t), '[]')::text FROM "
                               "(SELECT {} FROM changed) t").format(change, wanted))
        return 201 if self.command == "POST" else 200, cursor.fetchone()[0], {"Content-Range": "*/*"}

    def read(self, cursor, name, wanted, where, options, prefer):
        total = "*"
        if prefer.get("count") == "exact":
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(name) + where)
            total = cursor.fetchone()[0]
        # Supabase's own default for a project.
        limit = min(int(options.get("limit", 1000)), 1000)
        offset = int(options.get("offset", 0))
        inner = sql.SQL("SELECT {} FROM {}").format(wanted, name) + where + ordering(options.get("order"))
        inner += sql.SQL(" LIMIT {} OFFSET {}").format(sql.Literal(limit), sql.Literal(offset))
        cursor.execute(sql.SQL("SELECT coalesce(json_agg(t), '[]')::text, count(*) FROM ({}) t").format(inner))
        text, count = cursor.fetchone()
        span = f"{offset}-{offset + count - 1}" if count else "*"
        return 206 if total != "*" and count < total else 200, text, {"Content-Range": f"{span}/{total}"}

    def insertion(self, name, table, columns, options, prefer, body):
        try:
            rows = json.loads(body)
        except ValueError:
            raise Refusal(400, "PGRST102", "Empty or invalid json")
        rows = rows if isinstance(rows, list) else [rows]
        keys = list(rows[0]) if rows else []
        if any(set(row) != set(keys) for row in rows):
            raise Refusal(400, "PGRST102", "All object keys must match")
        if "columns" in options:
            keys = [key.strip('"') for key in options["columns"].split(",")]
        for key in keys:
            if key not in columns:
                raise Refusal(400, "PGRST204", f"Could not find the '{key}' column of '{table}' in the schema cache")
        names = sql.SQL(", ").join(map(sql.Identifier, keys))
        # The text as it came: Python would change numbers.
        text = body.decode() if body.lstrip()[:1] == b"[" else f"[{body.decode()}]"
        change = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM json_populate_recordset(null::{}, {})").format(
            name, names, names, name, sql.Literal(text))
        resolution = prefer.get("resolution")
        if resolution:
            targets = sql.SQL(", ").join(map(sql.Identifier, options.get("on_conflict", "id").split(",")))
            updates = sql.SQL(", ").join(sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(key)) for key in keys)
            action = sql.SQL("NOTHING") if resolution == "ignore-duplicates" else sql.SQL("UPDATE SET {}").format(updates)
            change += sql.SQL(" ON CONFLICT ({}) DO {}").format(targets, action)
        return change


def selection(text):
    parts = []
    for part in text.split(","):
        if part == "*":
            parts.append(sql.SQL("*"))
            continue
        column, _, cast = part.strip('"').partition("::")
        identifier = sql.Identifier(column)
        if cast:
            identifier = sql.SQL("CAST({} AS {}) AS {}").format(identifier, sql.Identifier(cast), identifier)
        parts.append(identifier)
    return sql.SQL(", ").join(parts)


def ordering(text):
    if not text:
        return sql.SQL("")
    parts = []
    for part in text.split(","):
        column, *words = part.split(".")
        known = {"asc": "ASC", "desc": "DESC", "nullsfirst": "NULLS FIRST", "nullslast": "NULLS LAST"}
        parts.append(sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(" ".join(known[word] for word in words))))
    return sql.SQL(" ORDER BY ") + sql.SQL(", ").join(parts)


def condition(column, text):
    name = sql.Identifier(column)
    operator, _, value = text.partition(".")
    if operator == "not":
        return sql.SQL("NOT ({})").format(condition(column, value))
    if operator == "is":
        return sql.SQL("{} IS {}").format(name, sql.SQL({"null": "NULL", "true": "TRUE", "false": "FALSE"}[value]))
    if operator == "in":
        values = re.findall(r'"((?:[^"\\]|\\.)*)"|([^,()]+)', value[1:-1])
        values = [re.sub(r"\\(.)", r"\1", quoted) if not plain else plain for quoted, plain in values]
        return sql.SQL("{} IN ({})").format(name, sql.SQL(", ").join(map(sql.Literal, values)))
    if operator not in OPERATORS:
        raise Refusal(400, "PGRST100", f'"failed to parse filter ({text})"')
    return sql.SQL("{} {} {}").format(name, sql.SQL(OPERATORS[operator]), sql.Literal(value))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class PostgREST:
    """Serves in threads of its own until it is stopped.

    `fault` makes every call fail: a status with a body, "hang", or a function of the call that gives one of them.
    """

    def __init__(self, database_url):
        self.database_url = database_url
        self.calls = []
        self.fault = None
        self.released = threading.Event()
        self.connections = queue.LifoQueue()
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(SET_UP)
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.owner = self
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @contextlib.contextmanager
    def transaction(self, role):
        """A cursor of a connection that comes back to the others unless it broke."""
        try:
            connection = self.connections.get_nowait()
        except queue.Empty:
            connection = psycopg.connect(self.database_url, autocommit=True, connect_timeout=5)
        try:
            with connection.transaction(), connection.cursor() as cursor:
                cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
                yield cursor
        finally:
            if connection.closed:
                self.forget_connections()
            else:
                self.connections.put(connection)

    def forget_connections(self):
        """After one broke the others hardly live."""
        while True:
            try:
                self.connections.get_nowait().close()
            except queue.Empty:
                return

    def stop(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


if __name__ == "__main__":
    server = PostgREST(sys.argv[1])
    print(server.port, flush=True)
    while os.path.exists(f"/proc/{sys.argv[2]}"):
        time.sleep(0.5)
    server.stop()
