import Testing

@testable import Pipeline

@Suite("Opening and closing")
struct LifecycleTests {
    private struct Part: Resource {
        static let name = "part"
        @State var journal = Journal<String>()
        @Setting("Its name.") var label = ""
        @Setting("Whether opening fails.") var fails = false

        func open(_ context: ResourceContext) async throws {
            journal.note("open \(label)")
            if fails { throw SomeError() }
        }

        func close() async { journal.note("close \(label)") }
    }

    private struct Worker: Stage {
        static let name = "worker"
        @State var journal = Journal<String>()
        func open(_ context: StageContext) async throws { journal.note("open \(context.label)") }
        func run(_ message: inout Message) async throws {}
        func close() async { journal.note("close worker") }
    }

    private func part(_ label: String, _ journal: Journal<String>, fails: Bool = false) -> Part {
        var part = Part()
        part.label = label
        part.fails = fails
        part.journal = journal
        return part
    }

    @Test("resources open before stages, and everything closes in reverse, once")
    func order() async throws {
        let journal = Journal<String>()
        var worker = Worker()
        worker.journal = journal
        let stage = worker
        let chain = try Chain(resources: ["a": part("a", journal), "b": part("b", journal)]) { stage }
        try await chain.open()
        await chain.close()
        await chain.close()
        #expect(journal.entries == ["open a", "open b", "open worker", "close worker", "close b", "close a"])
    }

    @Test("a chain that was closed may be opened again, its queues too")
    func again() async throws {
        let chain = try Chain { Worker().async(Chain.AsyncPolicy()) }
        for _ in 1...2 {
            try await chain.open()
            var message = Message(prompt: "hello", session: Session())
            try await chain.run(&message)
            await chain.close()
        }
    }

    @Test("a failed opening closes what was opened, the failed one included")
    func failedOpen() async throws {
        let journal = Journal<String>()
        let chain = try Chain(resources: [
            "a": part("a", journal), "b": part("b", journal, fails: true), "c": part("c", journal),
        ]) { Probe() }
        await #expect(throws: SomeError.self) { try await chain.open() }
        #expect(journal.entries == ["open a", "open b", "close b", "close a"])
    }
}
