import Foundation
import TestRandom
import Testing

@testable import Pipeline

@Suite("Reading JSON")
struct JSONReaderTests {
    private func read(_ text: String) throws -> JSONValue {
        var text = text
        return try text.withUTF8 { try JSONReader.value(of: UnsafeRawBufferPointer($0)) }
    }

    @Test(
        "values of every kind",
        arguments: [
            ("null", JSONValue.null), (" true ", .bool(true)), ("false", .bool(false)), ("0", .int(0)),
            ("-12", .int(-12)), ("5.0", .int(5)), ("-0.0", .int(0)), ("1e2", .int(100)),
            ("1.5", .double(1.5)), ("-0", .int(0)), ("2e-1", .double(0.2)), ("\u{FEFF}1", .int(1)),
            ("9223372036854775807", .int(.max)),
            ("9223372036854775808", .double(9_223_372_036_854_775_808)), ("\"\"", .string("")),
            ("\"é€😀\"", .string("é€😀")),
            (#""a\"\\\/\b\f\n\r\tA""#, .string("a\"\\/\u{8}\u{C}\n\r\tA")), (#""\ud83d\ude00\u20ac""#, .string("😀€")),
            ("[]", .array([])), ("[1, [2]]", .array([.int(1), .array([.int(2)])])), ("{}", .object([:])),
            (#"{"a" : {"b": [null]}, "a": 2}"#, .object(["a": .object(["b": .array([.null])])])),
        ])
    func values(text: String, expected: JSONValue) throws {
        #expect(try read(text) == expected)
    }

    @Test(
        "what is no JSON is refused",
        arguments: [
            "", " ", "nul", "tru", "01", "-", "1.", ".5", "1e", "+1", "1e999", "NaN", "\"", "\"\n\"", #""\x""#,
            #""\u12""#,
            #""\ud800""#, #""\ud800\u0041""#, #""\udc00""#, "[", "[1", "[1,]", "[,1]", "{", "{1:2}", #"{"a"}"#,
            #"{"a":}"#,
            #"{"a":1,}"#, "1 2", "[]]", "'a'", "1\u{FEFF}",
            String(repeating: "[", count: 513) + String(repeating: "]", count: 513),
        ])
    func refusals(text: String) {
        #expect(throws: JSONReader.Problem.self) { try read(text) }
    }

    @Test("text that is not UTF-8 is refused", arguments: [[0x22, 0xC3, 0x28, 0x22], [0x22, 0x5C, 0x6E, 0xE9, 0x22]])
    func invalidText(bytes: [UInt8]) {
        #expect(throws: JSONReader.Problem.self) { try bytes.withUnsafeBytes { try JSONReader.value(of: $0) } }
    }

    @Test("keys that are known are found however they are written, and no others")
    func keys() throws {
        var found: [String] = []
        let text = #"{"id": 1, "i\u0064": 2, "ids": 3, "i": 4, "é": 5, "": 6, "iĭ": 7, "\u00e9": 8}"#
        try JSONReader.read(Array(text.utf8)) { (reader) throws(JSONReader.Problem) in
            try reader.members { (reader, key) throws(JSONReader.Problem) in
                let value = try reader.value()
                switch key {
                case "id": found.append("id \(value.json)")
                case "é": found.append("é \(value.json)")
                case "": found.append("empty \(value.json)")
                default: break
                }
            }
        }
        #expect(found == ["id 1", "id 2", "é 5", "empty 6", "é 8"])
        for text in [#"{"i"#, #"{"i\x":1}"#, "{\"i\n\":1}", #"{"id" 1}"#, "{id:1}"] {
            #expect(throws: JSONReader.Problem.self) {
                try JSONReader.read(Array(text.utf8)) { (reader) throws(JSONReader.Problem) in
                    try reader.members { (reader, _) throws(JSONReader.Problem) in try reader.skip() }
                }
            }
        }
    }

    private func skip(_ bytes: [UInt8]) throws {
        try JSONReader.read(bytes) { (reader) throws(JSONReader.Problem) in try reader.skip() }
    }

    @Test(
        "what is passed over may hold what can't be read",
        arguments: [#"{"\ud83d": ["\udc00", 1e999, {}, [], true, -0.5]}"#, #""\u12\"""#, "null", " 1 "])
    func skipping(text: String) throws {
        try skip(Array(text.utf8))
        try skip([0x22, 0xE9, 0x22])
    }

    @Test(
        "what is passed over is JSON all the same",
        arguments: [
            "", "{", "[1", #"{"a"}"#, #"{a:1}"#, #""a"#, #""\x""#, "\"\n\"", "tru", "nul", "01", "-", "1 2", #""\"#,
        ])
    func skippingNoJSON(text: String) {
        #expect(throws: JSONReader.Problem.self) { try skip(Array(text.utf8)) }
    }

    @Test("nesting is counted, and not what comes one after the other", arguments: ["[", #"{"a":"#])
    func nesting(opening: String) throws {
        func nested(_ depth: Int) -> [UInt8] {
            let closing = opening == "[" ? "]" : "}"
            let inner = opening == "[" ? "" : "1"
            return Array(
                (String(repeating: opening, count: depth) + inner + String(repeating: closing, count: depth)).utf8)
        }
        try skip(nested(512))
        #expect(throws: JSONReader.Problem.self) { try skip(nested(513)) }
        _ = try read("[" + Array(repeating: "[]", count: 1_000).joined(separator: ",") + "]")
    }

    @Test("only those members are read that are wanted, and of two with one key the first")
    func members() throws {
        func members(_ text: String) throws -> [String: JSONValue]? {
            try JSONReader.members(["a", "b"], of: Array(text.utf8))
        }
        #expect(try members(#"{"a": 1, "c": 1e999, "a": 2, "b": null}"#) == ["a": .int(1), "b": .null])
        #expect(try members("[1]") == nil)
        #expect(throws: JSONReader.Problem.self) { try members(#"{"a": 1e999}"#) }
    }

    @Test("control characters and line separators are escaped, their neighbours are not")
    func escapes() {
        let text = "\u{1F} \u{7F}\u{80}\u{9F}\u{A0}\u{2027}\u{2028}\u{2029}\u{202A}é€😀"
        let expected = #""\u001f \u007f\u0080\u009f"# + "\u{A0}\u{2027}" + #"\u2028\u2029"# + "\u{202A}é€😀\""
        #expect(Array(JSONText.quoted(text).utf8) == Array(expected.utf8))
    }

    @Test("what the engine writes, Foundation and this read alike", arguments: 0..<20 as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        for _ in 0..<50 {
            let value = JSONValue.random(&random, depth: 4)
            let text = value.json
            #expect(try read(text) == value)
            #expect(try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)) == value)
        }
    }
}

extension JSONValue {
    fileprivate static func random(_ random: inout SplitMix, depth: Int) -> JSONValue {
        switch random.next() % (depth > 0 ? 7 : 5) {
        case 0: return .null
        case 1: return .bool(random.next() % 2 == 0)
        case 2: return .int(Int(truncatingIfNeeded: random.next()))
        case 3: return .double(Double(random.next() % 1_000_000) / 7 + 0.5)
        case 4: return .string(text(&random))
        case 5: return .array((0..<random.next() % 4).map { _ in .random(&random, depth: depth - 1) })
        default:
            let members = (0..<random.next() % 4).map { _ in
                (text(&random), JSONValue.random(&random, depth: depth - 1))
            }
            return .object(Dictionary(members) { first, _ in first })
        }
    }

    private static func text(_ random: inout SplitMix) -> String {
        let scalars: [Unicode.Scalar] = (0..<random.next() % 12).map { _ in
            Unicode.Scalar(UInt32(random.next() % 0x11_0000)) ?? "\u{0}"
        }
        var text = ""
        text.unicodeScalars.append(contentsOf: scalars)
        return text
    }
}
