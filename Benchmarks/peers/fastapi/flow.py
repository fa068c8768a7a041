"""The documented flow, hand-written as back ends of this kind are: FastAPI, uvicorn, the `openai` client, and a thread pool
that stores rows in SQLite without delaying answers."""

import json
import os
import sqlite3
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from openai import AsyncOpenAI

app = FastAPI()
client = AsyncOpenAI(base_url=os.environ["OPENAI_BASE_URL"], api_key=os.environ["OPENAI_API_KEY"], max_retries=0)
pool = ThreadPoolExecutor(max_workers=1)
local = threading.local()
DATABASE = sys.argv[2] if len(sys.argv) > 2 else "flow.db"


def database():
    if not hasattr(local, "connection"):
        local.connection = sqlite3.connect(DATABASE)
        local.connection.execute("pragma journal_mode = wal")
        local.connection.execute("pragma synchronous = normal")
        local.connection.execute(
            "create table if not exists requests (id text primary key, session_id text not null, prompt text not null,"
            " response text not null, tokens_used integer, metadata text, username text default 'WebUser',"
            " user_id text, created_at text, updated_at text)")
        for column in ("session_id", "created_at", "username"):
            local.connection.execute(
                f"create index if not exists idx_requests_{column} on requests ({column})")
    return local.connection


def store(row):
    with database() as connection:
        connection.execute("insert into requests values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing", row)


@app.websocket("/ws")
async def conversation(socket: WebSocket):
    await socket.accept()
    session = str(uuid.uuid4())
    try:
        while True:
            prompt = await socket.receive_text()
            received = datetime.now(timezone.utc).isoformat()
            try:
                completion = await client.chat.completions.create(
                    model="gpt-3.5-turbo", messages=[{"role": "user", "content": prompt}], timeout=30)
            except Exception as error:
                await socket.send_text(f"Error: {type(error).__name__}")
                continue
            answer = completion.choices[0].message.content
            row = (str(uuid.uuid4()), session, prompt, answer, completion.usage.total_tokens,
                   json.dumps(completion.model_dump()), "WebUser", None, received, received)
            pool.submit(store, row)
            await socket.send_text(answer)
    except WebSocketDisconnect:
        pass


if __name__ == "__main__":
    port = int(sys.argv[1])
    print(f"listening on http://127.0.0.1:{port}", flush=True)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False, loop="uvloop", http="httptools",
                ws="websockets")
