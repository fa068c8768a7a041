package import NIOCore

/// Writes a server's frames (RFC 6455 section 5), which carry no mask.
package enum WebSocketEncoder {
    package static func text(_ text: String, into buffer: inout ByteBuffer) {
        writeHeader(.text, length: text.utf8.count, into: &buffer)
        buffer.writeString(text)
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
        writeHeader(opcode, length: payload.readableBytes, into: &buffer)
        buffer.writeImmutableBuffer(payload)
    }

    private static func writeHeader(_ opcode: WebSocketFrameHeader.Opcode, length: Int, into buffer: inout ByteBuffer) {
        let first = 0x80 | opcode.rawValue
        switch length {
        case ...125:
            buffer.writeInteger(UInt16(first) << 8 | UInt16(length))
        case ...0xFFFF:
            buffer.writeMultipleIntegers(first, UInt8(126), UInt16(length))
        default:
            buffer.writeMultipleIntegers(first, UInt8(127), UInt64(length))
        }
    }
}
