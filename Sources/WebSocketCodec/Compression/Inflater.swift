import CZlib
import NIOCore

/// Decompresses a client's messages, never into more bytes than a message may have.
///
/// Its stream lives from the first compressed message on; without context takeover no longer than each.
final class Inflater {
    private let windowBits: Int
    private let keepsContext: Bool
    /// Bytes of a decompressed message.
    var limit: Int
    private var stream: ZStream?
    /// Bytes of the message that have come, as they came.
    private var taken = 0
    /// The message's last block said that it is the last of the stream.
    private var isAtEnd = false

    init(_ agreed: PermessageDeflate, limit: Int) {
        windowBits = agreed.clientWindowBits
        keepsContext = !agreed.clientNoContextTakeover
        self.limit = limit
    }

    /// How long the next frame may be. Data that can't be compressed grows by less than an eighth; the rest of what
    /// could come would only be blocks that hold nothing.
    var room: Int { limit + limit / 8 + 1_024 - taken }

    /// Takes the next bytes of a message off the input, and writes what they mean.
    func inflate(
        _ count: Int, from bytes: inout ByteBuffer, mask: WebSocketMask, into output: inout ByteBuffer
    ) throws(WebSocketViolation) {
        guard count > 0 else { return }
        taken += count
        let outcome = withUnsafeTemporaryAllocation(byteCount: count, alignment: 8) { unmasked in
            Result { () throws(WebSocketViolation) in
                bytes.withUnsafeReadableBytes {
                    _ = mask.unmask(UnsafeRawBufferPointer(rebasing: $0[..<count]), into: unmasked)
                }
                try inflate(unmasked, into: &output)
            }
        }
        try outcome.get()
        bytes.moveReaderIndex(forwardBy: count)
    }

    /// The message is whole: puts back the end that the client has left off (RFC 7692 section 7.2.2).
    func finish(into output: inout ByteBuffer) throws(WebSocketViolation) {
        if !isAtEnd {
            let outcome = withUnsafeTemporaryAllocation(byteCount: 4, alignment: 4) { end in
                end.copyBytes(from: [0x00, 0x00, 0xFF, 0xFF])
                return Result { () throws(WebSocketViolation) in try inflate(end, into: &output) }
            }
            try outcome.get()
            guard let stream, stream.isBetweenBlocks else { throw .corruptDeflate }
        }
        taken = 0
        guard !keepsContext else { return }
        stream = nil
        isAtEnd = false
    }

    private func inflate(
        _ input: UnsafeMutableRawBufferPointer, into output: inout ByteBuffer
    ) throws(WebSocketViolation) {
        guard let stream = stream ?? ZStream(inflating: windowBits) else { throw .outOfMemory }
        self.stream = stream
        stream.read(input)
        while true {
            if isAtEnd {
                guard stream.hasInput else { return }
                isAtEnd = false
                stream.beginAgain()
            }
            let status = try step(stream, into: &output)
            switch status {
            case Z_STREAM_END: isAtEnd = true
            case Z_OK: if !stream.hasInput, stream.hasRoom { return }
            // Nothing to do: all that could be said has been.
            case Z_BUF_ERROR where !stream.hasInput: return
            case Z_MEM_ERROR: throw .outOfMemory
            default: throw .corruptDeflate
            }
        }
    }

    /// One call of zlib, with room for no more than the message may still have. Once it has all, a single byte shows
    /// whether there is more.
    private func step(_ stream: ZStream, into output: inout ByteBuffer) throws(WebSocketViolation) -> CInt {
        let room = limit - output.readableBytes
        guard room > 0 else {
            let (status, written) = withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) {
                stream.inflate(into: $0)
            }
            if written > 0 { throw .tooBig }
            return status
        }
        var status = Z_OK
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: min(room, 512)) { target in
            let written: Int
            (status, written) = stream.inflate(into: UnsafeMutableRawBufferPointer(rebasing: target.prefix(room)))
            return written
        }
        return status
    }
}

extension WebSocketViolation {
    static let corruptDeflate = WebSocketViolation(code: .invalidData, reason: "data that can't be decompressed")
    static let outOfMemory = WebSocketViolation(code: .internalError, reason: "no memory for decompression")
}
