import CZlib
import NIOCore

/// Compresses what is sent many times.
enum Gzip {
    /// The bytes as a file of gzip; `nil` where there is no memory for it.
    static func compress(_ bytes: ByteBuffer) -> ByteBuffer? {
        var stream = z_stream()
        guard zlib_begin_gzip(&stream) == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        var (source, target) = (bytes, ByteBuffer())
        let count = source.readableBytes
        let isWhole = source.withUnsafeMutableReadableBytes { source in
            target.writeWithUnsafeMutableBytes(minimumWritableBytes: Int(deflateBound(&stream, CUnsignedLong(count)))) {
                stream.next_in = source.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.avail_in = CUnsignedInt(count)
                stream.next_out = $0.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.avail_out = CUnsignedInt($0.count)
                return deflate(&stream, Z_FINISH) == Z_STREAM_END ? $0.count - Int(stream.avail_out) : 0
            } > 0
        }
        return isWhole ? target : nil
    }
}
