"""The table of docs/performance.md, made from the figures of a run."""

import pathlib
import sys

from build import ROOT
from report import median

PAGE = ROOT / "docs/performance.md"
BEGIN, END = "<!-- scripts/bench --markdown writes from here -->\n", "<!-- to here -->\n"
OWN = "stagecoach"
NAMES = {"smg": "SMG", "curl-relay": "bare relay", "uwebsockets": "uWebSockets", "fastapi": "FastAPI", "nio": "bare SwiftNIO",
         "by-websocket": "by WebSocket", "without": "without storage", "log-and-store-row-64": "bare program"}

# What a row says: the work, the scenario, the figure, its unit and how it is scaled and written, and who stands beside: other
# servers of the scenario, or the host's own figure in another one.
CPU = ("cpu", "CPU µs a {}", 1, ",.1f")
RATE = ("rate", "{} a second", 1, ",.0f")
FLOW_64 = ("64 connections", "flow, 64 connections")
ROWS = [
    ("Echo of 64 bytes, 64 connections", "echo, 64 connections", CPU, "message", ["gorilla", "uwebsockets", "nio", "fastapi"]),
    ("the same, 1,000 connections", "echo, 1,000 connections", CPU, "message", ["gorilla", "uwebsockets", "nio", "fastapi"]),
    ("the same, 16 ahead on 64", "echo, 16 ahead on 64 connections", CPU, "message", ["gorilla", "uwebsockets", "nio"]),
    ("Echo of 60 KiB, 16 connections", "echo, 60 KiB on 16 connections", CPU, "message", ["gorilla", "uwebsockets", "nio"]),
    ("Documented flow, model at 0 ms, 64 connections", "flow, 64 connections", CPU, "message", ["fastapi"]),
    ("the same, 500", "flow, 500 connections", CPU, "message", [FLOW_64, "fastapi"]),
    ("the same, 1,000", "flow, 1,000 connections", CPU, "message", [FLOW_64]),
    ("the same, 4,000", "flow, 4,000 connections", CPU, "message", [FLOW_64]),
    ("Documented flow, model at 1 s, 4,000 connections", "flow, 4,000 connections, model at 1 s", RATE, "messages", []),
    ("the same", "flow, 4,000 connections, model at 1 s", CPU, "message", [FLOW_64]),
    ("Streams, 64 of 5 words a second", "64 streams of 5 words a second", CPU, "word", ["by-websocket", "smg", "curl-relay"]),
    ("512 of 5", "512 streams of 5 words a second", CPU, "word", ["by-websocket", "smg", "curl-relay"]),
    ("512 of 50", "512 streams of 50 words a second", CPU, "word", ["by-websocket", "smg", "curl-relay"]),
    ("2,000 of 1", "2,000 streams of 1 word a second", CPU, "word", ["by-websocket", "smg", "curl-relay"]),
    ("First word, 64 streams", "first words, 64 streams", ("first99", "p99 ms", 1e-3, ",.2f"), "", ["by-websocket", "smg", "curl-relay"]),
    *[(f"`POST`, {clients}", f"POST, {clients}", CPU, "request", ["smg"])
      for clients in ("1 client", "8 clients", "64 clients", "500 clients")],
    ("The idle host", "the idle host", ("bytes", "MB resident", 1e-6, ",.1f"), "", []),
    ("the same", "the idle host", ("own", "MB of them its own", 1e-6, ",.1f"), "", []),
    ("An idle WebSocket", "10,000 idle connections", ("bytes", "KiB resident", 1 / 1024, ",.1f"), "", ["nio"]),
    ("A conversation with an open call, both over TLS", "2,000 open streamed calls over TLS",
     ("bytes", "KiB resident", 1 / 1024, ",.1f"), "", []),
    ("Echo with rows stored in the background, 64 connections", "stored, 64 connections", CPU, "message", ["without"]),
    ("Echo behind a queue on disk, 64 connections", "kept on disk, 64 connections", RATE, "answers", []),
    ("From start to ready", "start", ("ms", "ms", 1, ",.0f"), "", ["nio"]),
]


def cell(value, form):
    figure, _, factor, style = form
    return format(value * factor, style)


def rows(results):
    for work, scenario, form, unit, peers in ROWS:
        own = median(results, scenario, OWN, form[0])
        if own is None:
            continue
        named = [peer if isinstance(peer, tuple) else (NAMES.get(peer, peer), scenario, peer) for peer in peers]
        beside = [(name, value) for name, where, *server in named
                  if (value := median(results, where, server[0] if server else OWN, form[0]))]
        others = ", ".join(f"{name} {cell(value, form)} ({own / value:.2f})" for name, value in beside)
        yield f"| {work} | {form[1].format(unit)} | {cell(own, form)} | {others} |"


def table(known):
    results = known["results"]
    rounds = {len(each) for servers in results.values() for each in servers.values()}
    return "\n".join([
        "| work | figure | Stagecoach | others (how many times theirs Stagecoach's is) |", "| --- | --- | --- | --- |",
        *rows(results), "", f"Medians; rounds in turn: {' to '.join(map(str, sorted({min(rounds), max(rounds)})))}; {known['machine']}.", ""])


def write(known):
    """Puts the table in its place on the page."""
    text = PAGE.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"bench: {PAGE} has no place for the table")
    PAGE.write_text(f"{before}{BEGIN}{table(known)}{END}{after}")
    print(f"the table is in {PAGE.relative_to(ROOT)}")
