import Pipeline
import PipelineTesting
import Stages
import Testing

@Suite("A clock that tests move")
struct TestClockTests {
    @Test("the pause of a retry ends when the clock has come so far, and not before")
    func retry() async throws {
        let stage = try StageTest("complete: {}\nretry: {attempts: 2, backoff: 8s}", stages: BuiltIn.stages)
        stage.model.reply([.failure(.modelUnavailable), .answer("4")])
        async let reply = stage.run("2 + 2")
        await stage.clock.waitForSleepers()
        await stage.clock.advance(by: .seconds(5))
        #expect(stage.model.requests.count == 1)
        await stage.clock.advance(by: .seconds(3))
        #expect(try await reply.message.completion?.text == "4")
        #expect(stage.model.requests.count == 2)
    }

    @Test("a deadline comes when the clock has come so far")
    func timeout() async throws {
        let stage = try StageTest("complete: {}\ntimeout: 20s", stages: BuiltIn.stages)
        stage.model.reply([.answer("4").after(.seconds(25))])
        async let reply = stage.run("2 + 2")
        await stage.clock.waitForSleepers(2)
        await stage.clock.advance(by: .seconds(20))
        #expect(try await reply.error?.code == .timeout)
        #expect(stage.clock.elapsed == .seconds(20))
    }

    @Test("limits by the time are full again when it has passed")
    func limit() async throws {
        let path = try TemporaryPipeline(
            """
            pipeline: t
            resources: {m: echo}
            stages: [receive, {limit: {messages: 1, every: 1m}}, complete, respond]
            """)
        let pipeline = try TestPipeline(
            path: path.path, registry: try Registry(stages: BuiltIn.stages, resources: BuiltIn.resources))
        let session = Session()
        try await pipeline.run { pipeline in
            #expect(await pipeline.send("one", in: session).answer == "one")
            #expect(await pipeline.send("two", in: session).error?.code == .rateLimited)
            await pipeline.clock.advance(by: .seconds(60))
            #expect(await pipeline.send("three", in: session).answer == "three")
        }
    }
}
