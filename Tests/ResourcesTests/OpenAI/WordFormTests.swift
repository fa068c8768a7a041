import Pipeline
import Testing

@testable import Resources

@Suite("Words of which no more is read than what differs from those before them")
struct WordFormTests {
    private static let word =
        #"{"id":"c","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"one "},"finish_reason":null}],"#
        + #""usage":null}"#

    /// What an event comes to behind others, whether or not the last of these may stand for it.
    private func outcome(of event: [UInt8], after former: [String], knowsForm: Bool) -> [String] {
        var answer = StreamedAnswer()
        var said: [String] = []
        do {
            for event in former { _ = try answer.add(Array(event.utf8)) }
            if !knowsForm { answer.form = nil }
            said.append(try answer.add(event))
            said.append(try answer.add(Array(#"{"choices":[{"delta":{"content":"!"},"finish_reason":"stop"}]}"#.utf8)))
            let completion = try answer.completion()
            said += [completion.text, completion.response ?? "", "\(completion.tokensUsed ?? -1)"]
        } catch {
            said.append("\(error)")
        }
        return said
    }

    private func expectSame(_ event: [UInt8], after former: [String] = [word]) {
        let (fast, whole) = (
            outcome(of: event, after: former, knowsForm: true), outcome(of: event, after: former, knowsForm: false)
        )
        #expect(fast == whole, "\(String(decoding: event, as: UTF8.self))")
    }

    @Test(
        "the word of an event that is like the last is known without reading it as JSON", arguments: ["two", "", "é 👋"])
    func likeTheLast(word: String) throws {
        var answer = StreamedAnswer()
        _ = try answer.add(Array(Self.word.utf8))
        let form = try #require(answer.form)
        let event = Array(Self.word.replacing("one ", with: word).utf8)
        #expect(form.word(in: event) == word)
        #expect(try answer.add(event) == word)
        expectSame(event)
    }

    @Test(
        "of an event that differs in a byte all is read",
        arguments: Array("\"\\\u{1F},}{]x0n \u{7F}".utf8) + [0x80, 0xFF])
    func differsInAByte(byte: UInt8) {
        let event = Array(Self.word.utf8)
        for place in event.indices {
            expectSame(Array(event[..<place]) + [byte] + event[(place + 1)...])
            expectSame(Array(event[..<place]) + [byte] + event[place...])
            expectSame(Array(event[..<place]) + event[(place + 1)...])
        }
    }

    @Test(
        "an event that says more than a word stands for no other",
        arguments: [
            #"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
            #"{"choices":[{"delta":{"content":"a"}}],"usage":{"total_tokens":3}}"#,
            #"{"choices":[{"delta":{"content":["a"]}}]}"#, #"{"choices":[{"delta":{"content":null}}]}"#,
            #"{"choices":[{"delta":{"content":"a","reasoning":"b"}}]}"#,
            #"{"choices":[{"delta":{"content":"a"},"message":{"content":"b"}}]}"#,
            #"{"choices":[{"index":1,"delta":{"content":"a"}}]}"#,
        ])
    func moreThanAWord(event: String) throws {
        var answer = StreamedAnswer()
        _ = try answer.add(Array(event.utf8))
        #expect(answer.form == nil)
        for other in [event, event.replacing("\"a\"", with: "\"b\""), Self.word] {
            expectSame(Array(other.utf8), after: [event])
        }
    }

    @Test("half a character that is left over is not forgotten")
    func halves() {
        let half = Self.word.replacing("one ", with: #"\ud83d"#)
        for next in [Self.word, half, Self.word.replacing("one ", with: #"\udc4b"#)] {
            expectSame(Array(next.utf8), after: [Self.word, half])
        }
    }

    @Test("an event of more than a kilobyte is not kept")
    func long() throws {
        var answer = StreamedAnswer()
        _ = try answer.add(
            Array(Self.word.replacing("\"c\"", with: "\"" + String(repeating: "c", count: 1_000) + "\"").utf8))
        #expect(answer.form == nil)
    }
}
