/// Strings, with what is escaped in them.
extension JSONReader {
    /// The text of the string that begins here.
    mutating func quotedText() throws(Problem) -> String {
        place += 1
        let start = place
        while let byte = current, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { place += 1 }
        if current == UInt8(ascii: "\"") {
            defer { place += 1 }
            return try text(UnsafeRawBufferPointer(rebasing: bytes[start..<place]))
        }
        var unescaped = Array(bytes[start..<place])
        while true {
            guard let byte = current else { throw problem("a string does not end") }
            if byte < 0x20 { try takeControlCharacter() }
            place += 1
            switch byte {
            case UInt8(ascii: "\""):
                return try unescaped.withUnsafeBufferPointer { (bytes) throws(Problem) in
                    try text(UnsafeRawBufferPointer(bytes))
                }
            case UInt8(ascii: "\\"): try escape(into: &unescaped)
            default:
                let start = place - 1
                while let byte = current, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
                    place += 1
                }
                unescaped.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[start..<place]))
            }
        }
    }

    /// Passes over the string that begins here.
    mutating func skipText() throws(Problem) {
        place += 1
        while let byte = current {
            if byte < 0x20 { try takeControlCharacter() }
            place += 1
            if byte == UInt8(ascii: "\"") { return }
            guard byte == UInt8(ascii: "\\") else { continue }
            guard let escape = current, #""\/bfnrtu"#.utf8.contains(escape) else {
                throw problem("an escape is unknown")
            }
            place += 1
            // What is kept whole must be text throughout, whoever reads it.
            if escape == UInt8(ascii: "u"), takesEverything { _ = try escapedScalar(isFirst: false) }
        }
        throw problem("a string does not end")
    }

    private mutating func takeControlCharacter() throws(Problem) {
        guard takesEverything else { throw problem("a string holds a control character") }
        isRepaired = true
    }

    private mutating func text(_ bytes: UnsafeRawBufferPointer) throws(Problem) -> String {
        if let text = String(strictUTF8: bytes) { return text }
        guard takesEverything else { throw problem("a string is not UTF-8") }
        isRepaired = true
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func escape(into text: inout [UInt8]) throws(Problem) {
        guard let byte = current else { throw problem("a string does not end") }
        place += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            guard let scalar = try escapedScalar(isFirst: text.isEmpty) else { return }
            text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.EncodedScalar())
        default: throw problem("an escape is unknown")
        }
    }

    /// - Returns: `nil` for half a pair at an end of the string that is kept for what comes before or after it.
    private mutating func escapedScalar(isFirst: Bool) throws(Problem) -> Unicode.Scalar? {
        let first = try hexadecimal()
        if let scalar = Unicode.Scalar(first) { return scalar }
        let end = place
        if first < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")),
            let scalar = TextPiece.scalar(first, try hexadecimal())
        {
            return scalar
        }
        // A lone surrogate is no character; a program in UTF-16 may write half a pair.
        guard takesEverything else { throw problem("half a surrogate pair") }
        place = end
        isRepaired = true
        return keepsHalf(first, isFirst: isFirst) ? nil : TextPiece.replacement
    }

    private mutating func keepsHalf(_ unit: UInt32, isFirst: Bool) -> Bool {
        guard let kept = halves else { return false }
        if unit >= 0xDC00, isFirst, kept.first == nil {
            halves?.first = unit
            return true
        }
        guard unit < 0xDC00, current == UInt8(ascii: "\"") else { return false }
        halves?.last = unit
        return true
    }

    /// Reads a string; what is half a character at its ends stays that.
    package mutating func piece() throws(Problem) -> TextPiece {
        skipSpace()
        guard current == UInt8(ascii: "\"") else { throw problem("a string is missing") }
        halves = TextPiece.Halves()
        defer { halves = nil }
        let text = try quotedText()
        return TextPiece(text: text, halves: halves ?? TextPiece.Halves())
    }

    private mutating func hexadecimal() throws(Problem) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = digit(byte) else { throw problem("an escape is not of four digits") }
            value = value << 4 | digit
            place += 1
        }
        return value
    }

    private func digit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}
