"""An OpenTelemetry collector of the tests' own: takes OTLP/HTTP in JSON and checks its shape."""

import http.server
import json
import re
import threading

from conftest import wait_until


class Collector:
    def __init__(self):
        self.spans, self.requests, self.problems = [], [], []
        self.status = 200
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.requests.append((self.path, dict(self.headers)))
                if collector.status == 200:
                    try:
                        collector.take(json.loads(body))
                    except Exception as problem:  # Shown by the test, which would otherwise only wait in vain.
                        collector.problems.append(f"{problem!r}: {body[:2000]}")
                self.send_response(collector.status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        self.server.shutdown()

    def take(self, request):
        assert list(request) == ["resourceSpans"]
        for resource in request["resourceSpans"]:
            self.resource = attributes(resource["resource"]["attributes"])
            for scope in resource["scopeSpans"]:
                assert scope["scope"]["name"] == "stagecoach"
                for span in scope["spans"]:
                    self.spans.append(checked(span))

    def wait_for(self, *names):
        """The spans, by name, once there is one of each."""
        wait_until(lambda: self.problems or {span["name"] for span in self.spans} >= set(names), f"spans {names}")
        assert not self.problems, self.problems
        return {span["name"]: span for span in self.spans}


def checked(span):
    """The span, its attributes as a dictionary; fails where the protocol has it otherwise."""
    assert re.fullmatch("[0-9a-f]{32}", span["traceId"]) and re.fullmatch("[0-9a-f]{16}", span["spanId"])
    assert "parentSpanId" not in span or re.fullmatch("[0-9a-f]{16}", span["parentSpanId"])
    assert isinstance(span["name"], str) and span["kind"] in (1, 2, 3, 4, 5) and span["flags"] == 1
    start, end = span["startTimeUnixNano"], span["endTimeUnixNano"]
    assert isinstance(start, str) and isinstance(end, str) and 1.6e18 < int(start) <= int(end)
    assert span.get("status", {}).get("code", 0) in (0, 1, 2)
    known = {"traceId", "spanId", "traceState", "parentSpanId", "flags", "name", "kind", "startTimeUnixNano",
             "endTimeUnixNano", "attributes", "events", "links", "status"}
    assert set(span) <= known
    return {**span, "attributes": attributes(span["attributes"])}


def attributes(items):
    result = {}
    for item in items:
        assert set(item) == {"key", "value"} and len(item["value"]) == 1
        (kind, value), = item["value"].items()
        assert kind in ("stringValue", "intValue", "boolValue", "doubleValue", "arrayValue")
        assert kind != "intValue" or isinstance(value, str)
        result[item["key"]] = int(value) if kind == "intValue" else value
    return result
