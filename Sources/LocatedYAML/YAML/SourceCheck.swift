/// A reason to read a file no further.
struct Refusal: Error {
    let code: DiagnosticCode
    let range: SourceRange
    let message: String
}

/// What is refused before a text is read as YAML.
enum SourceCheck {
    static func refusal(of source: SourceFile) -> Refusal? {
        character(in: source) ?? directive(in: source)
    }

    /// Control characters, byte order marks inside the text, and the Unicode line separators: libyaml takes these for
    /// line breaks and editors don't, so that a setting could hide behind what looks like a comment.
    private static func character(in source: SourceFile) -> Refusal? {
        guard let offset = source.index.firstOffset(where: isRefused) else { return nil }
        let scalar = source[bytes: offset..<source.text.utf8.count].unicodeScalars.first ?? "\u{0}"
        let hex = String(scalar.value, radix: 16, uppercase: true)
        let code = "U+" + String(repeating: "0", count: max(0, 4 - hex.count)) + hex
        let hint = scalar == "\u{0}" ? "is the file UTF-8?" : "in double quotes it can be written as an escape"
        return Refusal(
            code: .yamlCharacter, range: SourceRange(at: source.index.location(ofOffset: offset)),
            message: "the character \(code) is not allowed here; \(hint)")
    }

    private static func isRefused(_ byte: UInt8, _ second: UInt8, _ third: UInt8) -> Bool {
        switch byte {
        case 0x09, 0x0A, 0x0D: false
        case 0..<0x20, 0x7F: true
        case 0xC2: second < 0xA0
        case 0xE2: second == 0x80 && (third == 0xA8 || third == 0xA9)
        case 0xEF: (second == 0xBF && third >= 0xBE) || (second == 0xBB && third == 0xBF)
        default: false
        }
    }

    /// Directives stand at a file's beginning; only `%YAML` means anything without tags. libyaml would compare each
    /// with all others, which takes seconds where there are a hundred thousand.
    private static func directive(in source: SourceFile) -> Refusal? {
        var number = 0
        var hasVersion = false
        while true {
            number += 1
            guard let line = source.line(number) else { return nil }
            let text = line.utf8.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            if text.isEmpty || text.first == UInt8(ascii: "#") { continue }
            guard line.utf8.first == UInt8(ascii: "%") else { return nil }
            if !hasVersion, line.hasPrefix("%YAML 1.") {
                hasVersion = true
                continue
            }
            let start = SourceLocation(line: number, column: 1)
            return Refusal(
                code: .yamlTag, range: SourceRange(at: start, length: line.unicodeScalars.count),
                message: "directives are not supported; remove this line")
        }
    }
}
