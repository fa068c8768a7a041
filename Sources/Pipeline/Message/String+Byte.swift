import Glibc

extension String {
    /// Whether its UTF-8 has a byte. `utf8.contains` goes through an iterator, a byte at a time.
    package func holds(byte: UInt8) -> Bool {
        utf8.span.withUnsafeBufferPointer { bytes in
            bytes.baseAddress.map { memchr($0, Int32(byte), bytes.count) != nil } ?? false
        }
    }

    /// Whether it has the same Unicode scalars, byte by byte. `==` takes texts for the same that only look alike, such
    /// as `é` in one scalar and in two.
    package func hasSameScalars(as other: String) -> Bool {
        utf8.span.withUnsafeBufferPointer { left in
            other.utf8.span.withUnsafeBufferPointer { right in
                guard left.count == right.count else { return false }
                guard let left = left.baseAddress, let rightStart = right.baseAddress else { return true }
                return memcmp(left, rightStart, right.count) == 0
            }
        }
    }
}
