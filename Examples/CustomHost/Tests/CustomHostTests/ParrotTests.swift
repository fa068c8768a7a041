import Pipeline
import PipelineTesting
import Testing

@testable import CustomHost

@Suite("parrot")
struct ParrotTests {
    /// As `complete` asks it, which knows no more of it than that it is a model.
    private let model: any Model = Parrot()
    private let request = CompletionRequest(
        model: "any", turns: [.init(.user, "one two three")], timeout: .seconds(1))

    @Test("is asked for pieces by who knows no more of it than that it is a model")
    func pieces() async throws {
        let (pieces, sink) = AsyncStream.makeStream(of: String.self)
        let whole = try await model.complete(request) { sink.yield($0) }
        sink.finish()
        #expect(await pieces.reduce(into: []) { $0.append($1) } == ["one", " two", " three"])
        #expect(whole == Completion(text: "one two three", tokensUsed: 3, finishReason: "stop"))
    }

    @Test("takes the place of the scripted model in the test of a stage")
    func stage() async throws {
        let ask = try StageTest("ask", stages: [Ask.self], resources: ["bird": Parrot()])
        #expect(try await ask.run("2 + 2").message.completion?.text == "2 + 2")
        let findings = await StageConformance.findings(of: Ask.self, resources: ["bird": Parrot()])
        #expect(findings == [])
    }
}
