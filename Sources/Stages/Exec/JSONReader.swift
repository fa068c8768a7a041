import Pipeline

/// Reads JSON (RFC 8259) in one pass. Foundation's decoder costs ten times as much for a value of which nothing is known.
struct JSONReader {
    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    /// Deeper than any sensible value, and harmless to the stack.
    private static let deepest = 64

    private let bytes: UnsafeRawBufferPointer
    private var place = 0
    private var depth = 0

    /// The value that the bytes are, and nothing else.
    static func read(_ bytes: UnsafeRawBufferPointer) throws(Problem) -> JSONValue {
        var reader = JSONReader(bytes: bytes)
        let value = try reader.value()
        reader.skipSpace()
        guard reader.place == bytes.count else { throw reader.problem("something follows the value") }
        return value
    }

    private init(bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    private func problem(_ what: String) -> Problem { Problem(description: "\(what) at byte \(place + 1)") }

    private var current: UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { place += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        place += 1
        return true
    }

    private mutating func value() throws(Problem) -> JSONValue {
        skipSpace()
        switch current {
        case UInt8(ascii: "{"): return try nested { (reader) throws(Problem) in try reader.object() }
        case UInt8(ascii: "["): return try nested { (reader) throws(Problem) in try reader.array() }
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case nil: throw problem("it ends too early")
        default: return try number()
        }
    }

    private mutating func nested(_ body: (inout JSONReader) throws(Problem) -> JSONValue) throws(Problem) -> JSONValue {
        guard depth < Self.deepest else { throw problem("too much is nested") }
        depth += 1
        place += 1
        let value = try body(&self)
        depth -= 1
        return value
    }

    private mutating func object() throws(Problem) -> JSONValue {
        var members: [String: JSONValue] = [:]
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw problem("a key is missing") }
            let key = try string()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw problem("a colon is missing") }
            members[key] = try value()
            skipSpace()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw problem("a comma is missing") }
        }
    }

    private mutating func array() throws(Problem) -> JSONValue {
        var elements: [JSONValue] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            elements.append(try value())
            skipSpace()
            if take(UInt8(ascii: "]")) { return .array(elements) }
            guard take(UInt8(ascii: ",")) else { throw problem("a comma is missing") }
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(Problem) -> JSONValue {
        for index in 0..<word.utf8CodeUnitCount {
            guard take(word.utf8Start[index]) else { throw problem("'\(word)' is misspelt") }
        }
        return value
    }

    private mutating func number() throws(Problem) -> JSONValue {
        let start = place
        var isWhole = true
        _ = take(UInt8(ascii: "-"))
        let firstDigit = place
        try digits()
        if bytes[firstDigit] == UInt8(ascii: "0"), place > firstDigit + 1 { throw problem("a number begins with 0") }
        if take(UInt8(ascii: ".")) {
            isWhole = false
            try digits()
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            isWhole = false
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
        let text = String(decoding: bytes[start..<place], as: UTF8.self)
        if isWhole, let whole = Int(text) { return .int(whole) }
        guard let number = Double(text), number.isFinite else { throw problem("a number is too large") }
        return .double(number)
    }

    private mutating func digits() throws(Problem) {
        let start = place
        while let byte = current, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { place += 1 }
        if place == start { throw problem("a value is missing") }
    }

    private mutating func string() throws(Problem) -> String {
        place += 1
        let start = place
        while let byte = current, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { place += 1 }
        if current == UInt8(ascii: "\"") {
            defer { place += 1 }
            return try text(bytes[start..<place])
        }
        var unescaped = Array(bytes[start..<place])
        while true {
            guard let byte = current else { throw problem("a string does not end") }
            guard byte >= 0x20 else { throw problem("a string holds a control character") }
            place += 1
            switch byte {
            case UInt8(ascii: "\""): return try text(unescaped)
            case UInt8(ascii: "\\"): try escape(into: &unescaped)
            default: unescaped.append(byte)
            }
        }
    }

    private func text(_ bytes: some Sequence<UInt8>) throws(Problem) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw problem("a string is not UTF-8") }
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
        case UInt8(ascii: "u"): text.append(contentsOf: try escapedScalar().utf8Bytes)
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
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw problem("an escape is not of four digits")
            }
            value = value << 4 | UInt32(digit)
            place += 1
        }
        return value
    }
}

extension Unicode.Scalar {
    fileprivate var utf8Bytes: Unicode.UTF8.EncodedScalar {
        // A scalar always has a form in UTF-8; the compiler doesn't know.
        Unicode.UTF8.encode(self) ?? Unicode.UTF8.EncodedScalar()
    }
}
