import Testing

@testable import Pipeline

@Suite("Looking at a step's messages")
struct TapTests {
    private func step(_ chain: Chain, _ label: String) throws -> StepRunner {
        try #require(chain.all.first { $0.label == label })
    }

    @Test("each message is shown as the step leaves it, whether it had to wait or not, and none once nobody looks")
    func messages() async throws {
        let chain = try Chain {
            Entry()
            Answer()
            Reply()
        }
        let seen = Journal<String>()
        let answer = try step(chain, "answer")
        let id = answer.tap { seen.note($0.message.completion?.text ?? "none") }
        for prompt in ["a", "b"] {
            var message = Message(prompt: prompt)
            try await chain.run(&message)
        }
        var message = Message(prompt: "c")
        if let rest = try chain.runWithoutWaiting(&message) { try await chain.run(&message, from: rest) }
        answer.untap(id)
        message = Message(prompt: "d")
        try await chain.run(&message)
        #expect(seen.entries == ["a", "b", "c"])
    }

    @Test("several may look at the same time, and one that ends takes nothing from the others")
    func several() async throws {
        let chain = try Chain { Probe { _ in } }
        let (first, second) = (Journal<Int>(), Journal<Int>())
        let probe = try step(chain, "probe")
        let id = probe.tap { _ in first.note(1) }
        _ = probe.tap { _ in second.note(2) }
        var message = Message(prompt: "x")
        try await chain.run(&message)
        probe.untap(id)
        try await chain.run(&message)
        #expect(first.entries == [1])
        #expect(second.entries == [2, 2])
    }

    @Test("what runs behind a queue is shown once it has run, one by one and in batches")
    func queue() async throws {
        let chain = try Chain { BatchProbe { _ in }.async() }
        let seen = Journal<String>()
        _ = try step(chain, "batch_probe").tap { seen.note($0.message.prompt) }
        try await chain.open()
        for prompt in ["a", "b", "c"] {
            var message = Message(prompt: prompt)
            try await chain.run(&message)
        }
        await chain.close()
        #expect(Set(seen.entries) == ["a", "b", "c"])
    }

    @Test("a message that fails is shown with its error, and is among the last failures, looked at or not")
    func failures() async throws {
        let chain = try Chain { Probe { _ in throw PipelineError(.busy, "no") }.label("bad") }
        let bad = try step(chain, "bad")
        for _ in 0..<(RecentFailures.limit + 2) {
            var message = Message(prompt: "x")
            try? await chain.run(&message)
        }
        let seen = Journal<PipelineError.Code?>()
        _ = bad.tap { seen.note($0.error?.code) }
        var message = Message(prompt: "x")
        try? await chain.run(&message)
        #expect(seen.entries == [.busy])
        #expect(bad.failures.all.count == RecentFailures.limit)
        #expect(bad.failures.all.last?.messageID == message.id)
        #expect(bad.failures.all.last?.code == .busy)
    }

    @Test("a failure is noted where it happened, not again where it passed")
    func once() async throws {
        let chain = try Chain {
            Chain.Attempt {
                Probe { _ in throw PipelineError(.busy, "no") }.label("inner")
            } catch: {
                Probe { _ in throw PipelineError(.timeout, "neither") }.label("rescue")
            }.label("outer")
        }
        var message = Message(prompt: "x")
        try? await chain.run(&message)
        #expect(try step(chain, "inner").failures.all.map(\.code) == [.busy])
        #expect(try step(chain, "rescue").failures.all.map(\.code) == [.timeout])
        #expect(try step(chain, "outer").failures.all.isEmpty)
    }
}
