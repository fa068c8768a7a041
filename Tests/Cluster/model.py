"""A model's API on loopback: it repeats the last message, a word at a time, and counts its calls.

    model.py PORT

MODEL_LOG names a file to which each prompt is added as it is asked, MODEL_PAUSE how many seconds pass before each word (0.02).
"""

import asyncio
import json
import os
import sys

PAUSE = float(os.environ.get("MODEL_PAUSE", "0.02"))
LOG = open(os.environ["MODEL_LOG"], "a", buffering=1) if "MODEL_LOG" in os.environ else None


def chunk(delta, **more):
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "repeats",
            "choices": [{"index": 0, "delta": delta, "finish_reason": None}], **more}


def events(prompt):
    words = [word + " " for word in prompt.split(" ")]
    words[-1] = words[-1][:-1]
    yield from (chunk({"content": word}) for word in words)
    end = chunk({}, usage={"prompt_tokens": len(words), "completion_tokens": len(words), "total_tokens": 2 * len(words)})
    end["choices"][0]["finish_reason"] = "stop"
    yield end


async def answer(body, writer):
    prompt = body["messages"][-1]["content"]
    if LOG:
        LOG.write(json.dumps(prompt) + "\n")
    if body.get("stream"):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in events(prompt):
            await asyncio.sleep(PAUSE)
            data = f"data: {json.dumps(event)}\n\n".encode()
            writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            await writer.drain()
        writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        return
    words = len(prompt.split(" "))
    await asyncio.sleep(PAUSE * words)
    data = json.dumps({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "repeats",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": prompt}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": words, "completion_tokens": words, "total_tokens": 2 * words}}).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data))


async def serve(reader, writer):
    try:
        while line := await reader.readline():
            length = 0
            while (field := (await reader.readline()).strip()):
                name, _, value = field.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            body = await reader.readexactly(length)
            if line.startswith(b"POST"):
                await answer(json.loads(body), writer)
            else:
                writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n{"object":"list","data":[]}')
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main(port):
    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
