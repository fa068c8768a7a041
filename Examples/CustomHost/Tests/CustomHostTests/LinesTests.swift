import Host
import Pipeline
import PipelineTesting
import Testing

@testable import CustomHost

@Suite("lines")
struct LinesTests {
    @Test("reads a request's lines")
    func request() throws {
        let request = try Lines().request(in: "user: ada\ntopic: sums\nid:7\r\nask: What is 2+2?\n")
        #expect(request.prompt == "What is 2+2?")
        #expect(request.username == "ada")
        #expect(request.id == "7")
        #expect(request.metadata == ["topic": .string("sums")])
    }

    @Test("refuses a line without a name")
    func refusal() {
        let error = #expect(throws: PipelineError.self) { try Lines().request(in: "hello") }
        #expect(error?.code == .invalidMessage)
    }

    @Test("writes answers and errors as lines")
    func answers() {
        #expect(Lines().text(of: .answer("one\ntwo", tokensUsed: 2)) == "answer: one\n  two\ntokens: 2\n")
        #expect(Lines().text(of: .failure(code: "busy", message: "Later")) == "error: busy Later\n")
    }

    @Test("keeps to the rules of stages")
    func rules() async {
        let findings = await StageConformance.findings(of: Lines.self)
        #expect(findings == [])
    }

    @Test("its path is checked as that of 'receive'")
    func path() {
        #expect(throws: TestProblem.self) { try StageTest("lines: {path: /healthz}", stages: [Lines.self]) }
    }
}
