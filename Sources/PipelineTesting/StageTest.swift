public import Pipeline

/// One stage, run in process as an entry of a pipeline file has it, with its settings and modifiers.
///
/// ```swift
/// let shout = try StageTest("shout: {marks: 3}", stages: [Shout.self])
/// let reply = try await shout.run("hello")
/// #expect(reply.message.prompt == "HELLO!!!")
/// ```
///
/// A stage that uses a resource gets a scripted model and a recorded database by themselves; others are given:
///
/// ```swift
/// let enter = try StageTest("enter", stages: [Enter.self], resources: ["hall": Hall(seats: 2)])
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
    let overrides: EngineOverrides

    /// Reads an entry as it stands under `stages:`.
    ///
    /// - Parameters:
    ///   - stages: The stages that it may name.
    ///   - resources: Resources by the names that the entry may give them. A model or database among them takes the place of
    ///     ``model`` or ``database``. They are opened and closed with the stage.
    ///   - variables: The variables that it may use.
    ///   - clock: One that the test moves; it stands still.
    /// - Throws: ``TestProblem`` with everything that is wrong with the entry; ``Registry/NameTaken``.
    public init(
        _ entry: String, stages: [any Stage.Type], resources: KeyValuePairs<String, any Resource> = [:],
        variables: [String: String] = [:], clock: TestClock = TestClock()
    ) throws {
        try self.init(
            entry, stages: stages, given: resources.map { ($0.key, $0.value) }, variables: variables, clock: clock)
    }

    /// Reads an entry as it stands under `stages:`, with a resource of each of these types: it has its defaults, and its
    /// type's name.
    ///
    /// - Throws: As the other; ``TestProblem`` also where a type has settings without a default.
    public init(
        _ entry: String, stages: [any Stage.Type], resources: [any Resource.Type], variables: [String: String] = [:],
        clock: TestClock = TestClock()
    ) throws {
        let given = try resources.map { type -> (name: String, resource: any Resource) in
            if let needed = type.settings.first(where: \.isRequired) {
                throw TestProblem(
                    description:
                        "the resource '\(type.name)' needs its setting '\(needed.name)': give one that has it, "
                        + "as in resources: [\"\(type.name)\": …]")
            }
            return (type.name, type.init())
        }
        try self.init(entry, stages: stages, given: given, variables: variables, clock: clock)
    }

    private init(
        _ entry: String, stages: [any Stage.Type], given: [(name: String, resource: any Resource)],
        variables: [String: String], clock: TestClock
    ) throws {
        self.clock = clock
        overrides = EngineOverrides(clock: clock) { [log] _ in log.handler() }
        let loader = PipelineLoader(
            registry: try Registry(stages: stages), environment: Environment(process: variables))
        let source = SourceFile(path: "entry", text: entry)
        var all = given
        if !given.contains(where: { $0.resource is any Model }) { all.append(("model", model)) }
        if !given.contains(where: { $0.resource is any RowStore }) { all.append(("database", database)) }
        let (chain, diagnostics) = EngineOverrides.$current.withValue(overrides) {
            loader.loadEntry(source, resources: all)
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
        try await EngineOverrides.$current.withValue(overrides) {
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
