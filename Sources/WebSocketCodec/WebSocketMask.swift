import NIOCore

/// The masking of client frames (RFC 6455 section 5.3): every byte is combined with one of four by exclusive or.
struct WebSocketMask: Equatable {
    /// The first of the four bytes is the lowest.
    private var key: UInt32

    /// Reads the four bytes where they stand in a header.
    init(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        key = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// Copies bytes and takes the mask off on the way, as many at a time as the processor takes.
    ///
    /// - Returns: Whether they are ASCII.
    @discardableResult
    func unmask(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Bool {
        let word = UInt64(key) << 32 | UInt64(key)
        let words = SIMD8(repeating: word.littleEndian)
        let count = min(source.count, target.count)
        var offset = 0
        // Every bit that any of them has.
        var manyBits = SIMD8<UInt64>()
        var bits: UInt64 = 0
        while offset + 64 <= count {
            let plain = source.loadUnaligned(fromByteOffset: offset, as: SIMD8<UInt64>.self) ^ words
            target.storeBytes(of: plain, toByteOffset: offset, as: SIMD8<UInt64>.self)
            manyBits |= plain
            offset += 64
        }
        while offset + 8 <= count {
            let plain = UInt64(littleEndian: source.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) ^ word
            target.storeBytes(of: plain.littleEndian, toByteOffset: offset, as: UInt64.self)
            bits |= plain
            offset += 8
        }
        while offset < count {
            let plain = source[offset] ^ UInt8(truncatingIfNeeded: key >> UInt32(offset % 4 * 8))
            target[offset] = plain
            bits |= UInt64(plain)
            offset += 1
        }
        for index in manyBits.indices { bits |= manyBits[index] }
        return bits & 0x8080_8080_8080_8080 == 0
    }

    /// The text that masked bytes are; `nil` where they are not UTF-8.
    ///
    /// What is ASCII, as most is, is unmasked where the text keeps it.
    func text(of masked: UnsafeRawBufferPointer) -> String? {
        var other: String??
        let text = String(unsafeUninitializedCapacity: masked.count) { target in
            let bytes = UnsafeMutableRawBufferPointer(start: target.baseAddress, count: masked.count)
            if unmask(masked, into: bytes) { return masked.count }
            // Here it would be validated, and then once more by whoever called this.
            other = String(validUTF8: UnsafeRawBufferPointer(bytes))
            return 0
        }
        return other ?? text
    }

    /// The mask for what follows after a number of bytes.
    func advanced(by count: Int) -> WebSocketMask {
        var copy = self
        let bits = UInt32(count % 4 * 8)
        copy.key = bits == 0 ? key : key >> bits | key << (32 - bits)
        return copy
    }
}

extension ByteBuffer {
    /// Moves bytes here from another buffer and takes the mask off on the way.
    ///
    /// They are not unmasked where they are: the channel's pool still holds the buffer that it read into, so that
    /// writing there would first copy all of it.
    mutating func writeUnmasked(_ count: Int, from source: inout ByteBuffer, mask: WebSocketMask) {
        guard count > 0 else { return }
        writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
            source.withUnsafeReadableBytes { bytes in
                _ = mask.unmask(UnsafeRawBufferPointer(rebasing: bytes[..<count]), into: target)
            }
            return count
        }
        source.moveReaderIndex(forwardBy: count)
    }
}
