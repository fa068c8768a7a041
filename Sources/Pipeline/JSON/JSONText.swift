/// A JSON object written key by key in one pass, in the order in which the documentation shows the keys; Foundation's
/// encoder costs several times as much and sorts or shuffles them.
package struct JSONText {
    private var bytes: [UInt8] = []

    /// An object without members yet.
    ///
    /// - Parameter capacity: About how many bytes it will have; a frame and most of what is stored fit into what is said here.
    package init(capacity: Int = 256) {
        bytes.reserveCapacity(capacity)
        bytes.append(UInt8(ascii: "{"))
    }

    /// An object that says by its first member what it is.
    package init(type: String) {
        self.init()
        add("type", type)
    }

    /// Adds a string.
    package mutating func add(_ key: String, _ value: String) {
        begin(key)
        JSONText.append(quoted: value, to: &bytes)
    }

    /// Adds any value.
    package mutating func add(_ key: String, _ value: JSONValue) {
        begin(key)
        JSONText.append(value, to: &bytes)
    }

    /// Adds what is JSON already.
    package mutating func add(_ key: String, raw value: String) {
        begin(key)
        bytes.append(contentsOf: value.utf8)
    }

    /// The whole object.
    package var finishedBytes: [UInt8] {
        // As large as it is and no larger: a request is kept until it has been sent, and is mostly its prompt.
        var whole: [UInt8] = []
        whole.reserveCapacity(bytes.count + 1)
        whole += bytes
        whole.append(UInt8(ascii: "}"))
        return whole
    }

    /// The whole object.
    package var finished: String { String(decoding: finishedBytes, as: UTF8.self) }

    /// The whole object, in the room that it was written to: for what is not kept for long.
    package consuming func finish() -> [UInt8] {
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// The object without its closing brace, for a last key that comes later.
    package var unfinishedBytes: [UInt8] { bytes }

    private mutating func begin(_ key: String) {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        JSONText.append(quoted: key, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
    }

    /// A string as JSON has it.
    package static func quoted(_ value: String) -> String {
        var bytes: [UInt8] = []
        append(quoted: value, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Adds a value as JSON has it, the keys of objects sorted. JSON has no number that is not finite: it is `null`.
    static func append(_ value: JSONValue, to bytes: inout [UInt8]) {
        switch value {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .int(let value): bytes.append(contentsOf: String(value).utf8)
        case .double(let value): bytes.append(contentsOf: (value.isFinite ? String(value) : "null").utf8)
        case .string(let value): append(quoted: value, to: &bytes)
        case .array(let values):
            bytes.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                append(value, to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                append(quoted: member.key, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                append(member.value, to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    /// How many bytes of a text are looked at before they are added. Six times as many have room on the stack, which is 1 KiB.
    private static let stretch = 160

    static func append(quoted value: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        var value = value
        value.withUTF8 { text in
            guard let begin = text.baseAddress else { return }
            // Most keys and short texts stand as they are.
            var place = 0
            while place < text.count, isPlain(begin[place]) { place += 1 }
            bytes.append(contentsOf: UnsafeBufferPointer(start: begin, count: place))
            while place < text.count {
                let end = min(place + stretch, text.count)
                // What is escaped most is six bytes for one.
                withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 6 * stretch) { buffer in
                    guard let start = buffer.baseAddress else { return }
                    var next = start
                    while place < end {
                        let byte = begin[place]
                        if isPlain(byte) {
                            next.initialize(to: byte)
                            next += 1
                            place += 1
                        } else if let escaped = escaped(at: place, in: text) {
                            write(escape: escaped.scalar, to: &next)
                            place += escaped.length
                        } else {
                            next.initialize(to: byte)
                            next += 1
                            place += 1
                        }
                    }
                    bytes.append(contentsOf: UnsafeBufferPointer(start: start, count: next - start))
                }
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Whether nothing that begins with a byte is ever escaped.
    @inline(__always)
    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 0..<0x20, UInt8(ascii: "\""), UInt8(ascii: "\\"), 0x7F, 0xC2, 0xE2: false
        default: true
        }
    }

    /// A character that begins here and can't stand as it is, and its bytes.
    ///
    /// RFC 8259 section 7: quotation mark, reverse solidus and the control characters must be escaped. So are DEL,
    /// the C1 controls and the line separators, which JSON allows and terminals or line readers obey.
    private static func escaped(
        at place: Int, in text: UnsafeBufferPointer<UInt8>
    ) -> (scalar: UInt16, length: Int)? {
        let byte = text[place]
        switch byte {
        case 0..<0x20, UInt8(ascii: "\""), UInt8(ascii: "\\"), 0x7F: return (UInt16(byte), 1)
        // U+0080 to U+009F, and U+2028 and U+2029, by their bytes in UTF-8.
        case 0xC2 where text[place + 1] < 0xA0: return (UInt16(text[place + 1]), 2)
        case 0xE2 where text[place + 1] == 0x80 && (text[place + 2] == 0xA8 || text[place + 2] == 0xA9):
            return (0x2000 + UInt16(text[place + 2] & 0x3F), 3)
        default: return nil
        }
    }

    private static func write(escape scalar: UInt16, to next: inout UnsafeMutablePointer<UInt8>) {
        func add(_ byte: UInt8) {
            next.initialize(to: byte)
            next += 1
        }
        add(UInt8(ascii: "\\"))
        switch scalar {
        case 0x22, 0x5C: add(UInt8(scalar))
        case 0x0A: add(UInt8(ascii: "n"))
        case 0x0D: add(UInt8(ascii: "r"))
        case 0x09: add(UInt8(ascii: "t"))
        default:
            add(UInt8(ascii: "u"))
            for shift in stride(from: 12, through: 0, by: -4) {
                let digit = UInt8(scalar >> UInt16(shift) & 0xF)
                add(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            }
        }
    }
}
