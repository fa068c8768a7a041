import CoreMetrics
import MetricsTestKit
import Testing

@testable import Pipeline

@Suite("What a stage does with its messages is counted")
struct StepMetricsTests {
    private let metrics = TestMetrics()

    private func chain(@Chain.Builder _ steps: () -> [Chain.Step]) throws -> Chain {
        try withMetricsFactory(metrics) { try Chain(resources: [:], steps) }
    }

    private func count(_ metric: EngineMetric, _ stage: String, _ more: [(String, String)] = []) -> Int64 {
        let labels = [("pipeline", "chain"), ("stage", stage)] + more
        return metrics.counterTotal(label: metric.rawValue, dimensions: labels)
    }

    private func runs(_ stage: String) -> Int {
        metrics.timers(
            label: EngineMetric.stageDuration.rawValue, dimensions: [("pipeline", "chain"), ("stage", stage)]
        ).map(\.values.count).reduce(0, +)
    }

    @Test("A message that goes through is received and sent once by each stage, and each run is timed")
    func passes() async throws {
        let chain = try chain {
            Entry()
            Answer()
        }
        for _ in 0..<3 {
            var message = Message(prompt: "hello")
            try await chain.run(&message)
        }
        for stage in ["entry", "answer"] {
            #expect(count(.stageReceived, stage) == 3)
            #expect(count(.stageSent, stage) == 3)
            #expect(runs(stage) == 3)
        }
    }

    @Test("A stage inside another counts for itself, and the one that holds it counts no tokens")
    func inside() async throws {
        let chain = try chain {
            Entry()
            Chain.Route {
                Chain.Route.Case(when: Chain.Condition("prompt", .longerThan(100))) { Probe() }
                Chain.Route.Case { Counting() }
            }
        }
        var message = Message(prompt: "hello")
        try await chain.run(&message)
        for stage in ["route", "counting"] {
            #expect(count(.stageSent, stage) == 1)
            #expect(runs(stage) == 1)
        }
        #expect(count(.stageReceived, "probe") == 0)
        #expect(count(.modelTokens, "counting") == 7)
        #expect(count(.modelTokens, "route") == 0)
    }

    @Test("The tokens that a model counted are added up where the answer is made")
    func tokens() async throws {
        let chain = try chain {
            Entry()
            Counting()
            Reply()
        }
        for _ in 0..<2 {
            var message = Message(prompt: "hello")
            try await chain.run(&message)
        }
        #expect(count(.modelTokens, "counting") == 14)
        #expect(count(.modelTokens, "reply") == 0)
    }

    @Test("An error is counted by its code; a code of a stage's own is 'other'", arguments: [true, false])
    func errors(isKnown: Bool) async throws {
        let chain = try chain {
            Entry()
            Probe { _ in throw PipelineError(isKnown ? .tooLong : .init("my_own_code"), "no") }
            Answer()
        }
        var message = Message(prompt: "hello")
        await #expect(throws: PipelineError.self) { try await chain.run(&message) }
        #expect(count(.stageErrors, "probe", [("code", isKnown ? "too_long" : "other")]) == 1)
        #expect(count(.stageReceived, "probe") == 1)
        #expect(count(.stageSent, "probe") == 0)
        #expect(runs("probe") == 1)
        #expect(count(.stageReceived, "answer") == 0)
    }

    @Test("A stage that is passed by for its 'when' counts nothing")
    func skipped() async throws {
        let chain = try chain {
            Entry()
            Answer().when(Chain.Condition("prompt", .equals(.string("other"))))
        }
        var message = Message(prompt: "hello")
        try await chain.run(&message)
        #expect(count(.stageReceived, "answer") == 0)
        #expect(runs("answer") == 0)
    }

    @Test("A run that is made again is a retry, and the message is still one")
    func retries() async throws {
        let failures = Journal<Int>()
        var policy = Chain.RetryPolicy()
        policy.backoff = .zero
        let chain = try chain {
            Entry()
            Probe { _ in
                failures.note(1)
                if failures.entries.count < 3 { throw PipelineError.passing }
            }.retry(policy)
        }
        var message = Message(prompt: "hello")
        try await chain.run(&message)
        #expect(count(.stageRetries, "probe") == 2)
        #expect(count(.stageReceived, "probe") == 1)
        #expect(count(.stageSent, "probe") == 1)
    }

    @Test("Behind a queue the worker's run is counted, and not the handing over")
    func background() async throws {
        let done = Journal<Int>()
        let chain = try chain {
            Entry()
            BatchProbe { done.note($0.count) }.async()
        }
        try await chain.open()
        var message = Message(prompt: "hello")
        try await chain.run(&message)
        await done.wait(for: 1)
        await chain.close()
        #expect(count(.stageReceived, "batch_probe") == 1)
        #expect(count(.stageSent, "batch_probe") == 1)
        #expect(runs("batch_probe") == 1)
    }
}

/// Answers, and says what it cost.
private struct Counting: Stage {
    static let name = "counting"
    var provides: Fields { [.completion] }
    func run(_ message: inout Message) async throws { message.completion = Completion(text: "x", tokensUsed: 7) }
}
