/// Reads JSON (RFC 8259) in one pass: a whole value, or what is wanted of one while the rest is passed over. Foundation's
/// decoder costs four times as much, or more.
///
/// Of members with the same key the first counts, as in Foundation.
package struct JSONReader {
    /// What is wrong with a text, and where.
    package struct Problem: Error, CustomStringConvertible {
        package let description: String
    }

    /// As deep as Foundation's decoder goes; far deeper than any sensible value, and 200 KB of a stack.
    package static let deepest = 512

    /// The digits of a number that is kept as it stands.
    private static let longestNumber = 1_000

    let bytes: UnsafeRawBufferPointer
    var place = 0
    private var depth = 0
    private let deepest: Int

    private let leniency: Leniency
    var takesEverything: Bool { leniency == .everything }

    /// Whether something was taken that can't be kept as it stands: ``repaired(_:)`` mends it.
    package internal(set) var isRepaired = false

    /// The halves of surrogate pairs at the ends of the string that is read; `nil` where they are not kept.
    var halves: TextPiece.Halves?

    private init(_ bytes: UnsafeRawBufferPointer, deepest: Int, leniency: Leniency) {
        self.bytes = bytes
        self.deepest = deepest
        self.leniency = leniency
    }

    /// Reads a text with one value, of which `body` takes what it wants.
    ///
    /// - Parameter leniency: What is taken besides JSON: an answer is more than one of its numbers.
    package static func read(
        _ text: [UInt8], leniency: Leniency = .none, _ body: (inout JSONReader) throws(Problem) -> Void
    ) throws(Problem) {
        try text.withUnsafeBufferPointer { (buffer) throws(Problem) in
            try read(UnsafeRawBufferPointer(buffer), leniency: leniency, body)
        }
    }

    /// Reads bytes that are one value, of which `body` takes what it wants.
    ///
    /// - Parameters:
    ///   - deepest: How deep it may be nested.
    ///   - leniency: What is taken besides JSON.
    package static func read(
        _ bytes: UnsafeRawBufferPointer, deepest: Int = JSONReader.deepest, leniency: Leniency,
        _ body: (inout JSONReader) throws(Problem) -> Void
    ) throws(Problem) {
        var reader = JSONReader(bytes, deepest: deepest, leniency: leniency)
        // RFC 8259 section 8.1 lets a byte order mark be ignored; some servers send one.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            reader.place = 3
            reader.isRepaired = true
        }
        try body(&reader)
        reader.skipSpace()
        guard reader.place == bytes.count else { throw reader.problem("something follows the value") }
    }

    /// The value that the bytes are, and nothing else.
    ///
    /// - Parameters:
    ///   - deepest: How deep it may be nested: more where the host itself wrote something around a client's value.
    ///   - isLenient: Whether a number that is too large is `null`.
    package static func value(
        of bytes: UnsafeRawBufferPointer, deepest: Int = JSONReader.deepest, isLenient: Bool = false
    ) throws(Problem) -> JSONValue {
        var value = JSONValue.null
        try read(bytes, deepest: deepest, leniency: isLenient ? .largeNumbers : .none) { (reader) throws(Problem) in
            value = try reader.value()
        }
        return value
    }

    /// Those members of the object that a text is that are wanted; `nil` where the text is another value.
    package static func members(_ wanted: [String], of text: [UInt8]) throws(Problem) -> [String: JSONValue]? {
        var members: [String: JSONValue]?
        try read(text) { (reader) throws(Problem) in members = try reader.members(wanted) }
        return members
    }

    /// A problem at the place that the reader has come to.
    package func problem(_ what: String) -> Problem {
        Problem(description: "\(what) at byte \(min(place, bytes.count) + 1)")
    }

    /// How many bytes have been read.
    package var offset: Int { place }

    var current: UInt8? { place < bytes.count ? bytes[place] : nil }

    mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { place += 1 }
    }

    mutating func take(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        place += 1
        return true
    }

    /// Whatever value comes next.
    package mutating func value() throws(Problem) -> JSONValue {
        skipSpace()
        switch current {
        case UInt8(ascii: "{"):
            var members: [String: JSONValue] = [:]
            try object { (reader, key) throws(Problem) in
                let value = try reader.value()
                members[key] = members[key] ?? value
            }
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [JSONValue] = []
            try array { (reader) throws(Problem) in elements.append(try reader.value()) }
            return .array(elements)
        case UInt8(ascii: "\""): return .string(try quotedText())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try takesNull() ? .null : number()
        case nil: throw problem("it ends too early")
        default: return takesNonNumber() ? .null : try number()
        }
    }

    /// Those members of an object that are wanted, the others passed over; `nil` where the value is no object.
    package mutating func members(_ wanted: [String]) throws(Problem) -> [String: JSONValue]? {
        skipSpace()
        guard current == UInt8(ascii: "{") else {
            try skip()
            return nil
        }
        var members: [String: JSONValue] = [:]
        try object { (reader, key) throws(Problem) in
            if wanted.contains(key), members[key] == nil {
                members[key] = try reader.value()
            } else {
                try reader.skip()
            }
        }
        return members
    }

    /// An object, member by member. For each key `body` reads the value, or skips it.
    package mutating func object(_ body: (inout JSONReader, String) throws(Problem) -> Void) throws(Problem) {
        try eachMember { (reader) throws(Problem) in
            let key = try reader.quotedText()
            try reader.takeColon()
            try body(&reader, key)
        }
    }

    /// An object, member by member. `body` reads each from its key on.
    @inline(__always)
    mutating func eachMember(_ body: (inout JSONReader) throws(Problem) -> Void) throws(Problem) {
        try begin(UInt8(ascii: "{"), "an object is missing")
        if isAtEnd(UInt8(ascii: "}")) { return }
        repeat {
            try beginKey()
            try body(&self)
        } while try hasMore(before: UInt8(ascii: "}"))
    }

    /// A list, element by element. `body` reads each, or skips it.
    package mutating func array(_ body: (inout JSONReader) throws(Problem) -> Void) throws(Problem) {
        try begin(UInt8(ascii: "["), "a list is missing")
        if isAtEnd(UInt8(ascii: "]")) { return }
        repeat { try body(&self) } while try hasMore(before: UInt8(ascii: "]"))
    }

    private mutating func begin(_ bracket: UInt8, _ missing: String) throws(Problem) {
        skipSpace()
        guard take(bracket) else { throw problem(missing) }
        guard depth < deepest else { throw problem("too much is nested") }
        depth += 1
    }

    private mutating func isAtEnd(_ bracket: UInt8) -> Bool {
        skipSpace()
        guard take(bracket) else { return false }
        depth -= 1
        return true
    }

    private mutating func hasMore(before bracket: UInt8) throws(Problem) -> Bool {
        if isAtEnd(bracket) { return false }
        guard take(UInt8(ascii: ",")) else { throw problem("a comma is missing") }
        return true
    }

    private mutating func beginKey() throws(Problem) {
        skipSpace()
        guard current == UInt8(ascii: "\"") else { throw problem("a key is missing") }
    }

    mutating func takeColon() throws(Problem) {
        skipSpace()
        guard take(UInt8(ascii: ":")) else { throw problem("a colon is missing") }
    }

    /// A string; `nil` for `null`.
    package mutating func string() throws(Problem) -> String? {
        if try takesNull() { return nil }
        guard current == UInt8(ascii: "\"") else { throw problem("a string is missing") }
        return try quotedText()
    }

    /// The string that an object has for a key, the rest passed over; `nil` where it has none.
    package mutating func text(of wanted: String) throws(Problem) -> String? {
        var text: String?
        try object { (reader, key) throws(Problem) in
            if key == wanted, text == nil { text = try reader.string() } else { try reader.skip() }
        }
        return text
    }

    /// Takes a `null`, where that is what comes next.
    package mutating func takesNull() throws(Problem) -> Bool {
        skipSpace()
        guard current == UInt8(ascii: "n") else { return false }
        if place + 1 < bytes.count, bytes[place + 1] != UInt8(ascii: "u"), takesNonNumber() { return true }
        return try word("null", true)
    }

    /// Passes over a value. What nobody reads may hold what can't be read: half a surrogate pair, bytes that are no UTF-8,
    /// a number that is too large.
    package mutating func skip() throws(Problem) {
        skipSpace()
        switch current {
        case UInt8(ascii: "{"):
            try begin(UInt8(ascii: "{"), "an object is missing")
            if isAtEnd(UInt8(ascii: "}")) { return }
            repeat {
                try beginKey()
                try skipText()
                try takeColon()
                try skip()
            } while try hasMore(before: UInt8(ascii: "}"))
        case UInt8(ascii: "["): try array { (reader) throws(Problem) in try reader.skip() }
        case UInt8(ascii: "\""): try skipText()
        case let byte? where JSONReader.isDigit(byte): _ = try digitsOfNumber()
        case UInt8(ascii: "-"): if !takesNonNumber() { _ = try digitsOfNumber() }
        default: _ = try value()
        }
    }

    private mutating func word<Meaning>(_ word: StaticString, _ meaning: Meaning) throws(Problem) -> Meaning {
        for index in 0..<word.utf8CodeUnitCount {
            guard take(word.utf8Start[index]) else { throw problem("'\(word)' is misspelt") }
        }
        return meaning
    }

    private mutating func number() throws(Problem) -> JSONValue {
        let start = place
        let isWhole = try digitsOfNumber()
        let text = String(decoding: bytes[start..<place], as: UTF8.self)
        if isWhole, let whole = Int(text) { return .int(whole) }
        guard let number = Double(text), number.isFinite else {
            if leniency != .none { return .null }
            throw problem("a number is too large")
        }
        // `5.0` is whole; beyond 2^53 every double is, whatever was written.
        if abs(number) < 0x1p53, let whole = Int(exactly: number) { return .int(whole) }
        return .double(number)
    }

    /// - Returns: Whether the number has neither a fraction nor an exponent.
    mutating func digitsOfNumber() throws(Problem) -> Bool {
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
            let exponent = place
            try digits()
            // Databases end somewhere: PostgreSQL at 131,072 digits.
            if place - exponent > 3 { isRepaired = true }
        }
        if place - firstDigit > JSONReader.longestNumber { isRepaired = true }
        return isWhole
    }

    private mutating func digits() throws(Problem) {
        let start = place
        while let byte = current, JSONReader.isDigit(byte) { place += 1 }
        if place == start { throw problem("a value is missing") }
    }

    static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
}
