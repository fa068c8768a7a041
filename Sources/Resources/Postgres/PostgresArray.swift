/// Writes the text form of an array, by bytes: escaping strings as strings makes large batches several times slower.
struct PostgresArray {
    private(set) var bytes: [UInt8] = [UInt8(ascii: "{")]

    /// Adds an element; `nil` is NULL.
    mutating func append(_ text: String?) {
        separate()
        guard var text else {
            bytes.append(contentsOf: "NULL".utf8)
            return
        }
        bytes.append(UInt8(ascii: "\""))
        text.withUTF8 { utf8 in
            var start = 0
            for (index, byte) in utf8.enumerated() {
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                    bytes.append(contentsOf: utf8[start..<index])
                    bytes.append(UInt8(ascii: "\\"))
                    start = index
                case 0:
                    // PostgreSQL takes no U+0000, and the parameter would end here.
                    bytes.append(contentsOf: utf8[start..<index])
                    bytes.append(contentsOf: "\u{FFFD}".utf8)
                    start = index + 1
                default: break
                }
            }
            bytes.append(contentsOf: utf8[start...])
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// The whole text.
    consuming func finished() -> [UInt8] {
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private mutating func separate() {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
    }
}
