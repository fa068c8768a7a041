import Glibc

extension String {
    /// Whether its UTF-8 has a byte. `utf8.contains` goes through an iterator, a byte at a time.
    package func holds(byte: UInt8) -> Bool {
        utf8.span.withUnsafeBufferPointer { bytes in
            bytes.baseAddress.map { memchr($0, Int32(byte), bytes.count) != nil } ?? false
        }
    }
}
