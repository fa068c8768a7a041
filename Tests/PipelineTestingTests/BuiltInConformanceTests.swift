import Foundation
import Pipeline
import PipelineTesting
import Stages
import Testing

@Suite("The built-in stages keep to the rules of stages")
struct BuiltInConformanceTests {
    struct Case: CustomTestStringConvertible {
        let stage: any Stage.Type
        var entry: String?
        var allowed: [PipelineError.Code] = []

        var testDescription: String { entry ?? stage.name }
    }

    static let cases: [Case] = [
        Case(stage: Receive.self),
        Case(stage: Limit.self, entry: "limit: {messages: 5, every: 1m, tokens: 1000, period: 24h}"),
        Case(stage: Validate.self),
        Case(stage: Recall.self),
        Case(stage: Complete.self),
        Case(stage: Complete.self, entry: "complete: {stream: true, system: Be brief., prompt: \"{{prompt}}?\"}"),
        Case(stage: Persist.self),
        Case(stage: Respond.self),
        Case(stage: Log.self),
        Case(stage: Transform.self, entry: "transform: {completion: \"It is {{prompt}}\", mood: good}"),
        Case(
            stage: HTTP.self,
            entry:
                "http: {url: \"http://127.0.0.1:1/?key=${SECRET}\", headers: {Key: \"${SECRET}\"}, body: [\"${SECRET}\"]}",
            allowed: [PipelineError.Code("http_unavailable")]),
        Case(
            stage: Exec.self, entry: "exec: {command: [cat], writes: [prompt], environment: {KEY: \"${SECRET}\"}}"),
        Case(
            stage: Chain.Route.self, entry: "route: [{when: {prompt: {present: true}}, stages: [log]}, {stages: [log]}]"
        ),
        Case(stage: Chain.Parallel.self, entry: "parallel: [[log], [{transform: {a: b}}]]"),
        Case(stage: Chain.Attempt.self, entry: "attempt: [complete]\ncatch: [{transform: {completion: sorry}}]"),
        Case(stage: Chain.InBackground.self, entry: "background: {stages: [log]}"),
        Case(stage: Use.self, entry: "use: {file: USED, with: {TOPIC: weather}}"),
    ]

    @Test("each has its entry here")
    func all() {
        let here = Set(Self.cases.map { $0.stage.name })
        let builtIn = Set(BuiltIn.stages.map { $0.name })
        #expect(here == builtIn)
    }

    @Test("nothing is found", arguments: cases)
    func conformance(of example: Case) async throws {
        let used = FileManager.default.temporaryDirectory.appending(path: "used-\(UUID().uuidString).yaml")
        try Data("stages: [{transform: {metadata.topic: \"${TOPIC:-general}\"}}]\n".utf8).write(to: used)
        defer { try? FileManager.default.removeItem(at: used) }
        let entry = example.entry?.replacing("USED", with: used.path)
        let findings = await StageConformance.findings(
            of: example.stage, entry: entry, others: BuiltIn.stages, allowing: example.allowed)
        #expect(findings == [])
    }
}
