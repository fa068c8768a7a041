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

    /// A whole text as lines of no more columns than so many, broken between words, and within those that are wider than a
    /// line. Where a line has no room for a letter beside the indentation, the text is cut.
    static func wrapped(_ text: String, to columns: Int, indentation: String = "") -> [String] {
        let room = columns - width(of: indentation)
        guard room >= 2 else { return [cut(text, to: columns)] }
        var lines: [String] = []
        var (line, left) = ("", columns)
        func begin() {
            lines.append(line)
            (line, left) = (indentation, room)
        }
        for (index, word) in PrintableText.escaped(text).split(separator: " ").enumerated() {
            let needed = width(of: String(word))
            if index > 0 {
                // A word that no line has room for begins on this one.
                if needed < left || needed > room && left > 2 {
                    line += " "
                    left -= 1
                } else {
                    begin()
                }
            }
            for scalar in word.unicodeScalars {
                let taken = width(of: scalar)
                if taken > left { begin() }
                line.unicodeScalars.append(scalar)
                left -= taken
            }
        }
        return line.isEmpty ? lines : lines + [line]
    }

    /// Letters of Chinese, Japanese and Korean, and emoji, take two columns; marks on letters none. A text that a terminal
    /// shows in fewer does no harm, so it is the more where terminals differ.
    private static func width(of scalar: Unicode.Scalar) -> Int {
        if scalar.value < 0x300 { return 1 }
        // Makes an emoji of what is one column wide otherwise.
        if scalar == "\u{FE0F}" { return 1 }
        // Two of these are a flag.
        if scalar.properties.isEmojiPresentation, !(0x1F1E6...0x1F1FF).contains(scalar.value) { return 2 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        return switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
            0xFFE0...0xFFE6, 0x1F300...0x1F6FF, 0x1F900...0x1FAFF, 0x20000...0x3FFFD:
            2
        default: 1
        }
    }
}
