public import Pipeline

/// One stage, run in process as an entry of a pipeline file has it, with its settings and modifiers.
///
/// ```swift
/// let shout = try StageTest("shout: {marks: 3}", stages: [Shout.self])
/// let reply = try await shout.run("hello")
/// #expect(reply.message.prompt == "HELLO!!!")
/// ```
public struct StageTest: Sendable {
    /// What is logged.
    public let log = TestLog()
    /// The time that timeouts and pauses go by.
    public let clock: TestClock
    /// The model that the stage gets, where it asks for one.
    public let model = ScriptedModel()
    /// The database that the stage gets, where it asks for one.
    public let database = RecordedRows()

    let chain: Chain
    let surroundings: TestSurroundings

    /// Reads an entry as it stands under `stages:`.
    ///
    /// - Parameters:
    ///   - stages: The stages that it may name.
    ///   - variables: The variables that it may use.
    ///   - clock: One that the test moves; it stands still.
    /// - Throws: ``TestProblem`` with everything that is wrong with the entry; ``RegistryError``.
    public init(
        _ entry: String, stages: [any Stage.Type], variables: [String: String] = [:], clock: TestClock = TestClock()
    ) throws {
        self.clock = clock
        surroundings = TestSurroundings(clock: clock) { [log] _ in log.handler() }
        let loader = PipelineLoader(
            registry: try Registry(stages: stages), environment: Environment(process: variables))
        let source = SourceFile(path: "entry", text: entry)
        let (chain, diagnostics) = TestSurroundings.$current.withValue(surroundings) { [model, database] in
            loader.loadEntry(source, resources: ["model": model, "database": database])
        }
        guard let chain else {
            throw TestProblem(
                description: diagnostics.map { DiagnosticFormatter.text($0, source: source) }.joined(separator: "\n"))
        }
        self.chain = chain
    }

    /// Opens the stage, runs it for a message with this prompt, and closes it.
    ///
    /// - Throws: What the stage throws when it is opened; what it throws for the message is in the reply.
    public func run(_ prompt: String) async throws -> TestReply { try await run(Message(prompt: prompt)) }

    /// Opens the stage, runs it for a message, and closes it.
    ///
    /// - Throws: What the stage throws when it is opened; what it throws for the message is in the reply.
    public func run(_ message: Message) async throws -> TestReply {
        try await TestSurroundings.$current.withValue(surroundings) {
            try await chain.open()
            let recorder = ReplyRecorder()
            var message = message
            message.reply = recorder
            var failure: PipelineError?
            do throws(PipelineError) {
                try await chain.run(&message)
            } catch {
                failure = error
            }
            await chain.close()
            return recorder.reply(to: message, failure)
        }
    }
}
