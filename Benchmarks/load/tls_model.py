"""A model API over TLS on loopback: answers every request with a stream of a word a second that does not end.

tls_model.py PORT CERTIFICATE KEY
"""

import asyncio
import random
import resource
import ssl
import sys

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = (b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"stub",'
         b'"choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}\n\n')
CHUNK = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)


async def answer(reader, writer):
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
        await reader.readexactly(int(fields.get(b"content-length", 0)))
        writer.write(HEAD + CHUNK)
        await asyncio.sleep(random.random())
        while not reader.at_eof():
            writer.write(CHUNK)
            await writer.drain()
            await asyncio.sleep(1)
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server = await asyncio.start_server(answer, "127.0.0.1", int(sys.argv[1]), ssl=context, backlog=4096)
    print("listening", flush=True)
    await server.serve_forever()


asyncio.run(main())
