"""The console's feed, read as a browser reads it, and hosts with troubles."""

import http.client
import json
import time

import pytest

from conftest import DEADLINE


class Feed:
    """One open feed."""

    def __init__(self, host, query="", **headers):
        self.connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=DEADLINE)
        self.connection.request("GET", f"/console/events{query}", headers=headers)
        self.response = self.connection.getresponse()
        self.status = self.response.status
        # What came, as it came.
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()
        self.response.close()

    def __iter__(self):
        for line in self.response:
            line = line.decode()
            self.text += line
            if line.startswith("data: "):
                yield json.loads(line[6:])

    def until(self, passes, deadline=DEADLINE):
        """The first event that passes."""
        end = time.monotonic() + deadline
        for event in self:
            if passes(event):
                return event
            if time.monotonic() > end:
                break
        pytest.fail(f"no such event: {self.text[-3000:]}")

    def figures(self, passes=lambda event: True, deadline=DEADLINE):
        return self.until(lambda event: event["type"] == "figures" and passes(event), deadline)


def stage(event, label):
    """What an event says of a stage, in whatever pipeline."""
    return next(stage for pipeline in event["pipelines"] for stage in pipeline["stages"] if stage["label"] == label)
