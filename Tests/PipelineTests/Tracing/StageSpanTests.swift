import InMemoryTracing
import Testing
import Tracing

@testable import Pipeline

@Suite("A message's spans")
struct StageSpanTests {
    private let tracer = InMemoryTracer()

    private func traced(_ prompt: String = "hello") -> Message {
        var message = Message(prompt: prompt)
        message.trace = MessageTrace(of: message, in: "chat", by: tracer, context: .topLevel)
        return message
    }

    @Test("are one for the whole of it and one for each stage, all with the message's id")
    func spans() async throws {
        let chain = try Chain {
            Entry()
            Answer()
        }
        var message = traced()
        try await chain.run(&message)
        message.trace?.end(nil)
        let spans = tracer.finishedSpans
        #expect(spans.map(\.operationName) == ["entry", "answer", "chat"])
        #expect(
            spans.allSatisfy {
                $0.attributes["stagecoach.message_id"]?.toSpanAttribute() == .string(message.id.description)
            })
        #expect(Set(spans.map(\.traceID)).count == 1)
        #expect(spans[0].parentSpanID == spans[2].spanID && spans[1].parentSpanID == spans[2].spanID)
    }

    @Test("of a stage are what it finds as its surroundings")
    func surroundings() async throws {
        let found = Journal<Bool>()
        let chain = try Chain {
            Entry()
            Probe { _ in found.note(ServiceContext.current != nil) }
        }
        var message = traced()
        try await chain.run(&message)
        var untraced = Message(prompt: "hello")
        try await chain.run(&untraced)
        #expect(found.entries == [true, false])
    }

    @Test("say how a stage failed")
    func failure() async throws {
        let chain = try Chain {
            Entry()
            Probe { _ in throw PipelineError(.tooLong, "no") }
        }
        var message = traced()
        await #expect(throws: PipelineError.self) { try await chain.run(&message) }
        let span = try #require(tracer.finishedSpans.last)
        #expect(span.status == SpanStatus(code: .error, message: "no"))
        #expect(span.attributes["error.type"]?.toSpanAttribute() == .string("too_long"))
    }

    @Test("go on behind a queue")
    func background() async throws {
        let done = Journal<Int>()
        let chain = try Chain {
            Entry()
            Probe { _ in done.note(1) }.async()
        }
        try await chain.open()
        var message = traced()
        try await chain.run(&message)
        await done.wait(for: 1)
        await chain.close()
        #expect(tracer.finishedSpans.map(\.operationName).sorted() == ["entry", "probe"])
    }

    @Test("of stages inside another are parts of its own", arguments: [true, false])
    func inside(isBehindQueue: Bool) async throws {
        let done = Journal<Int>()
        let probe = Probe { _ in done.note(1) }
        let chain = try Chain {
            if isBehindQueue {
                Chain.InBackground { probe }.label("holder")
            } else {
                Chain.Route { Chain.Route.Case { probe } }.label("holder")
            }
        }
        try await chain.open()
        var message = traced()
        let trace = message.trace
        try await chain.run(&message)
        await done.wait(for: 1)
        await chain.close()
        #expect(message.trace === trace)
        let spans = Dictionary(tracer.finishedSpans.map { ($0.operationName, $0) }) { first, _ in first }
        #expect(try #require(spans["probe"]).parentSpanID == spans["holder"]?.spanID)
    }

    @Test("take a message off the way without waiting, and nothing else does")
    func waiting() throws {
        let chain = try Chain { Quick() }
        var message = traced()
        #expect(try chain.runWithoutWaiting(&message) == 0)
        var untraced = Message(prompt: "hello")
        #expect(try chain.runWithoutWaiting(&untraced) == nil)
    }
}

private struct Quick: ImmediateStage {
    static let name = "quick"
    func run(_ message: inout Message) throws {}
}
