"""A scripted model API on loopback that speaks OpenAI's chat completions."""

import json
import socket
import threading
import time


class FakeAI:
    """Answers with the last user message; `script` holds a fault for each of the next calls."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.calls = []
        self.script = []
        self.usual = "answer"
        self.arrived = threading.Semaphore(0)
        self.released = threading.Semaphore(0)
        self.closed_by_client = threading.Event()
        self.stopping = False
        # Connections that are open, and calls among them that have no whole answer yet.
        self.open = self.busy = 0
        self.counting = threading.Lock()
        self.current = threading.local()
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.stopping = True
        self.listener.close()

    def answer_to(self, prompt, tokens=42):
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": "fake",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": prompt}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": tokens - 1, "completion_tokens": 1, "total_tokens": tokens},
            "unknown": {"kept": [1, 2.5, None, "ü"]},
        }

    def _accept(self):
        while not self.stopping:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _count(self, open=0, busy=0):
        with self.counting:
            self.open += open
            self.busy += busy

    def _serve(self, connection):
        self._count(open=1)
        with connection:
            stream = connection.makefile("rb")
            try:
                while self._call(connection, stream):
                    pass
            except OSError:
                pass
        self._count(open=-1)

    def _call(self, connection, stream):
        line = stream.readline().decode()
        if not line:
            return False
        headers = {}
        while (field := stream.readline().decode().strip()):
            name, _, value = field.partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        self.current.body = json.loads(body or b"null")
        self.calls.append({"line": line.strip(), "headers": headers, "body": self.current.body,
                           "text": body.decode(), "connection": connection})
        fault = (self.script.pop(0) if self.script else None) or self.usual
        self.arrived.release()
        self._count(busy=1)
        try:
            return getattr(self, f"_{fault}")(connection, headers)
        finally:
            self._count(busy=-1)

    def _prompt(self):
        return self.current.body["messages"][-1]["content"]

    def _send(self, connection, body, status="200 OK", length=None):
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length or len(payload)}\r\n\r\n"
        connection.sendall(head.encode() + payload)
        return True

    def _answer(self, connection, headers):
        if self.current.body.get("stream"):
            return self._stream(connection, headers)
        return self._send(connection, self.answer_to(self._prompt()))

    # Streamed answers: a word an event.

    def events(self, prompt, tokens=42):
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "fake"}
        words = [word + " " for word in prompt.split(" ")]
        words[-1] = words[-1][:-1]
        yield {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
        for word in words:
            yield {**head, "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]}
        yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        yield {**head, "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": tokens}}

    STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

    def _head(self, connection):
        connection.sendall(self.STREAM_HEAD)

    @staticmethod
    def _chunk(connection, data):
        data = data if isinstance(data, bytes) else f"data: {json.dumps(data)}\n\n".encode()
        connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def _stream(self, connection, headers):
        self._head(connection)
        for event in self.events(self._prompt()):
            self._chunk(connection, event)
        self._chunk(connection, b"data: [DONE]\n\n")
        connection.sendall(b"0\r\n\r\n")
        return True

    def _stream_gated(self, connection, headers):
        """A word for each release."""
        self._head(connection)
        for event in list(self.events(self._prompt()))[1:]:
            self.released.acquire()
            self._chunk(connection, event)
        self._chunk(connection, b"data: [DONE]\n\n")
        connection.sendall(b"0\r\n\r\n")
        return True

    def _stream_burst_one(self, connection, headers):
        """The first word; after a release all that follows as one chunk."""
        return self._burst(connection, lambda events: [b"".join(events)])

    def _stream_burst_each(self, connection, headers):
        """As above, with a chunk an event."""
        return self._burst(connection, lambda events: events)

    def _stream_burst_all(self, connection, headers):
        """Everything at once."""
        return self._burst(connection, lambda events: events, gated=False)

    def _burst(self, connection, chunks, gated=True):
        events = [f"data: {json.dumps(event)}\n\n".encode() for event in self.events(self._prompt())]
        if gated:
            self._head(connection)
            for event in events[:2]:
                self._chunk(connection, event)
            events = events[2:]
            self.released.acquire()
        body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks([*events, b"data: [DONE]\n\n"]))
        head = b"" if gated else self.STREAM_HEAD
        connection.sendall(head + body + b"0\r\n\r\n")
        return True

    def _stream_paced(self, connection, headers):
        """Some milliseconds between two words."""
        self._head(connection)
        for event in self.events(self._prompt()):
            self._chunk(connection, event)
            time.sleep(0.004)
        self._chunk(connection, b"data: [DONE]\n\n")
        connection.sendall(b"0\r\n\r\n")
        return True

    def _stream_odd(self, connection, headers):
        """Comments, CRLF, no space after the colon, no [DONE], byte by byte."""
        self._head(connection)
        data = b"\xef\xbb\xbf: hello\r\n\r\n"
        for event in self.events(self._prompt()):
            data += b"event: message\r\ndata:" + json.dumps(event).encode() + b"\r\n\r\n"
        for byte in data:
            self._chunk(connection, bytes([byte]))
        connection.sendall(b"0\r\n\r\n")
        return True

    def _stream_long(self, connection, headers):
        """A thousand words, each in an event of two kilobytes."""
        self._head(connection)
        for number in range(1_000):
            delta = {"choices": [{"delta": {"content": "word "}}], "padding": "x" * 2_000}
            self._chunk(connection, f"data: {json.dumps(delta)}\n\n".encode())
        self._chunk(connection, b"data: [DONE]\n\n")
        self._chunk(connection, b"")

    def _half_stream(self, connection):
        self._head(connection)
        events = list(self.events(self._prompt()))
        for event in events[: len(events) // 2]:
            self._chunk(connection, event)

    def _stream_cut(self, connection, headers):
        self._half_stream(connection)
        return False

    def _stream_hang(self, connection, headers):
        self._half_stream(connection)
        self._await_close(connection)
        return False

    def _stream_thinking(self, connection, headers):
        """Thinks at once, answers after a while."""
        self._head(connection)
        self._chunk(connection, {"choices": [{"index": 0, "delta": {"reasoning_content": "hm"}}]})
        self.released.acquire()
        for event in self.events(self._prompt()):
            self._chunk(connection, event)
        return False

    def _stream_silent(self, connection, headers):
        """Begins, and says nothing."""
        self._head(connection)
        self._chunk(connection, next(self.events(self._prompt())))
        self._await_close(connection)
        return False

    def _stream_error(self, connection, headers):
        self._half_stream(connection)
        self._chunk(connection, {"error": {"message": "overloaded"}})
        connection.sendall(b"0\r\n\r\n")
        return True

    def _stream_gossip(self, connection, headers):
        """Ends the stream with an error that repeats what was sent."""
        self._half_stream(connection)
        self._chunk(connection, {"error": {"message": f"you sent {headers}"}})
        connection.sendall(b"0\r\n\r\n")
        return True

    def _stream_nonsense(self, connection, headers):
        self._half_stream(connection)
        self._chunk(connection, b"data: {nonsense\n\n")
        connection.sendall(b"0\r\n\r\n")
        return True

    def _stream_empty(self, connection, headers):
        self._head(connection)
        connection.sendall(b"0\r\n\r\n")
        return True

    def _whole(self, connection, headers):
        """An API that knows no streaming."""
        return self._send(connection, self.answer_to(self._prompt()))

    def _error(self, connection, status, headers):
        # Some real APIs repeat the key in their error.
        text = f"Incorrect API key provided: {headers.get('authorization', '')}"
        return self._send(connection, {"error": {"message": text, "type": "x"}}, status)

    def _429_after(self, connection, headers):
        """`after` is what the API asks to wait."""
        body = json.dumps({"error": {"message": "slow down"}}).encode()
        fields = "".join(f"{name}: {value}\r\n" for name, value in self.after.items())
        connection.sendall(f"HTTP/1.1 429 Too Many Requests\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return True

    def _401(self, connection, headers):
        return self._error(connection, "401 Unauthorized", headers)

    def _429(self, connection, headers):
        return self._error(connection, "429 Too Many Requests", headers)

    def _500(self, connection, headers):
        return self._error(connection, "500 Internal Server Error", headers)

    def _503html(self, connection, headers):
        return self._send(connection, b"<html>busy</html>", "503 Service Unavailable")

    def _404(self, connection, headers):
        return self._error(connection, "404 Not Found", headers)

    def _invalid_json(self, connection, headers):
        return self._send(connection, b"{\"choices\": [")

    def _empty_choices(self, connection, headers):
        return self._send(connection, {"choices": []})

    def _null_content(self, connection, headers):
        return self._send(connection, {"choices": [{"message": {"content": None}}]})

    def _deep_json(self, connection, headers):
        return self._send(connection, b"[" * 10_000 + b"]" * 10_000)

    def _no_usage(self, connection, headers):
        return self._send(connection, {"choices": [{"message": {"content": "no usage"}}]})

    def _huge(self, connection, headers):
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {1 << 30}\r\n\r\n".encode()
        connection.sendall(head)
        try:
            for _ in range(64):
                connection.sendall(b" " * (1 << 20))
        except OSError:
            pass
        return False

    def _redirect(self, connection, headers):
        head = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{self.redirect_port}/v1\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(head.encode())
        return True

    def _closed_early(self, connection, headers):
        self._send(connection, b"{\"choices\": [", length=5000)
        return False

    def _reset(self, connection, headers):
        return False

    def _hang(self, connection, headers):
        """Says nothing until the client goes away."""
        self._await_close(connection)
        return False

    def _hang_mid_body(self, connection, headers):
        self._send(connection, b"{\"choices\": [", length=5000)
        self._await_close(connection)
        return False

    def _drip(self, connection, headers):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        connection.settimeout(0.1)
        for _ in range(100):
            try:
                connection.sendall(b" ")
                if connection.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        return False

    def _gate(self, connection, headers):
        """Answers when the test says so."""
        prompt = self._prompt()
        self.released.acquire()
        return self._send(connection, self.answer_to(prompt))

    def _await_close(self, connection):
        connection.settimeout(20)
        try:
            if connection.recv(1) == b"":
                self.closed_by_client.set()
        except ConnectionResetError:
            self.closed_by_client.set()
        except OSError:
            pass
