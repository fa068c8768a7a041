extension TextIndex {
    /// The offset of the next character that is neither white space nor part of a comment; the text's end where there
    /// is none.
    package func nextContentOffset(from offset: Int) -> Int {
        var offset = offset
        while let byte = self[offset] {
            if byte == UInt8(ascii: "#") {
                offset = prefix(from: offset) { $0 != 0x0A && $0 != 0x0D }.upperBound
            } else if TextIndex.isSpace(byte) {
                offset += 1
            } else {
                break
            }
        }
        return offset
    }

    /// The offset of what follows a document's end, `...` lines left out; `nil` where nothing does.
    func nextContent(after position: Int) -> Int? {
        var offset = nextContentOffset(from: offset(ofPosition: position))
        while prefix(from: offset, while: { $0 == UInt8(ascii: ".") }).count == 3,
            self[offset + 3].map(TextIndex.isSpace) ?? true
        {
            offset = nextContentOffset(from: offset + 3)
        }
        return self[offset] == nil ? nil : offset
    }

    /// Where a range of positions ends without the white space at its end; it keeps its first character.
    func trimmedEnd(of positions: Range<Int>) -> Int {
        let start = offset(ofPosition: positions.lowerBound)
        var end = offset(ofPosition: positions.upperBound)
        while end > start + 1, let byte = self[end - 1], TextIndex.isSpace(byte) { end -= 1 }
        return position(ofOffset: end)
    }

    static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }
}
