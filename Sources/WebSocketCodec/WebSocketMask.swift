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
    func unmask(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) {
        let word = UInt64(key) << 32 | UInt64(key)
        let words = SIMD8(repeating: word.littleEndian)
        let count = min(source.count, target.count)
        var offset = 0
        while offset + 64 <= count {
            let masked = source.loadUnaligned(fromByteOffset: offset, as: SIMD8<UInt64>.self)
            target.storeBytes(of: masked ^ words, toByteOffset: offset, as: SIMD8<UInt64>.self)
            offset += 64
        }
        while offset + 8 <= count {
            let masked = UInt64(littleEndian: source.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            target.storeBytes(of: (masked ^ word).littleEndian, toByteOffset: offset, as: UInt64.self)
            offset += 8
        }
        while offset < count {
            target[offset] = source[offset] ^ UInt8(truncatingIfNeeded: key >> UInt32(offset % 4 * 8))
            offset += 1
        }
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
                mask.unmask(UnsafeRawBufferPointer(rebasing: bytes[..<count]), into: target)
            }
            return count
        }
        source.moveReaderIndex(forwardBy: count)
    }
}
