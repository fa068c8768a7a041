import Pipeline

/// JSON text as `jsonb` takes it: the escape `\u0000`, which it refuses, becomes `\ufffd`.
func jsonWithoutZeros(_ text: String) -> String {
    guard text.holds(byte: UInt8(ascii: "\\")) else { return text }
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
