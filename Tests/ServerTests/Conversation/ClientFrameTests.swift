import Pipeline
import Testing

@testable import Server

@Suite("Frames of clients in JSON format")
struct ClientFrameTests {
    private func refusal(_ frame: String) -> ClientFrame.Refusal? {
        #expect(throws: ClientFrame.Refusal.self) { try ClientFrame.read(frame) }
    }

    @Test("a prompt comes with what the client says beside it")
    func prompt() throws {
        let frame = #"{"prompt": "1\n2", "id": "c-1", "username": null, "metadata": {"a": [1, 1.5]}, "other": {}}"#
        guard case .prompt(let prompt) = try ClientFrame.read(frame) else {
            Issue.record("no prompt")
            return
        }
        #expect(prompt.prompt == "1\n2")
        #expect(prompt.id == "c-1")
        #expect(prompt.username == nil)
        #expect(prompt.metadata == ["a": .array([.int(1), .double(1.5)])])
    }

    @Test("what nobody asked for may be what can't be read", arguments: [#""\ud83d""#, "1e400", #"{"\ud83d": {}}"#])
    func unknownKeys(value: String) throws {
        guard case .prompt(let prompt) = try ClientFrame.read(#"{"n": \#(value), "prompt": "x", "id": "c"}"#)
        else {
            Issue.record("no prompt")
            return
        }
        #expect(prompt.prompt == "x")
        #expect(ClientFrame.id(of: #"{"prompt": \#(value), "id": "c"}"#) == "c")
        #expect(PresentedToken.find(in: #"{"type": "auth", "n": \#(value), "token": "t"}"#) == "t")
    }

    @Test("a cancel names its message; another type is a prompt's own matter")
    func cancel() throws {
        guard case .cancel("c-1") = try ClientFrame.read(#"{"type": "cancel", "id": "c-1"}"#) else {
            Issue.record("no cancel")
            return
        }
        for type in [#""prompt""#, "1", "null"] {
            guard case .prompt = try ClientFrame.read(#"{"type": \#(type), "prompt": "x"}"#) else {
                Issue.record("no prompt with type \(type)")
                continue
            }
        }
    }

    @Test(
        "what is no JSON is refused as that",
        arguments: ["", "{", "hello", #"{"prompt": "a", }"#, #"{"prompt": "\ud800"}"#, #"{"prompt": "a"} b"#])
    func noJSON(frame: String) {
        let refusal = refusal(frame)
        #expect(refusal?.error.code == .invalidJSON)
        #expect(refusal?.id == nil)
    }

    @Test(
        "what is no message is refused with the reason, and the client's id where it has one",
        arguments: [
            ("[]", "The message is not a JSON object", nil), ("4", "The message is not a JSON object", nil),
            (#"{"id": "c"}"#, "The message has no 'prompt'", "c"),
            (#"{"prompt": 1, "id": "c"}"#, "'prompt' of the message has the wrong type", "c"),
            (#"{"prompt": null}"#, "'prompt' of the message has the wrong type", nil),
            (#"{"prompt": "a", "id": 1}"#, "'id' of the message has the wrong type", nil),
            (#"{"prompt": "a", "username": []}"#, "'username' of the message has the wrong type", nil),
            (
                #"{"prompt": "a", "id": "c", "username": ""}"#, "'username' of the message must have \(UserName.rule)",
                "c"
            ),
            (#"{"prompt": "a", "username": "\u2028b"}"#, "'username' of the message must have \(UserName.rule)", nil),
            (#"{"prompt": "a", "id": "c", "metadata": "x"}"#, "'metadata' of the message has the wrong type", "c"),
            (#"{"type": "cancel"}"#, "The message has no 'id'", nil),
            (#"{"type": "cancel", "id": 4}"#, "'id' of the message has the wrong type", nil),
        ] as [(String, String, String?)])
    func noMessage(frame: String, reason: String, id: String?) {
        let refusal = refusal(frame)
        #expect(refusal?.error.code == .invalidMessage)
        #expect(refusal?.error.message == reason)
        #expect(refusal?.id == id)
    }

    @Test("metadata may be nested as deep as Foundation reads it, and no deeper")
    func nesting() throws {
        func frame(_ depth: Int) -> String {
            let nested = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            return #"{"prompt": "a", "metadata": {"a": \#(nested)}}"#
        }
        _ = try ClientFrame.read(frame(510))
        #expect(refusal(frame(511))?.error.code == .invalidJSON)
    }
}
