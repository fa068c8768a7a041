import Glibc

/// Bytes of a stream, of which whole lines are taken.
struct LineBuffer {
    private var bytes: [UInt8] = []

    /// How much waits for the end of its line.
    var count: Int { bytes.count }

    /// Adds bytes, hands on each line that is whole now, without its end, and keeps the rest.
    mutating func append(_ new: UnsafeRawBufferPointer, line: (UnsafeRawBufferPointer) -> Void) {
        // What is read mostly begins and ends with lines: then nothing is copied.
        var rest = new[...]
        if !bytes.isEmpty {
            guard let end = LineBuffer.end(in: rest) else {
                bytes.append(contentsOf: rest)
                return
            }
            bytes.append(contentsOf: rest[..<end])
            bytes.withUnsafeBytes(line)
            bytes.removeAll(keepingCapacity: bytes.count < 1 << 16)
            rest = rest[(end + 1)...]
        }
        while let end = LineBuffer.end(in: rest) {
            line(UnsafeRawBufferPointer(rebasing: rest[rest.startIndex..<end]))
            rest = rest[(end + 1)...]
        }
        bytes.append(contentsOf: rest)
    }

    /// Hands on what came after the last end of a line, if anything did.
    mutating func takeRest(line: (UnsafeRawBufferPointer) -> Void) {
        guard !bytes.isEmpty else { return }
        bytes.withUnsafeBytes(line)
        bytes = []
    }

    private static func end(in bytes: Slice<UnsafeRawBufferPointer>) -> Int? {
        guard !bytes.isEmpty, let base = bytes.base.baseAddress else { return nil }
        let start = base + bytes.startIndex
        return memchr(start, 0x0A, bytes.count).map { UnsafeRawPointer($0) - base }
    }
}
