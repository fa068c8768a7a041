import Synchronization
import Testing

@testable import Pipeline

@Suite("A chain that takes another's place", .timeLimit(.minutes(1)))
struct ReplacementTests {
    /// What happens in a test's chains; by the text in their files, as they share nothing else.
    private static let notes = Mutex<[String: (journal: Journal<String>, gate: Gate)]>([:])

    private static func notes(of test: String) -> (journal: Journal<String>, gate: Gate) {
        notes.withLock { notes in
            let known = notes[test] ?? (Journal<String>(), Gate())
            notes[test] = known
            return known
        }
    }

    private struct Part: Resource {
        static let name = "part"
        @Setting("Whose journal.") var test: String
        @Setting("Whether opening fails.") var fails = false

        func open(_ context: ResourceContext) async throws {
            notes(of: test).journal.note("open \(context.name)")
            if fails { throw SomeError() }
        }

        func close() async { notes(of: test).journal.note("close") }
    }

    /// Notes what it is given, once the test opens the gate.
    private struct Slow: Stage {
        static let name = "slow"
        @Uses("Anything.") var part: Part
        @Setting("Whose journal.") var test: String

        func run(_ message: inout Message) async throws {
            notes(of: test).journal.note("begin \(message.prompt)")
            await notes(of: test).gate.pass()
            notes(of: test).journal.note("end \(message.prompt)")
        }
    }

    /// A queue that the file names, so that it goes on whatever the stage behind it says.
    private struct Outbox: QueueStore {
        static let name = "outbox"
        @Setting("Whose messages.") var test: String
        var guarantee: Queue.Guarantee { .memory(capacity: 1_000) }
        func queue(for consumer: String, _ options: Queue.Options) async throws -> any MessageQueue {
            MemoryQueue(options)
        }
    }

    /// Notes what it is given with a word of its own, once the test opens the gate.
    private struct Saying: Stage {
        static let name = "saying"
        @Setting("Whose journal.") var test: String
        @Setting("Its word.") var word: String

        func run(_ message: inout Message) async throws {
            notes(of: test).journal.note("\(word) \(message.prompt)")
            await notes(of: test).gate.pass()
        }
    }

    /// A file whose stage says a word, behind a queue that it names.
    private func loadSaying(
        _ word: String, of test: String, workers: Int = 1, after former: PipelineFile? = nil
    ) throws -> PipelineFile {
        let text = """
            pipeline: test
            resources: {outbox: {outbox: {test: \(test)}}}
            stages:
              - entry
              - saying: {test: \(test), word: \(word)}
                async: {queue: outbox, workers: \(workers)}
            """
        let registry = try Registry(stages: [Entry.self, Saying.self], resources: [Outbox.self])
        let loaded = PipelineLoader(registry: registry, environment: Environment()).load(
            SourceFile(path: "test.yaml", text: text), after: former)
        return try #require(loaded.file, "\(loaded.report)")
    }

    private func send(_ prompts: [String], to file: PipelineFile) async throws {
        for prompt in prompts {
            var message = Message(prompt: prompt)
            try await file.chain.run(&message)
        }
    }

    @Test("works on what waits itself, after the one message that the other is at")
    func takesOver() async throws {
        let (journal, gate) = Self.notes(of: "takesOver")
        let former = try loadSaying("old", of: "takesOver")
        try await former.chain.open()
        try await send(["1", "2", "3"], to: former)
        await journal.wait(for: 1)
        let next = try loadSaying("new", of: "takesOver", after: former)
        try await next.chain.open(replacing: former.chain)
        next.chain.takeOver()
        gate.open()
        await journal.wait(for: 3)
        #expect(journal.entries == ["old 1", "new 2", "new 3"])
        await former.chain.close()
        await next.chain.close()
    }

    @Test("works on what waits for each of the other's workers, however many it has itself")
    func fewerWorkers() async throws {
        let (journal, gate) = Self.notes(of: "fewerWorkers")
        let former = try loadSaying("old", of: "fewerWorkers", workers: 3)
        try await former.chain.open()
        try await send(["1", "2", "3", "4", "5", "6"], to: former)
        await journal.wait(for: 3)
        let next = try loadSaying("new", of: "fewerWorkers", workers: 1, after: former)
        try await next.chain.open(replacing: former.chain)
        next.chain.takeOver()
        gate.open()
        await journal.wait(for: 6)
        #expect(journal.entries.filter { $0.hasPrefix("new") }.sorted() == ["new 4", "new 5", "new 6"])
        await former.chain.close()
        await next.chain.close()
    }

    @Test("goes on counting where the other was")
    func counters() async throws {
        Self.notes(of: "counters").gate.open()
        let former = try loadSaying("old", of: "counters")
        try await former.chain.open()
        former.chain.all.compactMap(\.background).first?.count { $0.failed += 7 }
        let next = try loadSaying("new", of: "counters", after: former)
        try await next.chain.open(replacing: former.chain)
        next.chain.takeOver()
        #expect(next.chain.all.compactMap(\.background).first?.counts.failed == 7)
        await former.chain.close()
        await next.chain.close()
    }

    private func load(_ test: String, more: String = "", after former: PipelineFile? = nil) throws -> PipelineFile {
        let text = """
            pipeline: test
            resources:
              first: {part: {test: \(test)}}
              \(more)
            stages:
              - entry
              - slow: {test: \(test), resource: first}
                async: true
            """
        let registry = try Registry(stages: [Entry.self, Slow.self], resources: [Part.self])
        let loaded = PipelineLoader(registry: registry, environment: Environment()).load(
            SourceFile(path: "test.yaml", text: text), after: former)
        return try #require(loaded.file, "\(loaded.report)")
    }

