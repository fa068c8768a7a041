import Pipeline
import PipelineTesting
import Testing

@testable import CustomHost

@Suite("ask and keep")
struct AskTests {
    @Test("asks the model with what is put before the prompt")
    func asks() async throws {
        let ask = try StageTest("ask: {before: \"Please: \"}", stages: [Ask.self])
        ask.model.reply([.answer("4", tokens: 1)])
        #expect(try await ask.run("2 + 2").message.completion?.text == "4")
        #expect(ask.model.requests.map { $0.turns.last?.content } == ["Please: 2 + 2"])
    }

    @Test("only messages of users with a name are stored")
    func keeps() async throws {
        let keep = try StageTest("keep: {table: named}", stages: [Keep.self])
        for name in [Session.anonymous, "ada"] {
            var message = Message(prompt: "hello", session: Session(username: name))
            message.completion = Completion(text: "hi")
            _ = try await keep.run(message)
        }
        #expect(keep.database.stored.map(\.row.username) == ["ada"])
        #expect(keep.database.stored.map(\.table) == ["named"])
    }

    @Test("both keep to the rules of stages")
    func rules() async {
        let findings = await StageConformance.findings(of: Ask.self) + StageConformance.findings(of: Keep.self)
        #expect(findings == [])
    }
}
