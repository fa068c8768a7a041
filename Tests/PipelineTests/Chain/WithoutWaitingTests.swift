import Testing

@testable import Pipeline

@Suite("Running without waiting")
struct WithoutWaitingTests {
    /// Never waits.
    private struct Quick: ImmediateStage {
        static let name = "quick"
        @Setting("What it adds.") var mark = "q"

        func run(_ message: inout Message) throws {
            if message.prompt.hasPrefix("fail") { throw SomeError() }
            message.prompt += mark
        }
    }

    /// Waits for the prompt "wait" alone.
    private struct Sometimes: OftenImmediateStage {
        static let name = "sometimes"

        func run(_ message: inout Message) async throws { message.prompt += " waited" }

        func runWithoutWaiting(_ message: inout Message) throws -> Bool { message.prompt != "wait" }
    }

    @Test("a chain whose stages never wait is run whole")
    func whole() throws {
        let chain = try Chain {
            Quick(); Quick().when(Chain.Condition("session.username", .equals(.string("nobody")))); Quick()
        }
        var message = Message(prompt: "")
        #expect(try chain.runWithoutWaiting(&message) == nil)
        #expect(message.prompt == "qq")
    }

    @Test("it stops at the first step that has to wait, and goes on from there")
    func partly() async throws {
        let chain = try Chain {
            Quick(); Probe { $0.prompt += "w" }; Quick()
        }
        var message = Message(prompt: "")
        let next = try #require(try chain.runWithoutWaiting(&message))
        #expect(message.prompt == "q")
        try await chain.run(&message, from: next)
        #expect(message.prompt == "qwq")
    }

    /// Says how it was run.
    private struct Told: OftenImmediateStage {
        static let name = "told"

        func run(_ message: inout Message) async throws { message.prompt += " in the task" }

        func runWithoutWaiting(_ message: inout Message) throws -> Bool {
            if message.prompt.hasSuffix("wait") { return false }
            message.prompt += " at once"
            return true
        }
    }

    @Test("behind a step that had to wait, those that need not run without the task, too")
    func behind() async throws {
        let chain = try Chain {
            Told(); Told(); Probe { $0.prompt += " wait" }; Told(); Told()
        }
        var message = Message(prompt: "wait")
        try await chain.run(&message)
        #expect(message.prompt == "wait in the task at once wait in the task at once")
    }

    @Test("an error behind a step that had to wait carries the label of its own step")
    func errorBehind() async throws {
        let chain = try Chain {
            Probe { $0.prompt = "fail" }; Quick().label("breaks"); Quick()
        }
        var message = Message(prompt: "")
        let error = await #expect(throws: PipelineError.self) { try await chain.run(&message) }
        #expect(error?.stage == "breaks")
        #expect(message.prompt == "fail")
    }

    @Test("a queue behind a step that had to wait hears what the message has cost")
    func costBehind() async throws {
        final class Claim: MessageClaim {
            let journal: Journal<Int?>

            init(_ journal: Journal<Int?>) {
                self.journal = journal
            }

            func settle(tokens: Int?) { journal.note(tokens) }
        }
        let (journal, gate) = (Journal<Int?>(), Gate())
        let chain = try Chain {
            Probe {
                $0.claims.append(Claim(journal))
                $0.completion = Completion(text: "y", tokensUsed: 7)
            }
            Probe { _ in await gate.pass() }.async()
        }
        try await chain.open()
        var message = Message(prompt: "")
        try await chain.run(&message)
        #expect(journal.entries == [7])
        gate.open()
        await chain.close()
    }

    @Test("a stage that need not always wait is asked for each message")
    func sometimes() async throws {
        let chain = try Chain { Sometimes() }
        var message = Message(prompt: "go")
        #expect(try chain.runWithoutWaiting(&message) == nil)
        message.prompt = "wait"
        let next = try #require(try chain.runWithoutWaiting(&message))
        try await chain.run(&message, from: next)
        #expect(message.prompt == "wait waited")
    }

    @Test("a stage that never waits is run by who waits, too")
    func waited() async throws {
        let chain = try Chain { Quick() }
        var message = Message(prompt: "")
        try await chain.run(&message)
        #expect(message.prompt == "q")
    }

    @Test("a step with a deadline, retries or an error policy is left to the task")
    func modified() throws {
        for step in [Quick().timeout(.seconds(1)), Quick().retry(), Quick().onError(.continue)] {
            let chain = try Chain { step }
            var message = Message(prompt: "")
            #expect(try chain.runWithoutWaiting(&message) == 0)
            #expect(message.prompt == "")
        }
    }

    @Test("a queue with room takes the message at once, a full one is waited for")
    func queue() async throws {
        let gate = Gate()
        var policy = Chain.AsyncPolicy()
        policy.capacity = 1
        let chain = try Chain { Probe { _ in await gate.pass() }.async(policy) }
        try await chain.open()
        var message = Message(prompt: "")
        #expect(try chain.runWithoutWaiting(&message) == nil)
        #expect(try chain.runWithoutWaiting(&message) == 0)
        gate.open()
        await chain.close()
    }

    @Test("an error carries the label of its step")
    func error() throws {
        let chain = try Chain { Quick().label("breaks") }
        var message = Message(prompt: "fail")
        let error = #expect(throws: PipelineError.self) { try chain.runWithoutWaiting(&message) }
        #expect(error?.stage == "breaks")
    }
}
