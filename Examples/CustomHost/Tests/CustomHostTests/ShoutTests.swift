import Foundation
import Host
import Pipeline
import PipelineTesting
import Testing

@testable import CustomHost

@Suite("shout")
struct ShoutTests {
    @Test("makes the prompt loud, with as many marks as it is set to")
    func shouts() async throws {
        let shout = try StageTest("shout: {marks: 3}", stages: [Shout.self])
        #expect(try await shout.run("hello").message.prompt == "HELLO!!!")
    }

    @Test("has one mark where the file says nothing")
    func defaults() {
        #expect(Shout.settings.map(\.name) == ["marks"])
        #expect(Shout.settings.first?.defaultText == "1")
    }

    @Test("keeps to the rules of stages")
    func conformance() async {
        let findings = await StageConformance.findings(of: Shout.self)
        #expect(findings == [])
    }

    @Test("the model is asked loudly")
    func pipeline() async throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let pipeline = try TestPipeline(
            path: folder.appending(path: "shout.yaml").path, registry: CustomHost.registry())
        pipeline.models["model"]?.reply([.answer("I hear you")])
        try await pipeline.run { pipeline in
            #expect(await pipeline.send("hello").answer == "I hear you")
        }
        #expect(pipeline.models["model"]?.requests.map { $0.turns.last?.content } == ["HELLO!!"])
    }
}
