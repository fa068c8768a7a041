import Foundation
import Pipeline
import PipelineTesting
import Testing

@testable import Stages

@Suite("Models that stand in for another", .timeLimit(.minutes(1)))
struct FallbackTests {
    private let first = ScriptedModel()
    private let second = ScriptedModel()
    private let third = ScriptedModel()

    private func ask(_ settings: String = "") async throws -> Message {
        let loader = PipelineLoader(registry: try Registry(stages: [Complete.self]), environment: Environment())
        let entry = "complete: {resource: first, fallback: [second, third]\(settings)}"
        let (chain, problems) = loader.loadEntry(
            SourceFile(path: "entry", text: entry), resources: [("first", first), ("second", second), ("third", third)])
        var message = Message(prompt: "2 + 2")
        try await #require(chain, "\(problems)").run(&message)
        return message
    }

    private var calls: [Int] { [first, second, third].map(\.requests.count) }

    @Test(
        "are asked one after the other, until one answers",
        arguments: [
            PipelineError.Code.modelUnavailable, .modelTimeout, .modelRateLimited, .modelUnauthorized, .modelKeyMissing,
            .modelBadResponse,
        ])
    func order(code: PipelineError.Code) async throws {
        first.reply([.failure(PipelineError(code, "no"))])
        second.reply([.failure(PipelineError(code, "neither"))])
        #expect(try await ask().completion?.text == "2 + 2")
        #expect(calls == [1, 1, 1])
        #expect(third.requests[0].turns == first.requests[0].turns)
    }

    @Test("are not asked while the first answers")
    func notNeeded() async throws {
        #expect(try await ask().completion?.text == "2 + 2")
        #expect(calls == [1, 0, 0])
    }

    @Test("leave the last one's error where each fails")
    func nobody() async throws {
        first.reply([.failure(.modelUnavailable)])
        second.reply([.failure(.modelUnavailable)])
        third.reply([.failure(.modelTimeout)])
        let error = await #expect(throws: PipelineError.self) { try await ask() }
        #expect(error?.code == .modelTimeout)
        #expect(calls == [1, 1, 1])
    }

    @Test("are asked after the errors of fallback_on alone")
    func otherErrors() async throws {
        first.reply([.failure(.modelUnavailable), .failure(.modelTimeout)])
        let settings = ", fallback_on: [model_timeout]"
        let error = await #expect(throws: PipelineError.self) { try await ask(settings) }
        #expect(error?.code == .modelUnavailable)
        #expect(calls == [1, 0, 0])
        #expect(try await ask(settings).completion != nil)
        #expect(calls == [2, 1, 0])
    }

    @Test("are not asked for a message that was cancelled")
    func cancelled() async throws {
        first.reply([.failure(PipelineError(.cancelled, "gone"))])
        let error = await #expect(throws: PipelineError.self) { try await ask() }
        #expect(error?.code == .cancelled)
        #expect(calls == [1, 0, 0])
    }

    @Test("are not asked once a piece of an answer has left, which no client can take back")
    func begun() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "fallback-\(UUID().uuidString).yaml").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let text = """
            pipeline: t
            resources: {first: echo, second: echo}
            stages:
              - receive
              - complete: {resource: first, fallback: [second], stream: true}
              - respond: {stream: true}
            """
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let pipeline = try TestPipeline(
            path: path, registry: try Registry(stages: BuiltIn.stages, resources: BuiltIn.resources))
        let standIn = try #require(pipeline.models["second"])
        var broken = ScriptedAnswer.stream(["half of"])
        broken.error = PipelineError(.modelUnavailable, "broken off")
        pipeline.models["first"]?.reply([broken, .failure(.modelUnavailable)])
        try await pipeline.run { pipeline in
            let begun = await pipeline.send("2 + 2")
            #expect(begun.pieces == ["half of"])
            #expect(begun.error?.code == .modelUnavailable)
            #expect(standIn.requests.isEmpty)
            // Where nothing has left, another is asked.
            let other = await pipeline.send("2 + 2")
            #expect(other.answer == "2 + 2")
            #expect(standIn.requests.count == 1)
        }
    }
}
