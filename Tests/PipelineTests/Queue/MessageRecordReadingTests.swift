import TestRandom
import Testing

@testable import Pipeline

@Suite("A record that is read in one pass")
struct MessageRecordReadingTests {
    /// As it was read before: into a value, and that into a record.
    private func readTwice(_ bytes: [UInt8]) -> Message.Record? {
        let value = bytes.withUnsafeBytes { try? JSONReader.value(of: $0, deepest: JSONReader.deepest + 8) }
        return value.flatMap(Message.Record.init(json:))
    }

    private func read(_ bytes: [UInt8]) -> Message.Record? { bytes.withUnsafeBytes { Message.Record(reading: $0) } }

    private static let keys = [
        "id", "received_at", "session", "username", "user_id", "client_id", "prompt", "completion", "tokens_used",
        "response", "metadata", "fields", "trace", "later", "",
    ]

    private static let values = [
        #""text""#, #""a \"b\" \\ \u00e9 \ud83d\ude00 \n""#, #""""#, "1", "-7", "5.0", "1.5", "1e999",
        "9223372036854775808",
        "null", "true", "{}", #"{"a":[1,null,{"b":"c"}],"a":2}"#, #"{"x":"1","y":2,"z":null}"#, "[]", #""\ud800""#,
        "nul",
        #""open"#, "01", "\"\u{1}\"",
    ]

    private func nested(_ depth: Int) -> String {
        String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }

    @Test("is what two passes make of it, good or bad, member by member")
    func members() {
        let good = [
            "id": #""0197c2d4-4e7a-7cc1-a2c5-1f0a4be52e6d""#, "received_at": "12", "session": #""s""#,
            "username": #""u""#, "prompt": #""p""#,
        ]
        var random = SplitMix(seed: 24)
        var (read, refused) = (0, 0)
        for _ in 0..<rounds(20_000, usually: 4_000) {
            var members = good.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
            if Int.random(in: 0..<4, using: &random) == 0 {
                members.remove(at: Int.random(in: 0..<members.count, using: &random))
            }
            for _ in 0..<Int.random(in: 0..<4, using: &random) {
                let key = Self.keys.randomElement(using: &random) ?? ""
                // Most are such as a message has.
                let all = Bool.random(using: &random) ? Self.values[...] : Self.values[..<3]
                let value = all.randomElement(using: &random) ?? ""
                members.insert((key, value), at: Int.random(in: 0...members.count, using: &random))
            }
            let space = ["", " ", "\n\t "].randomElement(using: &random) ?? ""
            var text = "{" + members.map { "\"\($0)\"\(space):\(space)\($1)" }.joined(separator: space + ",") + "}"
            switch Int.random(in: 0..<12, using: &random) {
            case 0: text = "\u{FEFF}" + text
            case 1: text += space + "x"
            case 2: text = String(text.dropLast())
            case 3: text = "[" + text + "]"
            default: break
            }
            var bytes = Array(text.utf8)
            if Int.random(in: 0..<8, using: &random) == 0 {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
            }
            let expected = readTwice(bytes)
            #expect(self.read(bytes) == expected, "\(String(decoding: bytes, as: UTF8.self))")
            if expected == nil { refused += 1 } else { read += 1 }
        }
        #expect(read > 500 && refused > 500)
    }

    @Test(
        "may be nested as deep as before, in members that are known and that are not", arguments: ["metadata", "later"])
    func depth(_ key: String) {
        for depth in [1, 511, 518, 519, 520, 521] {
            let text =
                #"{"id":"a","received_at":1,"session":"s","username":"u","prompt":"p","# + "\"\(key)\":"
                + "{\"a\":\(nested(depth))}}"
            let bytes = Array(text.utf8)
            #expect((read(bytes) == nil) == (readTwice(bytes) == nil), "\(depth)")
        }
    }

    @Test("is what was written")
    func written() throws {
        var message = Message(
            prompt: "\u{0}\"\\\n\u{7f}\u{85}\u{2028}é👩‍👩‍👧", session: Session(id: "s", username: "u"), clientID: "c",
            metadata: ["a": .array([.int(1), .null]), "b": .double(0.5)])
        message.completion = Completion(text: "t", tokensUsed: 3, response: #"{"x":"y"}"#)
        message[Field("mood")] = .string("good")
        let record = Message.Record(message)
        #expect(read(record.jsonBytes) == record)
        #expect(read([]) == nil && read(Array("7".utf8)) == nil)
    }
}
