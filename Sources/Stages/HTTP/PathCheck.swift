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
        let parts = PathCheck.decoded(segment).split { "/\\".contains($0) }
        let isDots = parts.contains { [".", ".."].contains($0.prefix { $0 != ";" }) }
        return isDots ? "a part of the address's path would be '.' or '..'" : nil
    }

    /// Percent-decoded until nothing changes any more.
    private static func decoded(_ text: String) -> String {
        var text = text
        while text.utf8.contains(UInt8(ascii: "%")) {
            let once = decodedOnce(text)
            if once == text { break }
            text = once
        }
        return text
    }

    private static func decodedOnce(_ text: String) -> String {
        var (bytes, rest) = ([UInt8](), text.utf8[...])
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16),
                rest.prefix(2).allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }), rest.count >= 2
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
