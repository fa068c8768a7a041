public import Pipeline

/// A whole pipeline file, run in process: models are scripted, rows are recorded, queues are in memory.
///
/// ```swift
/// let pipeline = try TestPipeline(path: "shout.yaml", registry: CustomHost.registry())
/// pipeline.models["model"]?.reply([.answer("4")])
/// try await pipeline.run { pipeline in
///     let reply = await pipeline.send("2 + 2")
///     #expect(reply.answer == "4")
/// }
/// ```
public final class TestPipeline: Sendable {
    /// What is logged.
    public let log = TestLog()
    /// The time that timeouts and pauses go by.
    public let clock: TestClock
    /// The models by their names in the file.
    public let models: [String: ScriptedModel]
    /// The databases by their names in the file.
    public let databases: [String: RecordedRows]

    private let chain: Chain
    private let overrides: EngineOverrides

    /// Reads a pipeline file.
    ///
    /// - Parameters:
    ///   - registry: The stages and resources that it may name; a host has one of its own.
    ///   - variables: The variables that it may use; those of the process play no part.
    ///   - clock: One that the test moves; it stands still.
    /// - Throws: ``TestProblem`` with everything that is wrong with the file.
    public init(
        path: String, registry: Registry, variables: [String: String] = [:], clock: TestClock = TestClock()
    ) throws {
        self.clock = clock
        overrides = EngineOverrides(clock: clock) { [log] _ in log.handler() }
        let loader = PipelineLoader(
            registry: registry, environment: Environment(process: variables),
            sections: [TestSection.key: TestSection.self], filter: StandIns.scripted.filter)
        let loaded = EngineOverrides.$current.withValue(overrides) { loader.load(path: path) }
        guard let file = loaded.file else { throw TestProblem(description: loaded.report) }
        chain = file.chain
        models = Dictionary(chain.namedResources(of: ScriptedModel.self).map { ($0, $1) }) { first, _ in first }
        databases = Dictionary(chain.namedResources(of: RecordedRows.self).map { ($0, $1) }) { first, _ in first }
    }

    /// Opens it, lets `body` have a conversation with it, and closes it; what waits in queues is worked off then, so look
    /// at rows afterwards.
    ///
    /// - Throws: What a stage throws that can't be opened, and what `body` throws.
    public func run(_ body: (TestPipeline) async throws -> Void) async throws {
        try await EngineOverrides.$current.withValue(overrides) {
            try await chain.open()
            do {
                try await body(self)
            } catch {
                await chain.close(within: .zero)
                throw error
            }
            await chain.close()
        }
    }

    /// Sends a prompt and returns what became of it. Only inside ``run(_:)``.
    ///
    /// - Parameter session: The conversation, by default one of its own.
    public func send(
        _ prompt: String, in session: Session = Session(), metadata: [String: JSONValue] = [:]
    ) async -> TestReply {
        let recorder = ReplyRecorder()
        var message = Message(prompt: prompt, session: session, metadata: metadata, reply: recorder)
        var failure: PipelineError?
        do throws(PipelineError) {
            try await chain.run(&message)
        } catch {
            failure = error
        }
        return recorder.reply(to: message, failure)
    }
}
