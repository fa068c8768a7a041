/// What is no JSON, and how it is taken all the same.
extension JSONReader {
    /// What is taken that is no JSON, or none that can be kept.
    package enum Leniency {
        case none
        /// A number that is too large is `null`, and not a problem.
        case largeNumbers
        /// So are NaN and infinities; strings may hold control characters, halves of surrogate pairs and bytes that are no
        /// UTF-8, of which the last two become U+FFFD.
        case everything
    }

    /// What a value is, by its first byte.
    package enum Kind {
        case object, array, string, null, other
    }

    /// What comes next; nothing of it is read.
    package mutating func next() -> Kind {
        skipSpace()
        return switch current {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "n"): .null
        default: .other
        }
    }

    /// Passes over a value.
    ///
    /// - Returns: Whether it says anything: it is not `null` or `false`, no empty string, list or object.
    package mutating func skipsSomething() throws(Problem) -> Bool {
        let kind = next()
        let start = place
        let isFalse = current == UInt8(ascii: "f")
        try skip()
        return switch kind {
        case .null: false
        case .other: !isFalse
        case .string: place - start > 2
        case .object, .array: bytes[(start + 1)..<(place - 1)].contains { !JSONReader.isSpace($0) }
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    /// As C, Python and JavaScript print what is no number.
    private static let nonNumbers: [StaticString] = [
        "NaN", "-NaN", "Infinity", "-Infinity", "nan", "-nan", "inf", "-inf",
    ]

    /// Takes NaN or an infinity, where it may and that is what comes next.
    mutating func takesNonNumber() -> Bool {
        guard takesEverything, let byte = current, !JSONReader.isDigit(byte) else { return false }
        for word in JSONReader.nonNumbers where bytes.count - place >= word.utf8CodeUnitCount {
            let length = word.utf8CodeUnitCount
            guard bytes[place..<place + length].elementsEqual(UnsafeBufferPointer(start: word.utf8Start, count: length))
            else { continue }
            place += length
            isRepaired = true
            return true
        }
        return false
    }

    /// A text with one value as JSON that every reader takes: with `null` for what is no number, or for one past all
    /// bounds, and with U+FFFD for what is no text. The order of keys stays.
    package static func repaired(_ text: [UInt8]) throws(Problem) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        try read(text, leniency: .everything) { (reader) throws(Problem) in try reader.copy(to: &bytes) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func copy(to bytes: inout [UInt8]) throws(Problem) {
        var isFirst = true
        switch next() {
        case .object:
            bytes.append(UInt8(ascii: "{"))
            try object { (reader, key) throws(Problem) in
                if !isFirst { bytes.append(UInt8(ascii: ",")) }
                isFirst = false
                JSONText.append(quoted: key, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                try reader.copy(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        case .array:
            bytes.append(UInt8(ascii: "["))
            try array { (reader) throws(Problem) in
                if !isFirst { bytes.append(UInt8(ascii: ",")) }
                isFirst = false
                try reader.copy(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .string: JSONText.append(quoted: try quotedText(), to: &bytes)
        case .null, .other:
            let start = place
            isRepaired = false
            try skip()
            if isRepaired {
                bytes.append(contentsOf: "null".utf8)
            } else {
                bytes.append(contentsOf: self.bytes[start..<place])
            }
        }
    }
}
