/// Finds lines and characters of a text by number, without walking through all of it each time.
///
/// Offsets count bytes of UTF-8, positions count Unicode scalars, both from 0. A line ends after `\n`, after `\r\n`,
/// and after a `\r` alone, as in YAML.
package struct TextIndex: Sendable {
    private struct Line {
        let offset: UInt32
        let position: UInt32
    }

    /// Every how many scalars an offset is noted: the longest walk that finding one takes.
    private static let stride = 64

    private var lines = [Line(offset: 0, position: 0)]
    private var milestones: [UInt32] = []
    private let bytes: [UInt8]

    /// How many Unicode scalars the text has.
    package let count: Int

    package init(_ text: String) {
        bytes = Array(text.utf8)
        var lines = self.lines
        var milestones = self.milestones
        var position = 0
        bytes.withUnsafeBufferPointer { bytes in
            for offset in 0..<bytes.count {
                let byte = bytes[offset]
                if byte & 0xC0 == 0x80 { continue }
                if position % TextIndex.stride == 0 { milestones.append(UInt32(offset)) }
                position += 1
                if byte > 0x0D { continue }
                let isLast = offset + 1 == bytes.count
                if byte == 0x0A || (byte == 0x0D && (isLast || bytes[offset + 1] != 0x0A)) {
                    lines.append(Line(offset: UInt32(offset + 1), position: UInt32(position)))
                }
            }
        }
        self.lines = lines
        self.milestones = milestones
        count = position
    }

    /// How many bytes the text has.
    package var byteCount: Int { bytes.count }

    /// A byte; `nil` past the end.
    package subscript(offset: Int) -> UInt8? {
        bytes.indices.contains(offset) ? bytes[offset] : nil
    }

    /// The bytes of a line, from 1, its line break included; `nil` past the end.
    package func bytes(ofLine number: Int) -> Range<Int>? {
        guard number >= 1, number <= lines.count else { return nil }
        let end = number < lines.count ? Int(lines[number].offset) : bytes.count
        return Int(lines[number - 1].offset)..<end
    }

    /// The offset of a position; the end of the text past it.
    package func offset(ofPosition position: Int) -> Int {
        guard position < count else { return bytes.count }
        let position = max(0, position)
        var offset = Int(milestones[position / TextIndex.stride])
        for _ in 0..<(position % TextIndex.stride) {
            repeat { offset += 1 } while offset < bytes.count && bytes[offset] & 0xC0 == 0x80
        }
        return offset
    }

    /// The offset of a place; the end of the text past it.
    package func offset(of location: SourceLocation) -> Int {
        guard location.line <= lines.count else { return bytes.count }
        return offset(ofPosition: Int(lines[max(1, location.line) - 1].position) + location.column - 1)
    }

    /// The position of an offset.
    package func position(ofOffset offset: Int) -> Int {
        let offset = min(max(0, offset), bytes.count)
        let passed = milestones.endOfPrefix { $0 <= offset }
        guard passed > 0 else { return 0 }
        let walked = bytes[Int(milestones[passed - 1])..<offset].reduce(0) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 }
        return (passed - 1) * TextIndex.stride + walked
    }

    /// The place of a position.
    package func location(ofPosition position: Int) -> SourceLocation {
        let position = min(max(0, position), count)
        let line = max(1, lines.endOfPrefix { $0.position <= position })
        return SourceLocation(line: line, column: position - Int(lines[line - 1].position) + 1)
    }

    /// The place of an offset.
    package func location(ofOffset offset: Int) -> SourceLocation {
        location(ofPosition: position(ofOffset: offset))
    }

    /// The offset of the first character that, by its bytes, is one of those looked for; past the end they are 0.
    package func firstOffset(where matches: (UInt8, UInt8, UInt8) -> Bool) -> Int? {
        bytes.withUnsafeBufferPointer { bytes in
            for offset in 0..<bytes.count {
                let byte = bytes[offset]
                if byte >= 0x20 && byte < 0x7F { continue }
                let second = offset + 1 < bytes.count ? bytes[offset + 1] : 0
                let third = offset + 2 < bytes.count ? bytes[offset + 2] : 0
                if matches(byte, second, third) { return offset }
            }
            return nil
        }
    }

    /// The offsets from one on whose bytes pass a test.
    package func prefix(from offset: Int, while passes: (UInt8) -> Bool) -> Range<Int> {
        var end = min(max(0, offset), bytes.count)
        let start = end
        while end < bytes.count, passes(bytes[end]) { end += 1 }
        return start..<end
    }
}

extension RandomAccessCollection where Index == Int {
    /// How many elements at the beginning pass a test that none after them passes.
    fileprivate func endOfPrefix(where passes: (Element) -> Bool) -> Int {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = low + (high - low) / 2
            if passes(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
