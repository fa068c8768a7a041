"""Hosts in trouble: a slow stage, a model that another stands in for, a database that is away."""

import contextlib
import threading

from conftest import receive_json, say, wait_until, waiting

SLOW = """
pipeline: slow
resources: {model: echo, crawl: {echo: {delay: 700ms}}}
stages:
  - receive: {format: json, concurrency: 4}
  - complete: {resource: model}
    label: quick
  - complete: {resource: crawl}
    label: crawler
  - respond
"""
FALLBACK = """
pipeline: fallback
resources:
  favourite: {openai: {url: "http://127.0.0.1:1/v1", key: k}}
  spare: echo
stages:
  - receive: {format: json}
  - complete: {resource: favourite, fallback: [spare]}
  - respond
"""
AWAY = """
pipeline: away
resources:
  model: echo
  database: {postgres: {url: "${DATABASE_URL}", create: true}}
stages:
  - receive: {format: json}
  - complete
  - persist: {table: requests}
    label: rows
    async: {capacity: 500}
  - respond
"""


@contextlib.contextmanager
def speaking(host, pause=0.15):
    """Somebody who speaks all the while."""
    stop = threading.Event()

    def speak():
        with host.connect() as client:
            receive_json(client)
            while not stop.wait(pause):
                say(client, "hello")

    thread = threading.Thread(target=speak)
    thread.start()
    yield
    stop.set()
    thread.join()


@contextlib.contextmanager
def slow(serve, **_):
    host = serve(SLOW)
    with speaking(host):
        yield host


@contextlib.contextmanager
def failing_over(serve, **_):
    host = serve(FALLBACK)
    with speaking(host):
        yield host


@contextlib.contextmanager
def away(serve, database, **_):
    host = serve(AWAY, env={"DATABASE_URL": database.url()}, ends_well=False)
    with host.connect() as client:
        receive_json(client)
        say(client, "stored")
        wait_until(lambda: waiting(host) == 0, "the first row")
        database.server.stop()
        for number in range(12):
            say(client, str(number))
    yield host
