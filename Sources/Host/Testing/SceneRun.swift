import Logging
import NIOCore
import NIOPosix
import Pipeline
import PipelineTesting
import Server

/// What happened in one test.
struct SceneOutcome: Sendable {
    var frames: [SaidFrame] = []
    var rows: [JSONValue] = []
    var events: [TestEvent] = []
    var log: [TestLog.Entry] = []
    /// How often each model was asked, and how many replies its script has; none without a script.
    var models: [(name: String, asked: Int, left: Int)] = []
}

/// Why a test could not be run, in one sentence.
struct SceneProblem: Error {
    let message: String
    var range: SourceRange?
}

/// Runs a test: a pipeline of its own with scripted resources, and one conversation with it as a connection has it.
struct SceneRun {
    /// How long a test may take, by the machine's clock.
    static let limit = TimeAmount.seconds(30)

    let loader: PipelineLoader
    let source: SourceFile
    let scene: TestScene
    private let clock = TestClock(passesPauses: true)

    init(loader: PipelineLoader, source: SourceFile, scene: TestScene) {
        (self.loader, self.source, self.scene) = (loader, source, scene)
    }

    func run() async throws(SceneProblem) -> SceneOutcome {
        let log = TestLog()
        let overrides = EngineOverrides(clock: clock) { _ in log.handler() }
        let result: Result<SceneOutcome, SceneProblem> = await EngineOverrides.$current.withValue(overrides) {
            do throws(SceneProblem) {
                return .success(try await converse(log, in: overrides))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func converse(_ log: TestLog, in overrides: EngineOverrides) async throws(SceneProblem) -> SceneOutcome {
        guard let file = loader.load(source).file, let pipeline = ServedPipeline(file) else {
            throw SceneProblem(message: "the pipeline can't be served")
        }
        let chain = file.chain
        let session = Session()
        let journal = TestJournal()
        try prepare(chain, session: session, journal: journal)
        do {
            try await chain.open()
        } catch {
            throw SceneProblem(message: "the pipeline does not start: \(error)")
        }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let frames = try await frames(of: pipeline, session, journal, on: loop, log: log, in: overrides)
        try await end(chain, on: loop)
        var outcome = SceneOutcome(frames: frames, events: journal.events, log: log.entries.beforeTheEnd)
        for (_, database) in chain.namedResources(of: RecordedRows.self) {
            outcome.rows += database.stored.map { $0.row.value(table: $0.table) }
        }
        outcome.models = chain.namedResources(of: ScriptedModel.self).map {
            ($0.name, $0.resource.requests.count, $0.resource.left)
        }
        return outcome
    }

    private func prepare(_ chain: Chain, session: Session, journal: TestJournal) throws(SceneProblem) {
        let models = chain.namedResources(of: ScriptedModel.self)
        for model in models { model.resource.onAsk { journal.note(.asked) } }
        for database in chain.namedResources(of: RecordedRows.self) {
            database.resource.onStore { journal.note(.stored) }
            scene.database?.apply(to: database.resource, in: session)
        }
        guard let script = scene.model else { return }
        if let replies = script.common {
            guard models.count == 1, let only = models.first else {
                let problem =
                    models.isEmpty
                    ? "the pipeline has no model"
                    : "the pipeline has several models: name each, as in {\(models[0].name): […]}"
                throw SceneProblem(message: "'model' has replies, and \(problem)", range: script.place)
            }
            only.resource.reply(replies.map(\.answer))
        }
        for (name, replies) in script.named.sorted(by: { $0.key < $1.key }) {
            guard let model = models.first(where: { $0.name == name }) else {
                let near = Spelling.nearest(to: name, among: models.map(\.name)).map { "; did you mean '\($0)'?" } ?? ""
                throw SceneProblem(message: "the pipeline has no model '\(name)'\(near)", range: script.place)
            }
            model.resource.reply(replies.map(\.answer))
        }
    }

    private func frames(
        of pipeline: ServedPipeline, _ session: Session, _ journal: TestJournal, on loop: any EventLoop,
        log: TestLog, in overrides: EngineOverrides
    ) async throws(SceneProblem) -> [SaidFrame] {
        let done = loop.makePromise(of: Void.self)
        let timer = loop.scheduleTask(in: Self.limit) { done.fail(SceneProblem.late) }
        let format: Message.Format = scene.spoken == .text ? .text : .json
        let sent = scene.send?.frames ?? []
        do {
            let talk = try await loop.submit {
                let client = ScriptedClient(format, journal: journal, done: done)
                let conversation = Conversation(
                    with: pipeline, session: session, format: format, on: loop,
                    logger: Logger(label: "stagecoach", factory: { _ in log.handler() }), client: client)
                // However long it takes to say all of it, that is at once.
                EngineOverrides.$current.withValue(overrides) {
                    clock.holding { client.say(sent, in: conversation) }
                }
                return NIOLoopBound((client, conversation), eventLoop: loop)
            }.get()
            try await done.futureResult.get()
            timer.cancel()
            await pipeline.waitUntilIdle()
            return try await loop.submit {
                let (client, conversation) = talk.value
                conversation.end()
                return client.said
            }.get()
        } catch {
            throw error as? SceneProblem ?? SceneProblem(message: "\(error)")
        }
    }

    /// Lets the queues work off what they have, and ends everything.
    private func end(_ chain: Chain, on loop: any EventLoop) async throws(SceneProblem) {
        let done = loop.makePromise(of: Void.self)
        let timer = loop.scheduleTask(in: Self.limit) { done.fail(SceneProblem.late) }
        let closing = Task {
            await chain.close()
            done.succeed()
        }
        do {
            try await done.futureResult.get()
        } catch {
            closing.cancel()
            throw SceneProblem.late
        }
        timer.cancel()
    }
}

extension [TestLog.Entry] {
    /// Without the errors of workers that gave up what was lost at the end: how many of them come in time is chance, and
    /// the entry before them says it.
    fileprivate var beforeTheEnd: [TestLog.Entry] {
        guard let end = firstIndex(where: { $0.metadata["lost"] != nil }) else { return self }
        return self[...end] + self[(end + 1)...].filter { $0.errorCode == nil }
    }
}

extension SceneProblem {
    static let late = SceneProblem(message: "the test did not end within 30 s")
}
