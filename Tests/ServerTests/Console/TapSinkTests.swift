import NIOCore
import Pipeline
import Synchronization
import Testing

@testable import Server

@Suite("What a tap hands on")
struct TapSinkTests {
    private final class Events: Sendable {
        let texts = Mutex<[String]>([])
        var count: Int { texts.withLock(\.count) }
    }

    private func sink(
        _ events: Events, session: String? = nil, content: Bool = true, secrets: [String] = []
    ) -> TapSink {
        TapSink(of: session, showsContent: content, Redaction(secrets.map(Secret.init))) { event, _ in
            events.texts.withLock { $0.append(String(buffer: event)) }
        }
    }

    /// Shows it messages through a chain, as nobody else makes what a tap sees.
    private func run(_ sink: TapSink, _ prompts: [String], session: Session = Session()) async throws {
        let pipeline = try ServedPipeline.forTests()
        let step = try #require(pipeline.chain.all.first { $0.label == "complete" })
        let id = step.tap { sink.look($0, at: "complete", of: "test") }
        for prompt in prompts {
            var message = Message(prompt: prompt, session: session)
            try await pipeline.chain.run(&message)
        }
        step.untap(id)
    }

    @Test("what was said is handed on only where that is shown")
    func content() async throws {
        let (shown, hidden) = (Events(), Events())
        try await run(sink(shown), ["canary"])
        try await run(sink(hidden, content: false), ["canary"])
        #expect(shown.texts.withLock { $0[0].contains(#""prompt":"canary","response":"canary""#) })
        #expect(hidden.texts.withLock { !$0[0].contains("canary") && $0[0].contains("message_id") })
    }

    @Test("secrets are taken out, also where a cut goes through them")
    func secrets() async throws {
        let events = Events()
        let secret = "sk-canary-of-many-letters"
        let filling = String(repeating: "x", count: (16 << 10) - 10)
        try await run(sink(events, secrets: [secret]), ["a \(secret) b", filling + secret, "y" + filling + secret])
        #expect(events.texts.withLock { texts in texts.allSatisfy { !$0.contains("sk-canary") } })
        #expect(events.texts.withLock { $0[0].contains("a <secret> b") })
    }

    @Test("only messages of the session that was asked for")
    func session() async throws {
        let events = Events()
        let session = Session()
        let sink = sink(events, session: session.id)
        try await run(sink, ["a"], session: session)
        try await run(sink, ["b"])
        #expect(events.texts.withLock { $0.count == 1 && $0[0].contains(session.id) })
    }

    @Test("no more than so many a second, and no more bytes than so many at once; the rest is counted")
    func bounds() async throws {
        let (many, large) = (Events(), Events())
        let first = sink(many, content: false)
        try await run(first, (0..<(TapSink.rate + 50)).map { "\($0)" })
        #expect(many.count + first.takeOmitted() == TapSink.rate + 50)
        #expect(many.count >= TapSink.rate)
        #expect(first.takeOmitted() == 0)
        let second = sink(large)
        try await run(second, (0..<100).map { _ in String(repeating: "z", count: 60_000) })
        let bytes = large.texts.withLock { $0.reduce(0) { $0 + $1.utf8.count } }
        #expect(bytes <= 256 << 10)
        #expect(large.count + second.takeOmitted() == 100)
    }
}
