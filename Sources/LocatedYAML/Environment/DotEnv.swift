/// Reads environment files: lines of `NAME=value`, as the dotenv tools have them.
///
/// - `export` before the name and spaces around the `=` are allowed; so are blank lines and lines that begin with `#`.
/// - Without quotes the value ends before ` #` and without the spaces around it.
/// - In single quotes everything stands for itself.
/// - In double quotes `\n`, `\r`, `\t`, `\"`, `\\` and `\$` are escapes; any other backslash stands for itself.
/// - In quotes a value may have several lines. A name that comes again takes the later value.
package enum DotEnv {
    /// The variables of a file. Lines that can't be read are reported, without their text, and left out.
    package static func parse(_ source: SourceFile, into diagnostics: inout Diagnostics) -> [String: String] {
        var reader = DotEnvReader(source)
        while reader.readLine(into: &diagnostics) {}
        return reader.variables
    }
}

private struct DotEnvReader {
    private(set) var variables: [String: String] = [:]
    private let index: TextIndex
    private var offset = 0

    init(_ source: SourceFile) {
        index = source.index
    }

    /// Reads one line, or the lines of a value in quotes.
    ///
    /// - Returns: False at the end of the file.
    mutating func readLine(into diagnostics: inout Diagnostics) -> Bool {
        skipSpaces()
        guard let byte = index[offset] else { return false }
        defer { skipLine() }
        if byte == UInt8(ascii: "#") || DotEnvReader.endsLine(byte) { return true }
        do throws(Refusal) {
            let name = try readName()
            variables[name] = try readValue()
        } catch {
            diagnostics.error(error.code, at: error.range, error.message)
        }
        return true
    }

    private mutating func readName() throws(Refusal) -> String {
        var word = readWord()
        let isExport =
            String(decoding: word, as: UTF8.self) == "export" && index[offset].map(DotEnvReader.isSpace) == true
        if isExport {
            let start = offset
            skipSpaces()
            // `export = 1` sets a variable of that name.
            if index[offset] != UInt8(ascii: "=") { word = readWord() } else { offset = start }
        }
        let isName = word.first.map { !(0x30...0x39).contains($0) } ?? false
        guard isName else {
            offset -= word.count
            throw refusal("expected a line of NAME=value; names are letters, digits and '_'")
        }
        skipSpaces()
        guard index[offset] == UInt8(ascii: "=") else { throw refusal("expected '=' after the name") }
        offset += 1
        return String(decoding: word, as: UTF8.self)
    }

    private mutating func readWord() -> [UInt8] {
        let range = index.prefix(from: offset) { byte in
            Unicode.Scalar(byte).properties.isAlphabetic && byte < 0x80 || (0x30...0x39).contains(byte)
                || "_.-".utf8.contains(byte)
        }
        offset = range.upperBound
        return bytes(range)
    }

    private mutating func readValue() throws(Refusal) -> String {
        let start = offset
        skipSpaces()
        switch index[offset] {
        case UInt8(ascii: "'"): return try readQuoted(UInt8(ascii: "'"))
        case UInt8(ascii: "\""): return try readQuoted(UInt8(ascii: "\""))
        default: return readPlain(from: start)
        }
    }

    private mutating func readPlain(from start: Int) -> String {
        let line = index.prefix(from: start) { !DotEnvReader.endsLine($0) }
        offset = line.upperBound
        var end = start
        var isAfterSpace = false
        for place in line {
            let byte = index[place] ?? 0
            if isAfterSpace, byte == UInt8(ascii: "#") { break }
            isAfterSpace = DotEnvReader.isSpace(byte)
            if !isAfterSpace { end = place + 1 }
        }
        let first = line.first { index[$0].map(DotEnvReader.isSpace) == false } ?? end
        return String(decoding: bytes(min(first, end)..<end), as: UTF8.self)
    }

    private mutating func readQuoted(_ quote: UInt8) throws(Refusal) -> String {
        let start = offset
        var value: [UInt8] = []
        offset += 1
        while let byte = index[offset], byte != quote {
            offset += 1
            switch byte {
            case UInt8(ascii: "\\") where quote == UInt8(ascii: "\""):
                value += escape()
            case 0x0D where index[offset] == 0x0A:
                continue
            default:
                value.append(byte)
            }
        }
        guard index[offset] == quote else {
            // The lines below are read as lines again: only this one is lost.
            offset = start
            throw refusal("the quote is not closed")
        }
        offset += 1
        skipSpaces()
        if let rest = index[offset], !DotEnvReader.endsLine(rest), rest != UInt8(ascii: "#") {
            throw refusal("nothing but a comment may follow the closing quote")
        }
        return String(decoding: value, as: UTF8.self)
    }

    /// What a backslash and the next character stand for.
    private mutating func escape() -> [UInt8] {
        let escapes: [UInt8: Character] = [
            UInt8(ascii: "n"): "\n", UInt8(ascii: "r"): "\r", UInt8(ascii: "t"): "\t", UInt8(ascii: "\""): "\"",
            UInt8(ascii: "\\"): "\\", UInt8(ascii: "$"): "$",
        ]
        guard let byte = index[offset], let character = escapes[byte] else { return [UInt8(ascii: "\\")] }
        offset += 1
        return Array(String(character).utf8)
    }

    private func bytes(_ range: Range<Int>) -> [UInt8] {
        range.compactMap { index[$0] }
    }

    private mutating func skipSpaces() {
        offset = index.prefix(from: offset, while: DotEnvReader.isSpace).upperBound
    }

    private mutating func skipLine() {
        offset = index.prefix(from: offset) { !DotEnvReader.endsLine($0) }.upperBound
        if index[offset] == 0x0D { offset += 1 }
        if index[offset] == 0x0A { offset += 1 }
    }

    private func refusal(_ message: String) -> Refusal {
        Refusal(code: .envFileSyntax, range: SourceRange(at: index.location(ofOffset: offset)), message: message)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private static func endsLine(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }
}
