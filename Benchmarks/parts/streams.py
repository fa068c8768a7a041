"""Streamed answers, whose calls begin at random instants and whose words come with jitter, beside SMG, a bare relay with
libcurl, and the model API itself."""

from loads import load
from peers import ASKED_FOR_STREAM, DIRECT, RELAY, STREAMED, host, smg
from servers import Model
from targets import Beyond, Target


class Streams:
    """One call a stream, longer than the run. A word's processor time is that of the part in which all calls are open."""

    needs = ["loads"]
    SETTLE = 1

    def __init__(self, name, servers, streams, rate):
        self.name, self.servers, self.streams, self.rate = name, servers, streams, rate
        self.ramp = max(2, streams / 500)

    def measure(self, server, seconds):
        # An answer lasts until the measured part is over, wherever in the ramp it began.
        words = int(self.rate * (self.ramp + self.SETTLE + seconds + 0.5)) + 1
        return self.figures(server, words, streams=self.streams, seconds=seconds, ramp=self.ramp, settle=self.SETTLE)

    def figures(self, server, words, **options):
        model = Model(rate=self.rate, words=words, jitter=1)
        try:
            server.start(model.environment)
            try:
                figures = load(server, "streamload", words=words, path=server.path, body=server.body,
                               websocket=server.websocket, **options)
            finally:
                server.stop()
        finally:
            model.stop()
        return {"rate": figures["words_per_second"], "cpu": figures["cpu_seconds"] * 1e6 / max(1, figures["words"]),
                "late99": figures["late_p99"], "late": figures["late_max"], "first99": figures["first_p99"],
                "lost": figures["lost"]}


class FirstWords(Streams):
    """Answers of 20 words, one after the other on each stream: what matters is how long the first word takes."""

    WORDS = 20

    def measure(self, server, seconds):
        figures = self.figures(server, self.WORDS, streams=self.streams, seconds=2 * seconds, ramp=0.5, settle=0.5, again=True)
        return {key: figures[key] for key in ("rate", "cpu", "first99", "late99", "lost")}


BY_WEBSOCKET = host(STREAMED, "by-websocket", path="/ws?format=json", websocket=True)
SERVERS = [host(STREAMED), BY_WEBSOCKET, smg(ASKED_FOR_STREAM), RELAY, DIRECT]

FEW, MANY, MOST, FAST, FIRST = (
    "64 streams of 5 words a second", "512 streams of 5 words a second", "2,000 streams of 1 word a second",
    "512 streams of 50 words a second", "first words, 64 streams")
SCENARIOS = [
    Streams("64 streams of 50 words a second", SERVERS, 64, 50),
    Streams(FEW, SERVERS, 64, 5),
    Streams(MANY, SERVERS, 512, 5),
    Streams(FAST, SERVERS, 512, 50),
    Streams(MOST, SERVERS, 2000, 1),
    FirstWords(FIRST, SERVERS, 64, 50),
]

TARGETS = [
    target
    for server in ("stagecoach", "by-websocket")
    for target in (
        Target(FEW, "cpu", "<=", 0.8, of="smg", server=server),
        Target(MANY, "cpu", "<=", 0.8, of="smg", server=server),
        Target(MOST, "cpu", "<=", 0.8, of="smg", server=server),
        Target(MOST, "cpu", "<=", 1.3, of=server, server=server, in_scenario=MANY),
        Target(FAST, "cpu", "<=", 0.8, of="curl-relay", server=server),
        Target(FAST, "lost", "<=", 0, server=server),
        Beyond(FAST, "late", "<=", 200_000, of="direct", server=server),
        Target(FIRST, "first99", "<=", 1.3, of="curl-relay", server=server),
    )
]
