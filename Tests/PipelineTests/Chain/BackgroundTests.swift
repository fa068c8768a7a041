import Synchronization
import Testing

@testable import Pipeline

@Suite("Stages behind a queue")
struct BackgroundTests {
    private func policy(capacity: Int = 1_000, _ whenFull: Chain.AsyncPolicy.WhenFull = .wait, workers: Int = 1)
        -> Chain.AsyncPolicy
    {
        var policy = Chain.AsyncPolicy()
        policy.capacity = capacity
        policy.whenFull = whenFull
        policy.workers = workers
        return policy
    }

    private func run(_ chain: Chain, _ prompt: String, session: Session = Session()) async throws {
        var message = Message(prompt: prompt, session: session)
        try await chain.run(&message)
    }

    @Test("the message goes on at once while the stage is held up")
    func goesOn() async throws {
        let gate = Gate()
        let journal = Journal<String>()
        let chain = try Chain {
            Probe { _ in
                await gate.pass()
                journal.note("background")
            }.async()
            Probe { _ in journal.note("next") }
        }
        try await chain.open()
        try await run(chain, "hello")
        #expect(journal.entries == ["next"])
        gate.open()
        await journal.wait(for: 2)
        await chain.close()
    }

    @Test("without async the next stage waits")
    func waits() async throws {
        let gate = Gate()
        let journal = Journal<String>()
        let chain = try Chain {
            Probe { _ in
                journal.note("arrived")
                await gate.pass()
                journal.note("stored")
            }
            Probe { _ in journal.note("next") }
        }
        async let running: Void = run(chain, "hello")
        await journal.wait(for: 1)
        #expect(journal.entries == ["arrived"])
        gate.open()
        try await running
        #expect(journal.entries == ["arrived", "stored", "next"])
    }

    @Test("a graceful stop works off what waits")
    func flush() async throws {
        let gate = Gate()
        let journal = Journal<String>()
        let chain = try Chain {
            Probe { message in
                await gate.pass()
                journal.note(message.prompt)
            }.async()
        }
        try await chain.open()
        for number in 0..<20 { try await run(chain, "\(number)") }
        gate.open()
        await chain.close()
        #expect(journal.entries.count == 20)
    }

    @Test("a stop that runs out of time gives up what waits and does not hang")
    func flushDeadline() async throws {
        let gate = Gate()
        let chain = try Chain { Probe { _ in await gate.pass() }.async() }
        try await chain.open()
        try await run(chain, "hello")
        await chain.close(within: .milliseconds(20))
        gate.open()
    }

    @Test("messages of a session stay in order, however many workers there are")
    func order() async throws {
        let journal = Journal<(session: String, number: Int)>()
        let chain = try Chain {
            Probe { message in
                await Task.yield()
                journal.note((message.session.id, Int(message.prompt) ?? -1))
            }.async(policy(workers: 4))
        }
        try await chain.open()
        let sessions = (0..<8).map { _ in Session() }
        for number in 0..<50 {
            for session in sessions { try await run(chain, "\(number)", session: session) }
        }
        await chain.close(within: .seconds(600))
        #expect(journal.entries.count == 400)
        for session in sessions {
            #expect(journal.entries.filter { $0.session == session.id }.map(\.number) == Array(0..<50))
        }
    }

    @Test("a full queue that rejects tells the client that it is busy")
    func reject() async throws {
        let gate = Gate()
        let chain = try Chain { Probe { _ in await gate.pass() }.async(policy(capacity: 2, .reject)) }
        try await chain.open()
        try await run(chain, "1")
        try await run(chain, "2")
        let error = await #expect(throws: PipelineError.self) { try await run(chain, "3") }
        #expect(error?.code == .busy)
        #expect(error?.isRetryable == true)
        gate.open()
        await chain.close()
    }

    @Test("a full queue that drops lets the message go on")
    func drop() async throws {
        let gate = Gate()
        let journal = Journal<String>()
        let chain = try Chain {
            Probe { message in
                await gate.pass()
                journal.note(message.prompt)
            }.async(policy(capacity: 1, .drop))
        }
        try await chain.open()
        try await run(chain, "kept")
        try await run(chain, "dropped")
        gate.open()
        await chain.close()
        #expect(journal.entries == ["kept"])
    }

    @Test("a full queue that waits holds the message until there is room")
    func backpressure() async throws {
        let gate = Gate()
        let journal = Journal<String>()
        let chain = try Chain {
            Probe { _ in await gate.pass() }.async(policy(capacity: 1))
            Probe { message in journal.note(message.prompt) }
        }
        try await chain.open()
        try await run(chain, "first")
        async let second: Void = run(chain, "second")
        await Task.yield()
        #expect(journal.entries == ["first"])
        gate.open()
        try await second
        #expect(journal.entries == ["first", "second"])
        await chain.close()
    }

    @Test("a message that waits for room can be cancelled")
    func cancelWaiting() async throws {
        let gate = Gate()
        let chain = try Chain { Probe { _ in await gate.pass() }.async(policy(capacity: 1)) }
        try await chain.open()
        try await run(chain, "first")
        let second = Task { try await run(chain, "second") }
        second.cancel()
        let error = await #expect(throws: PipelineError.self) { try await second.value }
        #expect(error?.code == .cancelled)
        gate.open()
        await chain.close()
    }

    @Test("stages that can get what waits as one batch")
    func batches() async throws {
        let gate = Gate()
        let journal = Journal<[String]>()
        let chain = try Chain {
            BatchProbe { batch in
                journal.note(batch.map(\.prompt))
                await gate.pass()
            }.async()
        }
        try await chain.open()
        try await run(chain, "0")
        await journal.wait(for: 1)
        for number in 1...5 { try await run(chain, "\(number)") }
        gate.open()
        await chain.close()
        #expect(journal.entries == [["0"], ["1", "2", "3", "4", "5"]])
    }

    @Test("one bad message in a batch costs only itself")
    func poison() async throws {
        let gate = Gate()
        let journal = Journal<String>()
        let chain = try Chain {
            BatchProbe { batch in
                await gate.pass()
                if batch.contains(where: { $0.prompt == "bad" }) { throw SomeError() }
                for message in batch { journal.note(message.prompt) }
            }.async()
        }
        try await chain.open()
        for prompt in ["a", "b", "bad", "c"] { try await run(chain, prompt) }
        gate.open()
        await chain.close()
        #expect(journal.entries == ["a", "b", "c"])
    }

    @Test("what a resource that is down can't take is kept until it is back")
    func outage() async throws {
        let isDown = Mutex(true)
        let journal = Journal<String>()
        let chain = try Chain {
            BatchProbe { batch in
                if isDown.withLock(\.self) {
                    journal.note("down")
                    throw PipelineError.databaseUnavailable("test")
                }
                for message in batch { journal.note(message.prompt) }
            }.async()
        }
        try await chain.open()
        try await run(chain, "kept")
        await journal.wait(for: 1)
        isDown.withLock { $0 = false }
        await chain.close()
        #expect(journal.entries.last == "kept")
    }

    @Test("a queue that is closed takes nothing more")
    func closed() async throws {
        let chain = try Chain { Probe().async() }
        try await chain.open()
        await chain.close()
        let error = await #expect(throws: PipelineError.self) { try await run(chain, "late") }
        #expect(error?.code == .stopping)
    }
}
