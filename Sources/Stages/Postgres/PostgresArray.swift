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
            bytes.reserveCapacity(bytes.count + utf8.count + 3)
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

/// JSON text as `jsonb` takes it: the escape `\u0000`, which it refuses, becomes `\ufffd`.
func jsonWithoutZeros(_ text: String) -> String {
    guard text.utf8.contains(UInt8(ascii: "\\")) else { return text }
    var bytes = Array(text.utf8)
    var index = 0
    var isChanged = false
    while index < bytes.count {
        guard bytes[index] == UInt8(ascii: "\\") else {
            index += 1
            continue
        }
        if bytes.count - index >= 6, bytes[(index + 1)..<(index + 6)].elementsEqual("u0000".utf8) {
            bytes.replaceSubrange((index + 2)..<(index + 6), with: "fffd".utf8)
            isChanged = true
        }
        // A backslash takes the next byte with it, so that in `\\u0000` the second begins no escape.
        index += 2
    }
    return isChanged ? String(decoding: bytes, as: UTF8.self) : text
}
