/// A file's text, kept so that diagnostics can show its lines.
public struct SourceFile: Sendable {
    /// The path as the user wrote it; diagnostics begin with it.
    public let path: String

    /// The text, without a byte order mark.
    public let text: String

    /// Where each line and character is.
    package let index: TextIndex

    /// A file that was read, or a text that has no file.
    public init(path: String, text: String) {
        self.path = path
        var text = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
        text.makeContiguousUTF8()
        self.text = text
        self.index = TextIndex(text)
    }

    /// A line by its number, from 1, without its line break; `nil` past the end.
    public func line(_ number: Int) -> Substring? {
        guard var bytes = index.bytes(ofLine: number) else { return nil }
        while let last = bytes.last, index[last] == 0x0A || index[last] == 0x0D { bytes.removeLast() }
        return self[bytes: bytes]
    }

    /// The text between two offsets in bytes.
    package subscript(bytes bytes: Range<Int>) -> Substring {
        let start = text.utf8.index(text.utf8.startIndex, offsetBy: bytes.lowerBound)
        let end = text.utf8.index(text.utf8.startIndex, offsetBy: bytes.upperBound)
        return text[start..<end]
    }

    /// The offsets in bytes of what a range covers.
    package func bytes(of range: SourceRange) -> Range<Int> {
        let start = index.offset(of: range.start)
        return start..<max(start, index.offset(of: range.end))
    }
}
