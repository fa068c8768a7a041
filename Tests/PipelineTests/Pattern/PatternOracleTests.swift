import TestRandom
import Testing

@testable import Pipeline

/// Expressions made by chance, beside the plainest way to match them: by trying everything.
@Suite("Regular expressions beside an oracle")
struct PatternOracleTests {
    private struct Atom {
        let written: String
        /// A character that it takes; `nil` for what stands between characters.
        var takes: (@Sendable (Unicode.Scalar) -> Bool)?
        /// Whether it holds between two characters.
        var holds: @Sendable (Unicode.Scalar?, Unicode.Scalar?) -> Bool = { _, _ in true }
    }

    private struct Part {
        let atom: Atom
        var range: ClosedRange<Int> = 1...1
        var mark = ""
    }

    /// UTS #18, annex C.
    private static func isWord(_ scalar: Unicode.Scalar?) -> Bool {
        guard let properties = scalar?.properties else { return false }
        switch properties.generalCategory {
        case .decimalNumber, .connectorPunctuation, .nonspacingMark, .spacingMark, .enclosingMark: return true
        default: return properties.isAlphabetic || properties.isJoinControl
        }
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .decimalNumber
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter]
            .contains(scalar.properties.generalCategory)
    }

    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace }

    private static let atoms: [Atom] = [
        Atom(written: "a") { $0 == "a" }, Atom(written: "_") { $0 == "_" }, Atom(written: "l") { $0 == "l" },
        Atom(written: "ü") { $0 == "ü" }, Atom(written: "€") { $0 == "€" }, Atom(written: "٣") { $0 == "٣" },
        Atom(written: ".") { $0 != "\n" }, Atom(written: "(?s:.)") { _ in true },
        Atom(written: #"\w"#, takes: isWord), Atom(written: #"\W"#) { !isWord($0) },
        Atom(written: #"\d"#, takes: isDigit), Atom(written: #"\D"#) { !isDigit($0) },
        Atom(written: #"\s"#, takes: isSpace), Atom(written: #"\S"#) { !isSpace($0) },
        Atom(written: #"\pL"#, takes: isLetter), Atom(written: #"\P{L}"#) { !isLetter($0) },
        Atom(written: #"\p{Lu}"#) { $0.properties.generalCategory == .uppercaseLetter },
        Atom(written: #"\p{M}"#) { $0.properties.generalCategory == .nonspacingMark },
        Atom(written: #"[\w-]"#) { isWord($0) || $0 == "-" }, Atom(written: #"[^\w ]"#) { !isWord($0) && $0 != " " },
        Atom(written: #"[\d_]"#) { isDigit($0) || $0 == "_" }, Atom(written: #"[^\d_]"#) { !isDigit($0) && $0 != "_" },
        Atom(written: "[a-zü_]") { ("a"..."z").contains($0) || $0 == "ü" || $0 == "_" },
        Atom(written: "[^a-zü]") { !("a"..."z").contains($0) && $0 != "ü" },
        Atom(written: #"[\s\d]"#) { isSpace($0) || isDigit($0) }, Atom(written: #"[^\S-]"#) { isSpace($0) },
        Atom(written: #"[\W_]"#) { !isWord($0) || $0 == "_" }, Atom(written: #"[^\W_]"#) { isWord($0) && $0 != "_" },
        Atom(written: "[^_]") { $0 != "_" }, Atom(written: "[!-~]") { ("!"..."~").contains($0) },
        Atom(written: #"[\p{P}\d]"#) { ["_", "-"].contains($0) || isDigit($0) },
        Atom(written: "[[:punct:]ü]") { ["_", "-", "ü"].contains($0) },
        Atom(written: #"\b"#, holds: { isWord($0) != isWord($1) }),
        Atom(written: #"\B"#, holds: { isWord($0) == isWord($1) }),
        Atom(written: "^", holds: { before, _ in before == nil }),
        Atom(written: "$", holds: { _, after in after == nil }),
        Atom(written: "(?m:^)", holds: { before, _ in before == nil || before == "\n" }),
    ]

    private static let characters: [Unicode.Scalar] = [
        "a", "l", "Z", "1", "_", "_", "-", " ", "ü", "Я", "٣", "€", "\u{A0}", "中", "\n", "\u{301}", "\u{1F600}",
    ]

    private static func matches(_ parts: ArraySlice<Part>, _ text: [Unicode.Scalar], at start: Int) -> Bool {
        guard let part = parts.first else { return true }
        let rest = parts.dropFirst()
        guard let takes = part.atom.takes else {
            let holds = part.atom.holds(start > 0 ? text[start - 1] : nil, start < text.count ? text[start] : nil)
            return holds && matches(rest, text, at: start)
        }
        var (count, at) = (0, start)
        while true {
            if count >= part.range.lowerBound, matches(rest, text, at: at) { return true }
            guard count < part.range.upperBound, at < text.count, takes(text[at]) else { return false }
            (count, at) = (count + 1, at + 1)
        }
    }

    @Test("they match what the oracle matches", arguments: 1...4)
    func oracle(seed: Int) throws {
        var random = SplitMix(seed: UInt64(seed))
        let repetitions: [(String, ClosedRange<Int>)] = [("*", 0...9), ("+", 1...9), ("?", 0...1), ("{2}", 2...2)]
        var (matched, missed, refused) = (0, 0, 0)
        for _ in 0..<1_000 {
            var branches: [[Part]] = []
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                var parts: [Part] = []
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    guard let atom = Self.atoms.randomElement(using: &random) else { continue }
                    var part = Part(atom: atom)
                    if atom.takes != nil, Bool.random(using: &random),
                        let (mark, range) = repetitions.randomElement(using: &random)
                    {
                        (part.mark, part.range) = (mark, range)
                    }
                    parts.append(part)
                }
                branches.append(parts)
            }
            let expression = branches.map { $0.map { $0.atom.written + $0.mark }.joined() }.joined(separator: "|")
            // Some have too many classes that are long.
            guard let pattern = try? Chain.Pattern(expression) else {
                refused += 1
                continue
            }
            for _ in 0..<4 {
                let scalars = (0..<Int.random(in: 0...6, using: &random)).compactMap { _ in
                    Self.characters.randomElement(using: &random)
                }
                var text = ""
                text.unicodeScalars.append(contentsOf: scalars)
                let expected = branches.contains { parts in
                    (0...scalars.count).contains { Self.matches(parts[...], scalars, at: $0) }
                }
                (matched, missed) = expected ? (matched + 1, missed) : (matched, missed + 1)
                #expect(pattern.matches(text) == expected, "\(expression.debugDescription) on \(text.debugDescription)")
            }
        }
        #expect(matched > 500 && missed > 500 && refused < 50)
    }
}
