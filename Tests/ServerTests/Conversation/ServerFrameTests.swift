import Foundation
import Pipeline
import Testing

@testable import Server

@Suite("Frames to the client")
struct ServerFrameTests {
    private func parsed(_ frame: ServerFrame, sequence: Int = 7) throws -> [String: JSONValue] {
        let text = frame.text(sequence: sequence)
        return try JSONDecoder().decode([String: JSONValue].self, from: Data(text.utf8))
    }

    @Test("a response has what the contract says, in its order")
    func response() {
        var message = Message(prompt: "2+2", session: Session(id: "s"), clientID: "c-1")
        message.completion = Completion(text: "4", tokensUsed: 42)
        let text = ServerFrame.response(to: message, in: .json).text(sequence: 2)
        #expect(
            text == """
                {"type":"response","id":"c-1","message_id":"\(message.id)","session_id":"s","response":"4",\
                "tokens_used":42,"seq":2}
                """)
        #expect(ServerFrame.response(to: message, in: .text).text(sequence: 2) == "4")
    }

    @Test("an id that the client did not give is left out, tokens nobody counted are null")
    func absent() throws {
        var message = Message(prompt: "2+2")
        message.completion = Completion(text: "4")
        let frame = try parsed(.response(to: message, in: .json))
        #expect(frame["id"] == nil)
        #expect(frame["tokens_used"] == .null)
    }

    @Test("an error says its code, text, stage and whether to try again")
    func error() throws {
        let frame = try parsed(.error(.modelKeyMissing, clientID: "c", in: .json), sequence: 3)
        #expect(
            frame == [
                "type": .string("error"), "id": .string("c"), "seq": .int(3),
                "error": .object([
                    "code": .string("model_key_missing"), "message": .string("OpenAI client not initialized"),
                    "retryable": .bool(false),
                ]),
            ])
    }

    @Test("any number stands at the end", arguments: [0, 9, 10, 123_456, .max, -7, .min])
    func number(sequence: Int) {
        let error = PipelineError(.stageFailed, "é 日本")
        let (frame, text) = (ServerFrame.error(error, clientID: nil, in: .json), "\"é 日本\",\"retryable\":false},")
        #expect(frame.text(sequence: sequence).hasSuffix("\(text)\"seq\":\(sequence)}"))
        #expect(ServerFrame(shared: frame.shared)?.text(sequence: sequence) == frame.text(sequence: sequence))
        #expect(ServerFrame.error(error, clientID: nil, in: .text).text(sequence: sequence) == "é 日本")
    }

    @Test("text format has no greeting")
    func greeting() throws {
        #expect(ServerFrame.session(id: "s", in: .text) == nil)
        let greeting = try #require(ServerFrame.session(id: "s", in: .json))
        #expect(try parsed(greeting, sequence: 1)["session_id"] == .string("s"))
    }

    @Test(
        "any text survives the way through JSON",
        arguments: [
            "", "plain", "\"quoted\"", "back\\slash", "line\nfeed\r\ttab", "\u{0}\u{1F}\u{7F}\u{9F}", "é 日本 \u{1F600}",
            "</script>", "\u{2028}\u{2029}", "e\u{301}",
        ])
    func escaping(text: String) throws {
        let json = "[\(JSONText.quoted(text))]"
        #expect(
            try JSONDecoder().decode([String].self, from: Data(json.utf8)).map { Array($0.utf8) } == [Array(text.utf8)])
        #expect(!json.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F })
    }
}
