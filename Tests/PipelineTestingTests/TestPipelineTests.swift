import Foundation
import Pipeline
import PipelineTesting
import Stages
import Testing

/// A pipeline file that is there for one test.
final class TemporaryPipeline: Sendable {
    let path: String

    init(_ text: String) throws {
        path = FileManager.default.temporaryDirectory.appending(path: "pipeline-\(UUID().uuidString).yaml").path
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite("A pipeline in a test")
struct TestPipelineTests {
    private let registry: Registry

    init() throws {
        registry = try Registry(stages: BuiltIn.stages, resources: BuiltIn.resources)
    }

    @Test("needs no key, no server and no file: models are scripted, rows recorded, errors logged")
    func documentedFlow() async throws {
        let file = try TemporaryPipeline(
            """
            pipeline: t
            resources: {model: {openai: {url: "${URL}", key: "${KEY}"}}, database: {postgres: {url: "${DATABASE}"}}}
            stages: [receive, validate, {complete: {stream: true}}, {persist: {}, async: true}, {respond: {stream: true}}]
            """)
        let pipeline = try TestPipeline(path: file.path, registry: registry)
        pipeline.models["model"]?.reply([.stream(["2 ", "+ 2"], tokens: 42), .failure(.modelTimeout)])
        try await pipeline.run { pipeline in
            let reply = await pipeline.send("2 + 2")
            #expect(reply.answer == "2 + 2")
            #expect(reply.pieces == ["2 ", "+ 2"])
            let failed = await pipeline.send("again")
            #expect(failed.answer == nil)
            #expect(failed.error?.code == .modelTimeout)
        }
        let rows = pipeline.databases["database"]?.stored ?? []
        #expect(rows.map(\.row.response) == ["2 + 2"])
        #expect(rows.map(\.row.tokensUsed) == [42])
        #expect(rows.map(\.table) == ["requests"])
        #expect(pipeline.models["model"]?.requests.map { $0.turns.last?.content } == ["2 + 2", "again"])
    }

    @Test("has one host, whatever it shares with others when it is served")
    func shared() async throws {
        let file = try TemporaryPipeline(
            """
            pipeline: t
            resources: {m: echo, outbox: {nats: {url: "${NATS}"}}, db: {sqlite: {path: x}}}
            stages:
              - receive: {on_disconnect: {hold: 60s, shared: outbox}}
              - limit: {messages: 1, every: 1h, shared: outbox}
              - complete
              - persist: {}
                async: {queue: outbox}
              - respond
            """)
        let pipeline = try TestPipeline(path: file.path, registry: registry)
        pipeline.models["m"]?.reply([.answer("one")])
        try await pipeline.run { pipeline in
            let session = Session()
            #expect(await pipeline.send("1", in: session).answer == "one")
            #expect(await pipeline.send("2", in: session).error?.code == .rateLimited)
        }
        #expect(pipeline.databases["db"]?.stored.map(\.row.response) == ["one"])
    }

    @Test("what is wrong with its file is said as check says it")
    func broken() throws {
        let file = try TemporaryPipeline(
            "pipeline: t\nresources: {m: echo}\nstages: [receive, {complete: {modle: x}}]\n")
        let problem = #expect(throws: TestProblem.self) { try TestPipeline(path: file.path, registry: registry) }
        #expect(problem?.description.contains("unknown setting 'modle' of stage 'complete'") == true)
    }
}

@Suite("A stage in a test")
struct StageTestTests {
    @Test("runs with the settings and modifiers of its entry")
    func entry() async throws {
        let stage = try StageTest(
            "transform: {prompt: \"{{prompt}}!\"}\nwhen: {prompt: {longer_than: 2}}", stages: BuiltIn.stages)
        #expect(try await stage.run("hello").message.prompt == "hello!")
        #expect(try await stage.run("hi").message.prompt == "hi")
    }

    @Test("has a database, with the rows that a test gives it")
    func database() async throws {
        let stage = try StageTest("recall: {turns: 1}", stages: BuiltIn.stages)
        let message = Message(prompt: "and now?")
        stage.database.begin(with: [
            Row(
                id: .random(), sessionID: message.session.id, prompt: "2 + 2", response: "4", username: "ada",
                createdAt: .now)
        ])
        #expect(try await stage.run(message).message.history.map(\.content) == ["2 + 2", "4"])
    }

    @Test("what is wrong with its entry is said at its place")
    func broken() {
        let problem = #expect(throws: TestProblem.self) {
            try StageTest("complete: {modle: x}", stages: BuiltIn.stages)
        }
        #expect(
            problem?.description
                == "entry:1:12: error: unknown setting 'modle' of stage 'complete'; did you mean 'model'?\n"
                + "    1 | complete: {modle: x}\n      |            ^~~~~")
    }
}
