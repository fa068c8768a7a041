import CZlib

/// A stream of zlib, raw: without header and checksum.
final class ZStream {
    /// zlib's state points back at it, so it must stay where it is.
    private let stream: UnsafeMutablePointer<z_stream>
    private let isInflating: Bool

    /// `nil` where there is no memory for it.
    init?(inflating windowBits: Int) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        isInflating = true
        guard zlib_begin_inflate(stream, CInt(windowBits)) == Z_OK else { return nil }
    }

    /// `nil` where there is no memory for it.
    init?(deflating windowBits: Int) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        isInflating = false
        // More effort takes up to twice the time, for six per cent.
        guard zlib_begin_deflate(stream, Z_BEST_SPEED, CInt(windowBits), 5) == Z_OK else { return nil }
    }

    deinit {
        // Either is harmless for a stream that did not begin.
        if isInflating { inflateEnd(stream) } else { deflateEnd(stream) }
        stream.deallocate()
    }

    /// What is to be read next. Its memory must stay until all of it is read.
    func read(_ input: UnsafeMutableRawBufferPointer) {
        stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = CUnsignedInt(input.count)
    }

    var hasInput: Bool { stream.pointee.avail_in > 0 }

    /// Whether the last call had more room than it needed, so that nothing is left to be written.
    var hasRoom: Bool { stream.pointee.avail_out > 0 }

    /// Whether what was read ends with a block, as zlib says in its `data_type`.
    var isBetweenBlocks: Bool { stream.pointee.data_type & 128 != 0 }

    func inflate(into target: UnsafeMutableRawBufferPointer) -> (status: CInt, written: Int) {
        output(target)
        let status = CZlib.inflate(stream, Z_SYNC_FLUSH)
        return (status, target.count - Int(stream.pointee.avail_out))
    }

    /// - Returns: How much it has written.
    func deflate(into target: UnsafeMutableRawBufferPointer) -> Int {
        output(target)
        // It can't fail while the stream is whole and there is room.
        _ = CZlib.deflate(stream, Z_SYNC_FLUSH)
        return target.count - Int(stream.pointee.avail_out)
    }

    /// Goes on after the stream's last block; the window stays, because it belongs to the connection (RFC 7692 section
    /// 7.2.3.4), and `inflateReset` would clear it.
    func beginAgain() { inflateResetKeep(stream) }

    /// How many bytes so many can become, with the end of a flush.
    func bound(_ count: Int) -> Int { Int(deflateBound(stream, CUnsignedLong(count))) + 16 }

    private func output(_ target: UnsafeMutableRawBufferPointer) {
        stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = CUnsignedInt(target.count)
    }
}
