"""HTTP/1.1 spoken byte by byte on one connection, as proxies with kept connections speak it."""

import json

from test_protocol import KEY, frame, read_frame


class Answer:
    def __init__(self, status, fields, body=b""):
        self.status, self.fields, self.body = status, fields, body

    def __getitem__(self, name):
        """A field's value; `None` where there is none."""
        found = [value for other, value in self.fields if other == name.lower()]
        assert len(found) < 2, found
        return found[0] if found else None

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode()


class Raw:
    """One connection to a host, or to a proxy before it."""

    def __init__(self, connection):
        self.connection = connection
        self.stream = connection.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def send(self, method, target, fields=None, body=None, version="1.1", host="127.0.0.1"):
        """Writes a request; `host` is a value, several of them, or `None`."""
        hosts = host if isinstance(host, list) else [] if host is None else [host]
        lines = [f"{method} {target} HTTP/{version}", *(f"Host: {name}" for name in hosts)]
        lines += [f"{name}: {value}" for name, value in (fields or {}).items()]
        if body is not None:
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
            lines.append(f"Content-Length: {len(body)}")
        self.connection.sendall("\r\n".join([*lines, "", ""]).encode() + (body or b""))

    def head(self):
        line = self.stream.readline()
        assert line, "the connection ended"
        fields = []
        while (field := self.stream.readline().strip()):
            name, _, value = field.decode().partition(":")
            fields.append((name.lower(), value.strip()))
        return Answer(int(line.split()[1]), fields)

    def answer(self, to="GET"):
        answer = self.head()
        if to == "HEAD" or answer.status in (101, 204):
            return answer
        if answer["transfer-encoding"] == "chunked":
            while (piece := self.chunk()):
                answer.body += piece
        elif answer["content-length"] is not None:
            answer.body = self.stream.read(int(answer["content-length"]))
        else:
            answer.body = self.stream.read()
        return answer

    def chunk(self):
        size = int(self.stream.readline(), 16)
        piece = self.stream.read(size)
        self.stream.readline()
        return piece

    def ask(self, method, target, fields=None, body=None, **options):
        self.send(method, target, fields, body, **options)
        return self.answer(method)

    def handshake(self, target="/ws", fields=None, **options):
        """Opens a WebSocket; returns the answer."""
        return self.ask("GET", target, {
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": KEY, "Sec-WebSocket-Version": "13",
            **(fields or {})}, **options)

    def says(self, text):
        """What comes back for a text frame."""
        self.connection.sendall(frame(1, text.encode()))
        return self.hears()

    def hears(self):
        """The next text frame."""
        opcode, payload = read_frame(Stream(self.stream))
        assert opcode == 1
        return payload.decode()

    def ended(self):
        return self.stream.read(1) == b""


class Stream:
    """What `read_frame` reads from, where part of it may be buffered already."""

    def __init__(self, stream):
        self.stream = stream

    def recv(self, count):
        return self.stream.read1(count)


