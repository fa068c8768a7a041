import Foundation
import Testing

@testable import Pipeline

@Suite("What waits when the time to stop is over")
struct StopTests {
    private let letters = DeadLetterFile(
        path: FileManager.default.temporaryDirectory.path + "/dead-letters-\(UInt64.random(in: 0 ... .max))")

    private func policy(_ letters: DeadLetterFile) -> Chain.AsyncPolicy {
        var policy = Chain.AsyncPolicy()
        policy.deadLetter = letters.path
        return policy
    }

    private func run(_ chain: Chain, _ prompts: String...) async throws {
        for prompt in prompts {
            var message = Message(prompt: prompt, session: Session())
            try await chain.run(&message)
        }
    }

    @Test("is in the dead letters, also what a worker does not let go of")
    func held() async throws {
        defer { try? FileManager.default.removeItem(atPath: letters.path) }
        let gate = Gate()
        let chain = try Chain { Probe { _ in await gate.pass() }.label("held").async(policy(letters)) }
        try await chain.open()
        try await run(chain, "a", "b", "c")
        #expect(await chain.close(within: .milliseconds(20)).isEmpty)
        gate.open()
        let read = try letters.read().letters
        #expect(read.map(\.message.prompt) == ["a", "b", "c"])
        #expect(read.allSatisfy { $0.step == "held" && $0.error.code == "stopping" })
    }

    @Test("for a resource that is down is in the dead letters, each message once")
    func outage() async throws {
        defer { try? FileManager.default.removeItem(atPath: letters.path) }
        let journal = Journal<String>()
        let chain = try Chain {
            BatchProbe { _ in
                journal.note("down")
                throw PipelineError.databaseUnavailable("test")
            }.async(policy(letters))
        }
        try await chain.open()
        try await run(chain, "a", "b")
        await journal.wait(for: 1)
        #expect(await chain.close(within: .milliseconds(20)).isEmpty)
        #expect(try letters.read().letters.map(\.message.prompt) == ["a", "b"])
    }

    @Test("in memory alone is lost, and counted")
    func lost() async throws {
        let gate = Gate()
        let chain = try Chain { Probe { _ in await gate.pass() }.label("held").async() }
        try await chain.open()
        try await run(chain, "a", "b")
        #expect(await chain.close(within: .milliseconds(20)) == ["held": 2])
        gate.open()
    }

    @Test("and can not be written down is lost, and counted")
    func unwritable() async throws {
        let gate = Gate()
        let chain = try Chain {
            Probe { _ in await gate.pass() }.label("held").async(policy(DeadLetterFile(path: "/dev/null/dead.jsonl")))
        }
        try await chain.open()
        try await run(chain, "a")
        #expect(await chain.close(within: .milliseconds(20)) == ["held": 1])
        gate.open()
    }
}
