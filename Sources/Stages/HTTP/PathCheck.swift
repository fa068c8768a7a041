/// Looks whether values of a message change which path of an API is called.
///
/// An address is taken as it grows: its fixed parts, and the values between them before they are escaped.
struct PathCheck {
    /// What is wrong; `nil` where nothing is.
    var problem: String? { found ?? problemOfSegment }

    private var found: String?
    private var segment = ""
    private var hasValue = false
    private var hasFixedText = false
    private var isOver = false

    /// A part of the template.
    mutating func take(fixed text: String) {
        for character in text.unicodeScalars where !isOver {
            switch character {
            case "/": endSegment()
            case "?", "#":
                endSegment()
                isOver = true
            default:
                segment.unicodeScalars.append(character)
                hasFixedText = true
            }
        }
    }

    /// A field's value.
    mutating func take(value: String) {
        guard !isOver else { return }
        segment += value
        hasValue = true
    }

    private mutating func endSegment() {
        found = found ?? problemOfSegment
        (segment, hasValue, hasFixedText) = ("", false, false)
    }

    private var problemOfSegment: String? {
        guard hasValue, !isOver else { return nil }
        if segment.isEmpty, !hasFixedText { return "a part of the address's path would be empty" }
        // Servers take an escaped slash for one, some a backslash, and some decode twice or leave out what follows a ';'.
        // By bytes: a mark behind a slash is no part of it.
        let parts = PathCheck.decoded(segment).split { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }
        let isDots = parts.contains { part in
            let name = part.prefix { $0 != UInt8(ascii: ";") }
            return [1, 2].contains(name.count) && name.allSatisfy { $0 == UInt8(ascii: ".") }
        }
        return isDots ? "a part of the address's path would be '.' or '..'" : nil
    }

    /// Percent-decoded until nothing changes any more: a byte that completes an escape takes its place at once, so that
    /// it is one pass however often a value was escaped.
    private static func decoded(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            bytes.append(byte)
            while bytes.count >= 3, bytes[bytes.count - 3] == UInt8(ascii: "%"),
                let high = digit(bytes[bytes.count - 2]),
                let low = digit(bytes[bytes.count - 1])
            {
                bytes.removeLast(3)
                bytes.append(high << 4 | low)
            }
        }
        return bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(Unicode.Scalar(byte)).hexDigitValue.map(UInt8.init)
    }
}
