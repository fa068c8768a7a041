"""Requests that a proxy may read in another way than the host: refused, and nothing that follows them is a request."""

import re

import pytest

BODY = b'{"prompt":"x"}'
SIZE = str(len(BODY)).encode()
# What a host that ends the request elsewhere would answer as a second one.
HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
START = b"POST /ws HTTP/1.1\r\nHost: localhost\r\n"

AMBIGUOUS = {
    "a length and chunks": START + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": START + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": START + b"Content-Length: " + SIZE + b"\r\nContent-Length: 0\r\n\r\n" + BODY,
    "a list of lengths": START + b"Content-Length: " + SIZE + b", " + SIZE + b"\r\n\r\n" + BODY,
    "a length with a sign": START + b"Content-Length: +" + SIZE + b"\r\n\r\n" + BODY,
    "a length below nothing": START + b"Content-Length: -1\r\n\r\n" + BODY,
    "a length past any integer": START + b"Content-Length: 99999999999999999999999\r\n\r\n" + BODY,
    "another coding": START + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a coding after chunked": START + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a space before the colon": START + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a folded field": START + b"X: a\r\n b\r\nContent-Length: " + SIZE + b"\r\n\r\n" + BODY,
    "line feeds alone": START.replace(b"\r\n", b"\n") + b"Content-Length: " + SIZE + b"\n\n" + BODY,
    "a carriage return alone": START[:-2] + b"\rX: y\r\nContent-Length: " + SIZE + b"\r\n\r\n" + BODY,
    "U+0000": START + b"X: a\0b\r\nContent-Length: " + SIZE + b"\r\n\r\n" + BODY,
    "a chunk below nothing": START + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "a chunk past any integer": START + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n" + BODY,
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_a_request_that_may_be_read_in_two_ways_is_refused_and_nothing_after_it_counts(offline, request_bytes):
    answer = b""
    with offline.raw() as connection:
        connection.sendall(request_bytes + HIDDEN)
        try:
            while data := connection.recv(1 << 16):
                answer += data
        except ConnectionResetError:
            pass
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"400"]
    assert offline.rows() == []


def test_an_extension_of_a_chunk_and_a_trailer_change_nothing(offline):
    with offline.raw() as connection:
        connection.sendall(START + b"Transfer-Encoding: chunked\r\n\r\ne;x=y\r\n" + BODY + b"\r\n0\r\nHost: evil\r\n\r\n" + HIDDEN)
        answer = b""
        while answer.count(b"HTTP/1.1 200") < 2:
            data = connection.recv(1 << 16)
            assert data, answer
            answer += data
    assert b'"response":"x"' in answer
