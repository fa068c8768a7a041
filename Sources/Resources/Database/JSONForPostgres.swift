import Pipeline

/// JSON text as `jsonb` takes it: escapes of what is no character there, `\u0000` and half a surrogate pair, become
/// `\ufffd` (https://www.postgresql.org/docs/current/datatype-json.html).
func jsonForPostgres(_ text: String) -> String {
    guard text.holds(byte: UInt8(ascii: "\\")) else { return text }
    var bytes = Array(text.utf8)
    var index = 0
    var isChanged = false
    while index < bytes.count {
        guard let unit = unit(at: index, in: bytes) else {
            // A backslash takes the next byte with it, so that in `\\u0000` the second begins no escape.
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
            continue
        }
        switch unit {
        case 0xD800...0xDBFF where isLowSurrogate(at: index + 6, in: bytes):
            index += 12
        case 0, 0xD800...0xDFFF:
            bytes.replaceSubrange((index + 2)..<(index + 6), with: "fffd".utf8)
            isChanged = true
            index += 6
        default:
            index += 6
        }
    }
    return isChanged ? String(decoding: bytes, as: UTF8.self) : text
}

private func isLowSurrogate(at index: Int, in bytes: [UInt8]) -> Bool {
    unit(at: index, in: bytes).map { (0xDC00...0xDFFF).contains($0) } ?? false
}

/// The UTF-16 unit of an escape `\uXXXX` that begins at an index.
private func unit(at index: Int, in bytes: [UInt8]) -> UInt16? {
    guard bytes.count - index >= 6, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u") else {
        return nil
    }
    return UInt16(String(decoding: bytes[(index + 2)..<(index + 6)], as: UTF8.self), radix: 16)
}
