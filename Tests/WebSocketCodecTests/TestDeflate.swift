import CZlib
import NIOCore
import NIOHTTP1
import TestFrames

@testable import WebSocketCodec

/// A client's compression, by zlib itself with nothing between: what the host says is measured against it.
final class TestDeflate {
    private var stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

    init(windowBits: Int = 15) {
        stream.initialize(to: z_stream())
        precondition(zlib_begin_deflate(stream, 6, CInt(windowBits), 8) == Z_OK)
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// A message without its end, or with a last block and the byte that must follow it.
    func callAsFunction(_ text: String, isLast: Bool = false) -> [UInt8] { self(Array(text.utf8), isLast: isLast) }

    func callAsFunction(_ bytes: [UInt8], isLast: Bool = false) -> [UInt8] {
        // A flush with nothing to flush gives nothing; the empty message is a byte (RFC 7692 section 7.2.3.6).
        if bytes.isEmpty { return [0] }
        var input = bytes
        var output = [UInt8](repeating: 0, count: bytes.count * 2 + 64)
        let room = output.count
        let count = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.pointee.next_in = input.baseAddress
                stream.pointee.avail_in = CUnsignedInt(input.count)
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = CUnsignedInt(room)
                _ = deflate(stream, isLast ? Z_FINISH : Z_SYNC_FLUSH)
                return room - Int(stream.pointee.avail_out)
            }
        }
        return isLast ? output.prefix(count) + [0] : Array(output.prefix(count - 4))
    }
}

/// A client's decompression.
final class TestInflate {
    private var stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

    init(windowBits: Int = 15) {
        stream.initialize(to: z_stream())
        precondition(zlib_begin_inflate(stream, CInt(windowBits)) == Z_OK)
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// `nil` where it can't be decompressed.
    func callAsFunction(_ bytes: ByteBuffer?) -> String? {
        guard let bytes else { return nil }
        var input = Array(bytes.readableBytesView) + [0x00, 0x00, 0xFF, 0xFF]
        var output = [UInt8](repeating: 0, count: 1 << 20)
        let (status, count) = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.pointee.next_in = input.baseAddress
                stream.pointee.avail_in = CUnsignedInt(input.count)
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = CUnsignedInt(output.count)
                let status = inflate(stream, Z_SYNC_FLUSH)
                return (status, output.count - Int(stream.pointee.avail_out))
            }
        }
        return status == Z_OK ? String(decoding: output.prefix(count), as: UTF8.self) : nil
    }
}

extension TestFrame {
    /// The first frame of a compressed message.
    static func compressed(_ payload: [UInt8], opcode: UInt8 = 0x1, isFinal: Bool = true) -> TestFrame {
        TestFrame(opcode: opcode, payload: payload, isFinal: isFinal, reserved: 0x40)
    }
}

extension PermessageDeflate {
    /// What is agreed on for this offer.
    static func agreed(_ offer: String = "permessage-deflate") -> PermessageDeflate? {
        try? negotiate(["sec-websocket-extensions": offer])
    }
}

extension WebSocketDecoder {
    static func compressed(_ offer: String = "permessage-deflate", limit: Int = 64 << 10) -> WebSocketDecoder {
        WebSocketDecoder(limits: Limits(maxMessageBytes: limit), compression: .agreed(offer))
    }
}
