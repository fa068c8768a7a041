import Pipeline
import Testing

@testable import Stages

@Suite("The contract of a program")
struct AnswerContractTests {
    private func answer(_ text: String) throws -> ProgramAnswer {
        var text = text
        return try text.withUTF8 { try ProgramAnswer(UnsafeRawBufferPointer($0)) }
    }

    private func apply(_ text: String, after pieces: String? = nil, writes: [FieldPath], to message: inout Message)
        throws
    {
        try AnswerContract(writes: writes).apply(try answer(text), after: pieces, to: &message)
    }

    @Test("an answer sets what its stage writes")
    func sets() throws {
        var message = Message(prompt: "hello")
        try apply(
            #"{"id":1,"fields":{"prompt":"a","completion":"b","mood":{"x":1}}}"#,
            writes: [.prompt, .completion, FieldPath("mood")], to: &message)
        #expect(message.prompt == "a")
        #expect(message.completion?.text == "b")
        #expect(message[Field("mood")] == .object(["x": .int(1)]))
    }

    @Test("a completion that is rewritten keeps its tokens and the model's response")
    func rewrites() throws {
        var message = Message(prompt: "hello")
        message.completion = Completion(text: "a", tokensUsed: 7, response: "{}")
        try apply(#"{"id":1,"fields":{"completion":"b"}}"#, writes: [.completion], to: &message)
        #expect(message.completion == Completion(text: "b", tokensUsed: 7, response: "{}"))
    }

    @Test("an answer that is made has its tokens, its end and, as its response, the metadata that the program gives")
    func makes() throws {
        var message = Message(prompt: "hello", metadata: ["theirs": .int(1)])
        try apply(
            #"{"id":1,"fields":{"tokens_used":7,"finish_reason":"stop","metadata.x":[1],"completion":"b"}}"#,
            writes: [.tokensUsed, .finishReason, .metadata("x"), .completion], to: &message)
        #expect(
            message.completion
                == Completion(text: "b", tokensUsed: 7, response: #"{"x":[1]}"#, finishReason: "stop"))
        #expect(message.metadata == ["theirs": .int(1), "x": .array([.int(1)])])
    }

    @Test("an answer in pieces is all of them, unless the end has another")
    func pieces() throws {
        var message = Message(prompt: "hello")
        try apply(#"{"id":1,"fields":{}}"#, after: "a b", writes: [.completion], to: &message)
        #expect(message.completion?.text == "a b")
        try apply(#"{"id":1,"fields":{"completion":"c"}}"#, after: "a b", writes: [.completion], to: &message)
        #expect(message.completion?.text == "c")
        #expect(throws: PipelineError.self) {
            var message = Message(prompt: "hello")
            try apply(#"{"id":1,"fields":{}}"#, after: "", writes: [.completion], to: &message)
        }
    }

    @Test("a program may set what was said before")
    func history() throws {
        var message = Message(prompt: "hello")
        try apply(
            #"{"id":1,"fields":{"history":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}}"#,
            writes: [.history], to: &message)
        #expect(message.history == [.init(.user, "a"), .init(.assistant, "b")])
    }

    @Test("what is null or left out stays as it is")
    func leavesOut() throws {
        var message = Message(prompt: "hello")
        try apply(#"{"id":1,"fields":{"prompt":null}}"#, writes: [.prompt], to: &message)
        #expect(message.prompt == "hello")
    }

    @Test(
        "an answer that breaks the contract changes nothing",
        arguments: [
            #"{"id":1}"#, #"{"id":1,"fields":[]}"#, #"{"id":1,"fields":{"prompt":7,"completion":"x"}}"#,
            #"{"id":1,"fields":{"completion":"x","other":1}}"#, #"{"id":1,"fields":{"prompt":"x"}}"#,
            #"{"id":1,"error":{}}"#, #"{"id":1,"error":"no"}"#, #"{"id":1,"error":{"message":""}}"#,
            #"{"id":1,"error":{"message":"x","code":"Not Snake"}}"#,
        ])
    func refuses(text: String) throws {
        var message = Message(prompt: "hello")
        let error = #expect(throws: PipelineError.self) {
            try apply(text, writes: [.prompt, .completion], to: &message)
        }
        #expect(error?.code == .stageFailed)
        #expect(error?.message == "The message could not be processed")
        #expect(error?.detail?.hasPrefix("the program broke its contract: ") == true)
        #expect(message.prompt == "hello" && message.completion == nil)
    }

    @Test(
        "a piece ends nothing, unless fields or an error come with it",
        arguments: [
            (#"{"id":1,"delta":"x"}"#, false), (#"{"id":1,"delta":"x","fields":null,"error":null}"#, false),
            (#"{"id":1,"delta":"x","fields":{}}"#, true), (#"{"id":1,"delta":"x","error":{}}"#, true),
            (#"{"id":1,"delta":null}"#, true), (#"{"id":1,"fields":null}"#, true),
        ])
    func ends(text: String, isEnd: Bool) throws {
        #expect(try answer(text).isEnd == isEnd)
    }

    @Test("an error says what the client is told")
    func errors() throws {
        var message = Message(prompt: "hello")
        let error = #expect(throws: PipelineError.self) {
            try apply(
                #"{"id":1,"error":{"message":"Too rude","code":"rude","retryable":true}}"#, writes: [], to: &message)
        }
        #expect(error == PipelineError(PipelineError.Code("rude"), "Too rude", isRetryable: true))
    }

    @Test(
        "a line without a number answers nothing", arguments: ["[]", "7", #"{"fields":{}}"#, #"{"id":"1"}"#, "hello"])
    func noAnswer(text: String) {
        #expect(throws: ProgramAnswer.Problem.self) { try answer(text) }
    }
}
