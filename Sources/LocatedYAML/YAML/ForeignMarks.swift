/// Characters and lines that come into a file from elsewhere: from a word processor, a chat, a merge, a diff.
package struct ForeignMarks {
    let source: SourceFile

    private func refusal(_ line: Int, _ column: Int = 1, length: Int = 1, _ message: String) -> Refusal {
        Refusal(
            code: .yamlSyntax, range: SourceRange(at: SourceLocation(line: line, column: column), length: length),
            message: message)
    }

    /// What a merge leaves where two changes are of the same lines.
    var conflict: Refusal? {
        var first: Int?
        var number = 1
        while let line = source.line(number) {
            if first == nil, line.hasPrefix("<<<<<<< ") || line.hasPrefix("=======") { first = number }
            if line.hasPrefix(">>>>>>> ") {
                let start = first ?? number
                return refusal(
                    start, length: 7,
                    "a merge conflict is left in the file, up to line \(number): keep one of the two versions, and take "
                        + "the lines with '<<<<<<<', '=======' and '>>>>>>>' away")
            }
            number += 1
        }
        return nil
    }

    /// A block of code copied out of a Markdown text with what stands around it.
    var fence: Refusal? {
        var number = 1
        while let line = source.line(number) {
            if line.hasPrefix("```") {
                return refusal(
                    number, length: line.unicodeScalars.count, "this line is Markdown: take the lines with '```' away")
            }
            number += 1
        }
        return nil
    }

    /// What looks like a character of YAML and is none, in lines that can't be read.
    func marks(in lines: [Int]) -> Refusal? {
        for number in Set(lines).sorted() {
            guard let line = source.line(number) else { continue }
            if let found = mark(in: Array(line.unicodeScalars), number) { return found }
        }
        return nil
    }

    private func mark(in scalars: [Unicode.Scalar], _ number: Int) -> Refusal? {
        guard let start = scalars.firstIndex(where: { $0 != " " }) else { return nil }
        let rest = String(String.UnicodeScalarView(scalars[(start + 1)...])).drop { $0 == " " }
        if Self.bullets.contains(scalars[start]), start + 1 < scalars.count, scalars[start + 1] == " " {
            return refusal(number, start + 1, "'\(scalars[start])' begins no entry of a list: write '- \(rest)'")
        }
        if scalars[start] == "+", start == 0, rest.hasPrefix("-") || rest.contains(":") {
            return refusal(number, 1, "a '+' stands here, as diffs have it: take it away")
        }
        var quote: Unicode.Scalar?
        for (index, scalar) in scalars.enumerated() {
            if scalar == "#", quote == nil, index == 0 || scalars[index - 1] == " " { return nil }
            if scalar == "\"" || scalar == "'" { quote = quote == nil ? scalar : quote == scalar ? nil : quote }
            guard quote == nil else { continue }
            if let name = Self.name(ofSpace: scalar) {
                return refusal(
                    number, index + 1,
                    "\(name) stands here: \(name.hasPrefix("an invisible") ? "take it away" : "write an ordinary space")"
                )
            }
            if Self.colons.contains(scalar) {
                return refusal(number, index + 1, "this is not the character ':' but one that looks like it: write ':'")
            }
            let before = scalars[..<index].last { $0 != " " }
            if Self.quotes.contains(scalar), before == nil || ":[{,-".unicodeScalars.contains(before ?? " ") {
                return refusal(
                    number, index + 1, "'\(scalar)' is a typographic quote, which YAML does not know: write '\"'")
            }
        }
        return nil
    }

    /// A tab where libyaml stops in the middle of a line: behind a `-` or a key.
    func tab(at place: SourceLocation) -> Refusal? {
        guard source.index[source.index.offset(of: place)] == 0x09 else { return nil }
        return Refusal(
            code: .yamlTab, range: SourceRange(at: place),
            message: "a tab can't stand here: YAML is indented with spaces")
    }

    private static let bullets: Set<Unicode.Scalar> = ["–", "—", "−", "‐", "‑", "•", "·", "●", "*"]
    private static let colons: Set<Unicode.Scalar> = ["：", "﹕", "∶", "꞉", "︓"]

    /// Quotes as word processors make them.
    package static let quotes: Set<Unicode.Scalar> = ["“", "”", "„", "‟", "‘", "’", "‚", "‛", "«", "»", "‹", "›", "＂"]

    /// What a space is called that is not the one of the keyboard; `nil` for other characters.
    static func name(ofSpace scalar: Unicode.Scalar) -> String? {
        switch scalar.value {
        case 0xA0: "a no-break space (U+00A0)"
        case 0x202F: "a narrow no-break space (U+202F)"
        case 0x3000: "a full-width space (U+3000)"
        case 0x200B...0x200D, 0x2060, 0xFEFF, 0xAD:
            "an invisible character (U+\(String(scalar.value, radix: 16, uppercase: true).leftPadded))"
        case 0x2000...0x200A, 0x205F:
            "a space of another width (U+\(String(scalar.value, radix: 16, uppercase: true)))"
        default: nil
        }
    }

    /// What is wrong with a word in which such a space stands.
    package static func problem(of word: String) -> String? {
        word.unicodeScalars.lazy.compactMap(name(ofSpace:)).first.map {
            "\($0) is part of it: \($0.hasPrefix("an invisible") ? "take it away" : "write an ordinary space")"
        }
    }
}

extension String {
    fileprivate var leftPadded: String { String(repeating: "0", count: max(0, 4 - count)) + self }
}