    @Test("shares a resource of which the file says nothing new, which the last of them closes")
    func sharedResources() async throws {
        let journal = Self.notes(of: "shared").journal
        let former = try load("shared")
        try await former.chain.open()
        let next = try load("shared", more: "second: {part: {test: shared}}", after: former)
        try await next.chain.open(replacing: former.chain)
        next.chain.takeOver()
        await former.chain.close()
        #expect(journal.entries == ["open first", "open second"])
        await next.chain.close()
        #expect(journal.entries == ["open first", "open second", "close", "close"])
    }

    @Test("that can't be opened leaves the other as it was")
    func failing() async throws {
        let (journal, gate) = Self.notes(of: "failing")
        let former = try load("failing")
        try await former.chain.open()
        let next = try load("failing", more: "second: {part: {test: failing, fails: true}}", after: former)
        await #expect(throws: SomeError.self) { try await next.chain.open(replacing: former.chain) }
        gate.open()
        var message = Message(prompt: "1")
        try await former.chain.run(&message)
        await former.chain.close()
        #expect(journal.entries == ["open first", "open second", "close", "begin 1", "end 1", "close"])
    }

    @Test("goes on with what waits, in order, after the message that is being worked on")
    func queue() async throws {
        let (journal, gate) = Self.notes(of: "queue")
        let former = try load("queue")
        try await former.chain.open()
        let session = Session()
        func send(_ prompt: String, to file: PipelineFile) async throws {
            var message = Message(prompt: prompt, session: session)
            try await file.chain.run(&message)
        }
        for prompt in ["1", "2"] { try await send(prompt, to: former) }
        await journal.wait(for: 2)
        let next = try load("queue", after: former)
        try await next.chain.open(replacing: former.chain)
        next.chain.takeOver()
        try await send("3", to: next)
        // One that was in flight when the other took over.
        try await send("4", to: former)
        async let closing = former.chain.close()
        gate.open()
        _ = await closing
        await next.chain.close()
        let worked = ["1", "2", "3", "4"].flatMap { ["begin \($0)", "end \($0)"] }
        #expect(journal.entries == ["open first"] + worked + ["close"])
    }

    @Test("ends what waits with the stage that it was meant for, where that has changed")
    func changedStage() async throws {
        let (journal, gate) = Self.notes(of: "changed")
        let other = Self.notes(of: "other")
        let former = try load("changed")
        try await former.chain.open()
        var message = Message(prompt: "1")
        try await former.chain.run(&message)
        let next = try load("other", after: former)
        try await next.chain.open(replacing: former.chain)
        next.chain.takeOver()
        try await next.chain.run(&message)
        gate.open()
        other.gate.open()
        await former.chain.close()
        await next.chain.close()
        #expect(journal.entries == ["open first", "begin 1", "end 1", "close"])
        #expect(other.journal.entries == ["open first", "begin 1", "end 1", "close"])
    }

    /// A queue with a name, whose messages go on where the file changes how many work on them.
    private struct Named: QueueStore {
        static let name = "named"
        var guarantee: Queue.Guarantee { .memory(capacity: 10) }

        func queue(for consumer: String, _ options: Queue.Options) async throws -> any MessageQueue {
            MemoryQueue(options)
        }
    }

    /// Fails for every message that says so.
    private struct Picky: Stage {
        static let name = "picky"
        @Setting("Whose journal.") var test: String

        func run(_ message: inout Message) async throws {
            defer { notes(of: test).journal.note(message.prompt) }
            if message.prompt == "bad" { throw SomeError() }
        }
    }

    @Test("goes on with a queue whose workers the file changes, and with what it has counted", arguments: [1, 3])
    func workers(before: Int) async throws {
        let test = "workers \(before)"
        func load(workers: Int, after former: PipelineFile? = nil) throws -> PipelineFile {
            let text = """
                pipeline: test
                resources:
                  outbox: {named: {}}
                stages:
                  - entry
                  - picky: {test: "\(test)"}
                    async: {queue: outbox, workers: \(workers)}
                """
            let registry = try Registry(stages: [Entry.self, Picky.self], resources: [Named.self])
            let loaded = PipelineLoader(registry: registry, environment: Environment()).load(
                SourceFile(path: "test.yaml", text: text), after: former)
            return try #require(loaded.file, "\(loaded.report)")
        }
        func run(_ chain: Chain, _ prompts: String...) async throws {
            for prompt in prompts {
                var message = Message(prompt: prompt)
                try await chain.run(&message)
            }
        }
        let journal = Self.notes(of: test).journal
        let former = try load(workers: before)
        try await former.chain.open()
        try await run(former.chain, "bad", "good")
        await journal.wait(for: 2)
        let next = try load(workers: 4 - before, after: former)
        try await next.chain.open(replacing: former.chain)
        next.chain.takeOver()
        await former.chain.close()
        #expect(next.chain.queues.map(\.failed) == [1])
        try await run(next.chain, "1", "2", "3", "4", "bad")
        await journal.wait(for: 7)
        await next.chain.close()
        #expect(Set(journal.entries) == ["bad", "good", "1", "2", "3", "4"])
        #expect(next.chain.queues.map(\.failed) == [2])
    }
}
