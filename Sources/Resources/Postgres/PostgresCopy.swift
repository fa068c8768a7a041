/// Writes the input of `COPY` in its text format:
/// https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2
struct PostgresCopy {
    private(set) var bytes: [UInt8] = []
    private var isAtStart = true

    /// Adds a value to the line; `nil` is NULL.
    mutating func append(_ text: String?) {
        if !isAtStart { bytes.append(UInt8(ascii: "\t")) }
        isAtStart = false
        guard var text else { return bytes.append(contentsOf: "\\N".utf8) }
        text.withUTF8 { utf8 in
            var start = 0
            for (index, byte) in utf8.enumerated() where byte < 0x20 || byte == UInt8(ascii: "\\") {
                bytes.append(contentsOf: utf8[start..<index])
                start = index + 1
                switch byte {
                case 0: bytes.append(contentsOf: "\u{FFFD}".utf8)  // PostgreSQL takes no U+0000.
                case UInt8(ascii: "\n"): bytes.append(contentsOf: "\\n".utf8)
                case UInt8(ascii: "\r"): bytes.append(contentsOf: "\\r".utf8)
                case UInt8(ascii: "\t"): bytes.append(contentsOf: "\\t".utf8)
                case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
                default: bytes.append(byte)
                }
            }
            bytes.append(contentsOf: utf8[start...])
        }
    }

    mutating func endLine() {
        bytes.append(UInt8(ascii: "\n"))
        isAtStart = true
    }
}
