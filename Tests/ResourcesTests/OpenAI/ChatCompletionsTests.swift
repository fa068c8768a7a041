import Foundation
import Pipeline
import Testing

@testable import Resources

@Suite("Calls of an API for chat completions, and its answers")
struct ChatCompletionsTests {
    private func answer(_ text: String) throws -> Completion { try ChatResponse.completion(from: Array(text.utf8)) }

    private func sent(_ options: CompletionRequest.Options? = nil, isStreamed: Bool = false) throws -> JSONValue {
        var request = CompletionRequest(
            model: "a \"model\"", turns: [.init(.system, "Be brief."), .init(.user, "1\n2 é")], timeout: .seconds(1))
        request.options = options
        let bytes = ChatRequest(request, isStreamed: isStreamed).json
        return try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
    }

    @Test("a call has the model and the turns, and nothing that nobody asked for")
    func plainCall() throws {
        let turns: [JSONValue] = [
            .object(["role": .string("system"), "content": .string("Be brief.")]),
            .object(["role": .string("user"), "content": .string("1\n2 é")]),
        ]
        #expect(try sent() == .object(["model": .string("a \"model\""), "messages": .array(turns)]))
    }

    @Test("keys of 'extra' win over the stage's own, and null takes one away")
    func furtherKeys() throws {
        let options = CompletionRequest.Options(
            temperature: 0.5, maxTokens: 7, stop: ["\n"], responseFormat: .object(["type": .string("json_object")]),
            extra: [
                "seed": .int(1), "model": .string("another"), "temperature": .int(2), "stream_options": .null,
                "top_k": .null,
            ])
        guard case .object(let members) = try sent(options, isStreamed: true) else {
            Issue.record("no object")
            return
        }
        #expect(
            Set(members.keys) == [
                "model", "messages", "temperature", "max_tokens", "stop", "response_format", "stream", "seed",
            ])
        #expect(members["model"] == .string("another"))
        #expect(members["temperature"] == .int(2))
        #expect(members["max_tokens"] == .int(7))
        #expect(members["stop"] == .array([.string("\n")]))
        #expect(members["stream"] == .bool(true))
        #expect(members["seed"] == .int(1))
        #expect(try sent(isStreamed: true) != sent())
    }

    @Test("what is written is sent in the order in which it was written")
    func order() throws {
        let text = "{type: json_schema, json_schema: {z: {reasoning: 1, answer: 2}, a: [{y: 1, b: null}]}}"
        let source = SourceFile(path: "x.yaml", text: text)
        var reader = SettingReader(source: source)
        let format = try JSONSetting.read(#require(YAMLReader.read(source, into: &reader.diagnostics)), with: &reader)
        var request = CompletionRequest(model: "m", turns: [], timeout: .seconds(1))
        request.options = CompletionRequest.Options(
            temperature: nil, maxTokens: nil, stop: [], responseFormat: format,
            extra: [("zeta", JSONSetting(.int(1))), ("alpha", JSONSetting(.int(2)))])
        #expect(
            String(decoding: ChatRequest(request).json, as: UTF8.self)
                == #"{"model":"m","messages":[],"response_format":{"type":"json_schema","json_schema":"#
                + #"{"z":{"reasoning":1,"answer":2},"a":[{"y":1,"b":null}]}},"zeta":1,"alpha":2}"#)
    }

    @Test("an answer's text and tokens are read, its JSON kept as it came")
    func plainAnswer() throws {
        let text = #"{"choices": [{"message": {"content": "4"}}, {"message": {}}], "usage": {"total_tokens": 20}}"#
        let completion = try answer(text)
        #expect(completion.text == "4")
        #expect(completion.tokensUsed == 20)
        #expect(completion.response == text)
    }

    @Test(
        "a count that can't be read is no count",
        arguments: [
            #""many""#, "null", "[]", #"{"total_tokens": "20"}"#, #"{"total_tokens": 1.5}"#, "{}", #"{"a": 1e400}"#,
        ])
    func unreadableCount(usage: String) throws {
        let completion = try answer(#"{"usage": \#(usage), "choices": [{"message": {"content": "4"}}]}"#)
        #expect(completion.text == "4")
        #expect(completion.tokensUsed == nil)
    }

    @Test("what nobody reads may hold anything that looks like JSON")
    func unreadParts() throws {
        let completion = try answer(
            #"{"a": 1e400, "b": "\ud83d", "c": [[{}], -1.5, true], "choices": [{"logprobs": {"t": "\ud83d \""}, "#
                + #""message": {"tool_calls": null, "content": "4"}}]}"#)
        #expect(completion.text == "4")
    }

    @Test(
        "an answer that is none says why",
        arguments: [
            ("", "the JSON it should be"), ("[]", "an object is missing"), ("{}", "'choices' is missing"),
            (#"{"choices": 1}"#, "a list is missing"), (#"{"choices": []}"#, "no choices"),
            (#"{"choices": [{}]}"#, "'message' is missing"),
            (#"{"choices": [{"message": {"content": null}}]}"#, "no text"),
            (#"{"choices": [{"message": {}}]}"#, "no text"),
            (#"{"choices": [{"message": {"content": 4}}]}"#, "a string is missing"),
            (#"{"choices": [{"message": {"content": "4"}}]"#, "a comma is missing"),
            (#"{"choices": [{"message": {"content": "4"}}]} x"#, "something follows"),
            (#"{"x": "\"#, "an escape is unknown"), (#"{"x": "a"#, "does not end"),
            (#"{"x": -}"#, "a value is missing"),
            (String(repeating: #"{"a":"#, count: 10_000), "too much is nested"),
        ])
    func noAnswer(text: String, reason: String) {
        let error = #expect(throws: PipelineError.self) { try answer(text) }
        #expect(error?.code == .modelBadResponse)
        #expect(error?.detail?.contains(reason) == true, "\(error?.detail ?? "")")
    }

    @Test(
        "an error that comes as an answer is said, without what is secret",
        arguments: [
            #"{"error": {"message": "no sk-1 here"}}"#, #"{"error": "no sk-1 here"}"#, #"{"message": "no sk-1 here"}"#,
            #"{"detail": "no sk-1 here"}"#,
        ])
    func errorAsAnswer(text: String) {
        let error = #expect(throws: PipelineError.self) {
            try ChatResponse.completion(from: Array(text.utf8), hiding: ReportedReason(hiding: [Secret("sk-1")]))
        }
        #expect(error?.code == .modelUnavailable)
        #expect(error?.detail?.contains("no ") == true && error?.detail?.contains("sk-1") == false)
    }

    @Test("an answer has a limit, however it comes")
    func longAnswer() throws {
        var answer = StreamedAnswer()
        let piece = Array(#"{"choices": [{"delta": {"content": "\#(String(repeating: "x", count: 1 << 19))"}}]}"#.utf8)
        _ = try answer.add(piece)
        _ = try answer.add(piece)
        #expect(throws: PipelineError.self) { try answer.add(piece) }
    }

    @Test("an answer without a text is none, whole or in pieces; an empty one is")
    func noText() throws {
        let call = #"{"tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}"#
        let ends = [(call, nil), (#"{"content": null}"#, nil), (#"{"content": ""}"#, ""), (#"{"content": "4"}"#, "4")]
        for (message, text) in ends {
            let whole = Array(#"{"choices": [{"message": \#(message), "finish_reason": "stop"}]}"#.utf8)
            #expect((try? ChatResponse.completion(from: whole))?.text == text)
            var answer = StreamedAnswer()
            _ = try answer.add(Array(#"{"choices": [{"delta": \#(message), "finish_reason": "stop"}]}"#.utf8))
            #expect((try? answer.completion())?.text == text)
        }
    }

    @Test("pieces make up the answer that the API would have sent whole")
    func pieces() throws {
        var answer = StreamedAnswer()
        let events = [
            #"{"id": 7, "created": 1.7e9, "model": "m", "x": 1e999, "choices": [{"delta": {"role": "assistant"}}]}"#,
            #"{"choices": [{"delta": {"content": "a\"b"}, "finish_reason": null}], "usage": null, "error": null}"#,
            #"{"choices": [{"delta": null, "finish_reason": "stop"}, {"delta": {"content": "second"}}]}"#,
            #"{"choices": [], "usage": {"total_tokens": 3}}"#, #"{"choices": null}"#, "[DONE]",
        ]
        #expect(try events.map { try answer.add(Array($0.utf8)) } == ["", "a\"b", "", "", "", ""])
        #expect(answer.isOver)
        let completion = try answer.completion()
        #expect(completion.text == "a\"b")
        #expect(completion.tokensUsed == 3)
        let whole = try ChatResponse.completion(from: Array((completion.response ?? "").utf8))
        #expect(whole.text == "a\"b")
        #expect(whole.tokensUsed == 3)
        #expect(completion.response?.contains(#""id":7,"created":1700000000,"model":"m""#) == true)
    }

    @Test(
        "an event that is none, or an error, ends the stream",
        arguments: [
            ("nonsense", PipelineError.Code.modelBadResponse, "is missing"),
            (#"{"choices": [{"delta": {"content": 4}}]}"#, .modelBadResponse, "a string is missing"),
            (#"{"choices": {}}"#, .modelBadResponse, "a list is missing"),
            (#"{"error": {"message": "overloaded"}}"#, .modelUnavailable, "overloaded"),
            (#"{"error": "overloaded"}"#, .modelUnavailable, "overloaded"),
            (#"{"error": {"code": 500}}"#, .modelUnavailable, "with an error"),
        ])
    func badEvents(event: String, code: PipelineError.Code, reason: String) {
        var answer = StreamedAnswer()
        let error = #expect(throws: PipelineError.self) { try answer.add(Array(event.utf8)) }
        #expect(error?.code == code)
        #expect(error?.detail?.contains(reason) == true, "\(error?.detail ?? "")")
    }
}
