import Synchronization
import Testing

@testable import Pipeline
@testable import PipelineCatalog

@Suite("A group in the background")
struct InBackgroundTests {
    private func send(_ prompt: String, _ session: Session = Session(), to chain: Chain) async throws {
        var message = Message(prompt: prompt, session: session)
        try await chain.run(&message)
    }

    @Test("its stages run behind one queue, one after the other, and the next stage starts at once")
    func order() async throws {
        let journal = Journal<String>()
        let gate = Gate()
        let chain = try Chain {
            Chain.InBackground {
                Probe { _ in await gate.pass() }
                Mark("first")
                Probe { journal.note($0.prompt) }
            }
            Probe { journal.note("\($0.prompt) went on") }
        }
        try await chain.open()
        let session = Session()
        try await send("1", session, to: chain)
        try await send("2", session, to: chain)
        gate.open()
        await journal.wait(for: 4)
        await chain.close()
        #expect(journal.entries == ["1 went on", "2 went on", "1 first", "2 first"])
        #expect(chain.asynchronousNotes.count == 1)
        #expect(chain.queues.map(\.label) == ["background"])
    }

    @Test("what waits in a queue inside another is worked on before the chain is closed")
    func flush() async throws {
        let journal = Journal<String>()
        let gate = Gate()
        let chain = try Chain {
            Chain.InBackground {
                Probe { _ in await gate.pass() }
                Chain.InBackground { Probe { journal.note($0.prompt) } }
            }
        }
        try await chain.open()
        for prompt in ["1", "2", "3"] { try await send(prompt, to: chain) }
        async let closing = chain.close()
        gate.open()
        _ = await closing
        #expect(journal.entries.sorted() == ["1", "2", "3"])
    }

    @Test("no message comes to a stage inside before that is open")
    func opening() async throws {
        /// Is opened late.
        struct Late: Stage {
            static let name = "late"
            @State var notes = Journal<String>()
            func open(_ context: StageContext) async throws {
                await Task.yield()
                notes.note("open")
            }
            func run(_ message: inout Message) async throws { notes.note("run") }
        }
        let late = Late()
        let chain = try Chain { Chain.InBackground { late } }
        let index = chain.all.map(\.label)
        #expect(index == ["background", "late"])
        try await chain.open()
        try await send("1", to: chain)
        await chain.close()
        #expect(late.notes.entries == ["open", "run"])
    }

    @Test("an error inside goes to the dead letters under the group's label, and the group runs again for it")
    func rerun() async throws {
        let prompts = Mutex<[String]>([])
        let chain = try Chain {
            Chain.InBackground {
                Mark("a"); Probe { message in prompts.withLock { $0.append(message.prompt) } }
            }.label("group")
        }
        try await chain.openForReruns()
        var message = Message(prompt: "x")
        try await chain.rerun(&message, at: "group")
        await chain.close()
        #expect(prompts.withLock(\.self) == ["x a"])
    }

    @Test("an answer may leave from inside")
    func answers() throws {
        #expect(
            try Chain {
                Entry();
                Chain.InBackground {
                    Answer(); Reply()
                }
            }.answersInBackground)
        #expect(
            try !Chain {
                Entry(); Answer(); Chain.Route { Chain.Route.Case { Reply() } }; Chain.InBackground { Probe() }
            }.answersInBackground)
    }

    @Test("another chain goes on with the queue of a group of which the file says nothing new")
    func replaced() async throws {
        let text = """
            pipeline: test
            stages:
              - entry
              - route:
                  - stages:
                      - background: [mark, {hold: {test: replaced}}]
            """
        let registry = try Registry(stages: [
            Entry.self, Chain.Route.self, Chain.InBackground.self, Mark.self, Hold.self,
        ])
        let loader = PipelineLoader(registry: registry, environment: Environment())
        func load(_ text: String, after former: PipelineFile? = nil) throws -> PipelineFile {
            let loaded = loader.load(SourceFile(path: "test.yaml", text: text), after: former)
            return try #require(loaded.file, "\(loaded.report)")
        }
        let former = try load(text)
        let session = Session()
        try await former.chain.open()
        for prompt in ["1", "2"] { try await send(prompt, session, to: former.chain) }
        await Hold.journal.wait(for: 1)
        let next = try load(text, after: former)
        try await next.chain.open(replacing: former.chain)
        next.chain.takeOver()
        try await send("3", session, to: next.chain)
        async let closing = former.chain.close()
        Hold.gate.open()
        _ = await closing
        await next.chain.close()
        #expect(Hold.journal.entries == ["1 mark", "2 mark", "3 mark"])
    }

    /// Notes what it is given, and waits for the test.
    private struct Hold: Stage {
        static let name = "hold"
        static let journal = Journal<String>()
        static let gate = Gate()
        @Setting("Whose it is.") var test: String

        func run(_ message: inout Message) async throws {
            Hold.journal.note(message.prompt)
            await Hold.gate.pass()
        }
    }
}
