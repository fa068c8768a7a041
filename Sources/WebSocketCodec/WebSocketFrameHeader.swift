/// The header of a client's frame (RFC 6455 section 5.2), checked as far as it can be checked alone.
struct WebSocketFrameHeader {
    enum Opcode: UInt8 {
        case continuation = 0x0
        case text = 0x1
        case binary = 0x2
        case close = 0x8
        case ping = 0x9
        case pong = 0xA

        var isControl: Bool { rawValue >= 0x8 }
        var beginsMessage: Bool { self == .text || self == .binary }
    }

    /// The four flags and the opcode's number.
    private let first: UInt8
    let opcode: Opcode
    let length: Int
    let mask: WebSocketMask
    /// How many bytes the header itself has.
    let size: Int

    var isFinal: Bool { first & 0x80 != 0 }

    /// Whether a compressed message begins here (RFC 7692 section 6).
    var isCompressed: Bool { first & 0x40 != 0 }

    /// Whether the frame is a text message, whole and not compressed.
    var isWholeText: Bool { first == 0x80 | Opcode.text.rawValue }

    /// `nil` while the header is not there whole.
    ///
    /// - Parameter mayBeCompressed: Whether permessage-deflate has been agreed on.
    /// - Throws: What is wrong with it, as soon as its first bytes show it.
    init?(_ bytes: UnsafeRawBufferPointer, mayBeCompressed: Bool = false) throws(WebSocketViolation) {
        guard let first = bytes.first else { return nil }
        guard let opcode = Opcode(rawValue: first & 0x0F) else { throw .protocolError("an unknown opcode") }
        // Without an extension that gives them a meaning, the three reserved bits must be 0. permessage-deflate takes
        // the first of them, where a message begins.
        let reserved = first & 0x70
        guard reserved == 0 || mayBeCompressed && reserved == 0x40 && opcode.beginsMessage else {
            throw .protocolError("a reserved bit is set")
        }
        self.first = first
        self.opcode = opcode
        if opcode.isControl && first & 0x80 == 0 { throw .protocolError("a control frame in fragments") }
        guard bytes.count >= 2 else { return nil }
        guard bytes[1] & 0x80 != 0 else { throw .protocolError("a frame without a mask") }
        let short = bytes[1] & 0x7F
        if opcode.isControl && short > 125 { throw .protocolError("a control frame of more than 125 bytes") }
        let extra = short == 126 ? 2 : short == 127 ? 8 : 0
        size = 2 + extra + 4
        guard bytes.count >= 2 + extra else { return nil }
        length = try WebSocketFrameHeader.length(short, bytes)
        guard bytes.count >= size else { return nil }
        mask = WebSocketMask(bytes, at: 2 + extra)
    }

    /// The length must be written in as few bytes as can hold it, and its highest bit must be 0.
    private static func length(_ short: UInt8, _ bytes: UnsafeRawBufferPointer) throws(WebSocketViolation) -> Int {
        switch short {
        case 126:
            let length = Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
            if length < 126 { throw .protocolError("a length in more bytes than it needs") }
            return length
        case 127:
            let length = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
            if length >> 63 != 0 { throw .protocolError("a length of 2^63 or more") }
            if length <= 0xFFFF { throw .protocolError("a length in more bytes than it needs") }
            return Int(length)
        default:
            return Int(short)
        }
    }
}
