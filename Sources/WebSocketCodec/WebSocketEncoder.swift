package import NIOCore

/// Writes a server's frames (RFC 6455 section 5), which carry no mask.
package enum WebSocketEncoder {
    package static func text(_ text: String, into buffer: inout ByteBuffer) {
        var text = text
        text.withUTF8 { write(.text, UnsafeRawBufferPointer($0), into: &buffer) }
    }

    /// The header of a text message that comes behind it.
    static func textHeader(length: Int, into buffer: inout ByteBuffer) {
        writeHeader(.text, length: length, into: &buffer)
    }

    package static func binary(_ payload: ByteBuffer, into buffer: inout ByteBuffer) {
        write(.binary, payload, into: &buffer)
    }

    package static func ping(_ payload: ByteBuffer, into buffer: inout ByteBuffer) {
        write(.ping, payload, into: &buffer)
    }

    package static func pong(_ payload: ByteBuffer, into buffer: inout ByteBuffer) {
        write(.pong, payload, into: &buffer)
    }

    /// A reason is cut to the 123 bytes that a control frame has room for, at the end of a character.
    package static func close(_ code: WebSocketCloseCode?, reason: String, into buffer: inout ByteBuffer) {
        guard let code else { return writeHeader(.close, length: 0, into: &buffer) }
        var reason = reason
        while reason.utf8.count > 123 { reason.removeLast() }
        writeHeader(.close, length: 2 + reason.utf8.count, into: &buffer)
        buffer.writeInteger(code.rawValue)
        buffer.writeString(reason)
    }

    /// A whole message that is compressed already.
    static func compressed(_ opcode: WebSocketFrameHeader.Opcode, _ payload: ByteBuffer, into buffer: inout ByteBuffer)
    {
        let header = buffer.writerIndex
        write(opcode, payload, into: &buffer)
        buffer.setInteger(0x80 | 0x40 | opcode.rawValue, at: header)
    }

    private static func write(
        _ opcode: WebSocketFrameHeader.Opcode, _ payload: ByteBuffer, into buffer: inout ByteBuffer
    ) {
        payload.withUnsafeReadableBytes { write(opcode, $0, into: &buffer) }
    }

    private static func writeHeader(_ opcode: WebSocketFrameHeader.Opcode, length: Int, into buffer: inout ByteBuffer) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: longestHeader) {
            header(opcode, length: length, to: $0)
        }
    }

    /// A frame in one piece, whose buffer is looked at once.
    private static func write(
        _ opcode: WebSocketFrameHeader.Opcode, _ payload: UnsafeRawBufferPointer, into buffer: inout ByteBuffer
    ) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: longestHeader + payload.count) { target in
            let size = header(opcode, length: payload.count, to: target)
            UnsafeMutableRawBufferPointer(rebasing: target[size...]).copyMemory(from: payload)
            return size + payload.count
        }
    }

    /// Bytes of a header, at most.
    private static let longestHeader = 10

    /// - Returns: How many bytes it has.
    private static func header(
        _ opcode: WebSocketFrameHeader.Opcode, length: Int, to target: UnsafeMutableRawBufferPointer
    ) -> Int {
        target[0] = 0x80 | opcode.rawValue
        switch length {
        case ...125:
            target[1] = UInt8(length)
            return 2
        case ...0xFFFF:
            target[1] = 126
            target.storeBytes(of: UInt16(length).bigEndian, toByteOffset: 2, as: UInt16.self)
            return 4
        default:
            target[1] = 127
            target.storeBytes(of: UInt64(length).bigEndian, toByteOffset: 2, as: UInt64.self)
            return 10
        }
    }
}
