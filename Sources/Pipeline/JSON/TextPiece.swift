/// A piece of a text that may be cut anywhere, also between the halves of a surrogate pair: JSON is written by programs that
/// count in UTF-16, and some cut there.
package struct TextPiece: Equatable, Sendable {
    /// What stands before and behind the text: the second half of a pair, and the first half of the next.
    package struct Halves: Equatable, Sendable {
        var first: UInt32?
        var last: UInt32?
        init() {}
    }

    static let replacement: Unicode.Scalar = "\u{FFFD}"

    private var text: String
    private var halves: Halves

    init(text: String, halves: Halves) {
        self.text = text
        self.halves = halves
    }

    /// The character that two halves are; `nil` where they are none.
    static func scalar(_ first: UInt32, _ second: UInt32) -> Unicode.Scalar? {
        guard (0xD800...0xDBFF).contains(first), (0xDC00...0xDFFF).contains(second) else { return nil }
        return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    }

    /// The text, with U+FFFD for what is half a character.
    package var closed: String {
        var half: UInt32?
        return joined(to: &half) + TextPiece.end(of: &half)
    }

    /// The text behind that which ended with half a character, or with none.
    ///
    /// - Parameter half: Half a character that is not in the text yet; afterwards that of this piece.
    package func joined(to half: inout UInt32?) -> String {
        // Nearly always.
        if half == nil, halves == Halves() { return text }
        var joined = ""
        if let former = half {
            if text.isEmpty, halves == Halves() { return "" }
            let scalar = halves.first.flatMap { TextPiece.scalar(former, $0) }
            joined.unicodeScalars.append(scalar ?? TextPiece.replacement)
            if scalar == nil, halves.first != nil { joined.unicodeScalars.append(TextPiece.replacement) }
        } else if halves.first != nil {
            joined.unicodeScalars.append(TextPiece.replacement)
        }
        half = halves.last
        return joined + text
    }

    /// What half a character becomes behind which nothing comes.
    package static func end(of half: inout UInt32?) -> String {
        defer { half = nil }
        return half == nil ? "" : String(replacement)
    }

    /// Adds the piece that comes behind it.
    package mutating func append(_ next: TextPiece) {
        if self == TextPiece(text: "", halves: Halves()) {
            self = next
        } else {
            text += next.joined(to: &halves.last)
        }
    }
}
