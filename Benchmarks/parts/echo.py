"""The socket: messages echoed, beside bare echoes in Go, with SwiftNIO, with FastAPI, and with uWebSockets where it is."""

from loads import Load
from peers import ECHO, FASTAPI, GORILLA, NIO, UWEBSOCKETS, host
from servers import LOAD_CORE, SERVER_CORE
from targets import Target

ECHOES = [host(ECHO), GORILLA, *UWEBSOCKETS, NIO, FASTAPI]
TWO = [host(ECHO), host(ECHO, "two-cores", SERVER_CORE | LOAD_CORE)]

SCENARIOS = [
    Load("echo, 64 connections", ECHOES, 64),
    Load("echo, 1,000 connections", ECHOES, 1000),
    Load("echo, 16 ahead on 64 connections", ECHOES, 64, ahead=16),
    Load("echo, 60 KiB on 16 connections", ECHOES, 16, size=60 * 1024),
    Load("echo, 1 connection", ECHOES, 1),
    Load("echo, one core or two", TWO, 64),
    Load("echo, one core or two, 16 ahead", TWO, 64, ahead=16),
]

TARGETS = [
    Target("echo, 64 connections", "rate", ">=", 1.1, of="gorilla"),
    Target("echo, 64 connections", "cpu", "<=", 1 / 1.1, of="gorilla"),
    Target("echo, 64 connections", "rate", ">=", 1.2, of="nio"),
    Target("echo, 64 connections", "rate", ">=", 2.0, of="fastapi"),
    Target("echo, 1,000 connections", "rate", ">=", 1.15, of="gorilla"),
    Target("echo, 1,000 connections", "cpu", "<=", 1 / 1.15, of="gorilla"),
    Target("echo, 1,000 connections", "rate", ">=", 1.1, of="nio"),
    Target("echo, 1,000 connections", "rate", ">=", 3.0, of="fastapi"),
    Target("echo, 16 ahead on 64 connections", "cpu", "<=", 0.163, of="gorilla"),
    Target("echo, 16 ahead on 64 connections", "rate", ">=", 1.5, of="nio"),
    Target("echo, 60 KiB on 16 connections", "rate", ">=", 3.5, of="gorilla"),
    Target("echo, 60 KiB on 16 connections", "cpu", "<=", 1 / 3.5, of="gorilla"),
    Target("echo, 60 KiB on 16 connections", "rate", ">=", 3.0, of="nio"),
    Target("echo, 1 connection", "p50", "<=", 1.2, of="nio"),
    Target("echo, one core or two", "cpu", "<=", 1.1, of="stagecoach", server="two-cores"),
    Target("echo, one core or two, 16 ahead", "cpu", "<=", 1.1, of="stagecoach", server="two-cores"),
]
