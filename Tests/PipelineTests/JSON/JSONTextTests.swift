import TestRandom
import Testing

@testable import Pipeline

@Suite("A string as JSON has it")
struct JSONTextTests {
    /// Character by character, as RFC 8259 and ``JSONText`` say.
    private func quoted(_ text: String) -> String {
        let escaped = text.unicodeScalars.map { scalar -> String in
            switch scalar.value {
            case 0x22: return "\\\""
            case 0x5C: return "\\\\"
            case 0x0A: return "\\n"
            case 0x0D: return "\\r"
            case 0x09: return "\\t"
            case 0..<0x20, 0x7F...0x9F, 0x2028, 0x2029:
                let digits = String(scalar.value, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: return String(Character(scalar))
            }
        }
        return "\"" + escaped.joined() + "\""
    }

    @Test("has what must be escaped escaped, wherever it stands")
    func escapes() {
        var random = SplitMix(seed: 21)
        let scalars: [Unicode.Scalar] = [
            "a", "é", "\u{C2}", "\u{A0}", "\u{2027}", "\u{2028}", "\u{2029}", "\u{202A}", "\u{20AC}", "😀", "\"", "\\",
            "\n",
            "\r", "\t", "\0", "\u{1F}", "\u{7F}", "\u{80}", "\u{9F}",
        ]
        for round in 0..<600 {
            var text = String(repeating: "x", count: round % 7 == 0 ? Int.random(in: 0...400, using: &random) : 0)
            for _ in 0..<Int.random(in: 0...600, using: &random) {
                text.unicodeScalars.append(scalars.randomElement(using: &random) ?? "a")
            }
            #expect(JSONText.quoted(text) == quoted(text))
        }
        #expect(JSONText.quoted("") == "\"\"")
    }
}
