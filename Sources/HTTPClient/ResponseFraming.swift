/// What the head of a response says about its body: where it ends, and whether it comes as events.
///
/// Who takes a body to end elsewhere than the host does takes the rest for the beginning of the next answer.
struct ResponseFraming {
    private var length: [UInt8]?
    private(set) var isChunked = false
    private(set) var hasTwoLengths = false
    private(set) var isEventStream = false

    /// Whether both lengths are given: the chunks count, and the connection is not to be used again (RFC 9112 6.1).
    var isAmbiguous: Bool { isChunked && length != nil }

    /// Takes a field's line.
    mutating func take(_ line: UnsafeRawBufferPointer) {
        if let value = Self.value(of: "content-length", in: line) {
            hasTwoLengths = hasTwoLengths || length.map { $0 != value } ?? false
            length = value
        } else if Self.value(of: "transfer-encoding", in: line) != nil {
            isChunked = true
        } else if let value = Self.value(of: "content-type", in: line) {
            isEventStream = value.starts(with: "text/event-stream".utf8)
        }
    }

    private static func value(of name: StaticString, in line: UnsafeRawBufferPointer) -> [UInt8]? {
        let count = name.utf8CodeUnitCount
        // Most lines differ in their first letter.
        guard line.count > count, line[0] | 0x20 == name.utf8Start[0], line[count] == UInt8(ascii: ":") else {
            return nil
        }
        guard (1..<count).allSatisfy({ line[$0].lowercasedASCII == name.utf8Start[$0] }) else { return nil }
        return line[(count + 1)...].filter { $0 > 0x20 }
    }
}
