"""The documented flow: a prompt, a model that is asked, a row in the background, an answer."""

from loads import Load
from peers import FASTAPI_FLOW, FLOW, host
from targets import Target

FLOWS = [host(FLOW), FASTAPI_FLOW]

SCENARIOS = [
    Load("flow, 64 connections", FLOWS, 64, delay=0),
    Load("flow, 500 connections", FLOWS, 500, delay=0),
    Load("flow, 1,000 connections", [host(FLOW)], 1000, delay=0),
    Load("flow, 4,000 connections", [host(FLOW)], 4000, delay=0),
    Load("flow, 64 connections, model at 20 ms", FLOWS, 64, delay=20),
    Load("flow, 64 connections, model at 1 s", [host(FLOW)], 64, delay=1000),
    Load("flow, 500 connections, model at 1 s", [host(FLOW)], 500, delay=1000),
    Load("flow, 1,000 connections, model at 1 s", [host(FLOW)], 1000, delay=1000),
    Load("flow, 4,000 connections, model at 1 s", [host(FLOW)], 4000, delay=1000),
]

OF_64 = {"of": "stagecoach", "in_scenario": "flow, 64 connections"}
TARGETS = [
    Target("flow, 1,000 connections", "cpu", "<=", 1.25, **OF_64),
    Target("flow, 500 connections", "rate", ">=", 0.9, **OF_64),
    Target("flow, 1,000 connections", "rate", ">=", 0.9, **OF_64),
    Target("flow, 4,000 connections, model at 1 s", "rate", ">=", 0.95 * 4000),
    Target("flow, 4,000 connections, model at 1 s", "errors", "<=", 0),
    Target("flow, 4,000 connections, model at 1 s", "cpu", "<=", 2, **OF_64),
    Target("flow, 64 connections", "cpu", "<=", 1 / 25, of="fastapi"),
    Target("flow, 64 connections", "p99", "<=", 0.1, of="fastapi"),
    Target("flow, 64 connections, model at 20 ms", "p50", "<=", 22_000),
]
