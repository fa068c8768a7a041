import Pipeline
import Testing

@testable import Resources

@Suite("What a process has put into a stream in NATS itself")
struct OwnMessagesTests {
    private func message(_ prompt: String, id: UniqueID = .random()) -> Message {
        Message(
            id: id, receivedAt: Timestamp(microseconds: 1), session: Session(id: "s", address: "127.0.0.1"),
            clientID: "c", prompt: prompt, metadata: ["a": .array([.int(1), .null])])
    }

    private func payload(_ message: Message) -> [UInt8] { Message.Record(message).jsonBytes }

    private func taken(_ bytes: [UInt8], from own: inout OwnMessages) -> KeptMessage? {
        bytes.withUnsafeBytes { own.take($0) }
    }

    @Test("is taken once, by the bytes that come back")
    func taken() throws {
        var own = OwnMessages()
        let message = message("a \"b\" \u{1F600}")
        own.insert(KeptMessage(try #require(message.detached)), as: payload(message))
        let found = taken(payload(message), from: &own)
        #expect(found.map { Message.Record($0.message) } == Message.Record(message))
        #expect(taken(payload(message), from: &own) == nil && own.count == 0)
    }

    @Test("is not taken for another message with its id")
    func others() throws {
        var own = OwnMessages()
        let message = message("a")
        own.insert(KeptMessage(message), as: payload(message))
        #expect(taken(payload(self.message("b", id: message.id)), from: &own) == nil)
        #expect(taken(payload(self.message("a")), from: &own) == nil)
        #expect(taken([], from: &own) == nil && taken(Array("{\"id\":\"no\"}".utf8), from: &own) == nil)
        #expect(taken(payload(message), from: &own) != nil)
    }

    @Test("is bounded by number and by bytes, and the oldest go first")
    func bounds() {
        var few = OwnMessages(limit: 3)
        let messages = (0..<5).map { message("\($0)") }
        for message in messages { few.insert(KeptMessage(message), as: payload(message)) }
        #expect(few.count == 3)
        #expect(taken(payload(messages[1]), from: &few) == nil && taken(payload(messages[4]), from: &few) != nil)

        var small = OwnMessages(maxBytes: 8_000)
        let large = (0..<9).map { message("\($0)" + String(repeating: "x", count: 700)) }
        for message in large { small.insert(KeptMessage(message), as: payload(message)) }
        #expect((2...5).contains(small.count) && taken(payload(large[8]), from: &small) != nil)
        let whole = message(String(repeating: "x", count: 9_000))
        small.insert(KeptMessage(whole), as: payload(whole))
        #expect(taken(payload(whole), from: &small) == nil)
    }

    @Test("leaves no trace of those that have come back or never will")
    func forgotten() {
        var own = OwnMessages(limit: 4)
        for number in 0..<100 {
            let message = message("\(number)")
            own.insert(KeptMessage(message), as: payload(message))
            if number % 2 == 0 { _ = taken(payload(message), from: &own) } else { own.remove(message.id) }
        }
        #expect(own.count == 0)
        let last = message("last")
        own.insert(KeptMessage(last), as: payload(last))
        #expect(taken(payload(last), from: &own) != nil)
    }

    @Test("is as its record gives it back, with no way back to its client")
    func detached() throws {
        var message = message("a")
        message.completion = Completion(text: "t", tokensUsed: 3, response: "{}", finishReason: "stop")
        message[Field("made")] = .string("x")
        let read = try #require(Message.Record(message).message)
        let detached = try #require(message.detached)
        #expect(Message.Record(detached) == Message.Record(read))
        #expect(detached.completion == read.completion && detached.session == read.session && detached.reply == nil)
    }
}
