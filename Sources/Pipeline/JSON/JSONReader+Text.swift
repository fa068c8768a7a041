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
            guard byte >= 0x20 else { throw problem("a string holds a control character") }
            place += 1
            switch byte {
            case UInt8(ascii: "\""):
                return try unescaped.withUnsafeBufferPointer { (bytes) throws(Problem) in
                    try text(UnsafeRawBufferPointer(bytes))
                }
            case UInt8(ascii: "\\"): try escape(into: &unescaped)
            default: unescaped.append(byte)
            }
        }
    }

    /// Passes over the string that begins here.
    mutating func skipText() throws(Problem) {
        place += 1
        while let byte = current {
            guard byte >= 0x20 else { throw problem("a string holds a control character") }
            place += 1
            if byte == UInt8(ascii: "\"") { return }
            guard byte == UInt8(ascii: "\\") else { continue }
            guard let escape = current, #""\/bfnrtu"#.utf8.contains(escape) else {
                throw problem("an escape is unknown")
            }
            place += 1
        }
        throw problem("a string does not end")
    }

    private func text(_ bytes: UnsafeRawBufferPointer) throws(Problem) -> String {
        guard let text = String(strictUTF8: bytes) else { throw problem("a string is not UTF-8") }
        return text
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
        case UInt8(ascii: "u"): text.append(contentsOf: UTF8.encode(try escapedScalar()) ?? UTF8.EncodedScalar())
        default: throw problem("an escape is unknown")
        }
    }

    private mutating func escapedScalar() throws(Problem) -> Unicode.Scalar {
        let first = try hexadecimal()
        if let scalar = Unicode.Scalar(first) { return scalar }
        // A lone surrogate is no character; a program in UTF-16 may write half a pair.
        guard first < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
            throw problem("half a surrogate pair")
        }
        let second = try hexadecimal()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw problem("half a surrogate pair") }
        return scalar
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
