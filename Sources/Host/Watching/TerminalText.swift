import Pipeline

/// Texts as wide as a terminal has room for.
struct TerminalText {
    let hasColors: Bool

    enum Style: String {
        case bold = "1"
        case dim = "2"
        case bad = "31"
        case good = "32"
        case warning = "33"
    }

    func styled(_ text: String, _ style: Style?) -> String {
        guard hasColors, let style, !text.isEmpty else { return text }
        return "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m"
    }

    /// How many columns a text takes.
    static func width(of text: String) -> Int { text.unicodeScalars.reduce(0) { $0 + width(of: $1) } }

    /// A text of no more columns than so many, without what can't be shown; one that is cut ends with `…`.
    static func cut(_ text: String, to columns: Int) -> String {
        let text = PrintableText.escaped(text)
        guard width(of: text) > columns else { return text }
        var (result, left) = ("", columns - 1)
        for scalar in text.unicodeScalars {
            left -= width(of: scalar)
            if left < 0 { break }
            result.unicodeScalars.append(scalar)
        }
        return columns > 0 ? result + "…" : ""
    }

    /// A text of exactly so many columns.
    static func padded(_ text: String, to columns: Int, isNumber: Bool = false) -> String {
        let cut = cut(text, to: columns)
        let spaces = String(repeating: " ", count: max(0, columns - width(of: cut)))
        return isNumber ? spaces + cut : cut + spaces
    }

    /// A text as lines of no more columns than so many, broken between words where there are any.
    static func wrapped(_ text: String, to columns: Int, indentation: String = "") -> [String] {
        var lines: [String] = []
        for word in PrintableText.escaped(text).split(separator: " ") {
            if let last = lines.last, width(of: last) + 1 + width(of: String(word)) <= columns {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(cut((lines.isEmpty ? "" : indentation) + word, to: columns))
            }
        }
        return lines
    }

    /// Letters of Chinese, Japanese and Korean, and emoji, take two columns; marks on letters none.
    private static func width(of scalar: Unicode.Scalar) -> Int {
        if scalar.value < 0x300 { return 1 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        return switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
            0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1FAFF, 0x20000...0x3FFFD:
            2
        default: 1
        }
    }
}
