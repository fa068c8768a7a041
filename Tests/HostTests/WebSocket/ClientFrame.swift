import NIOCore

/// A frame as a client sends it, or as it must not send it.
struct ClientFrame {
    /// In how many bytes the length is written: the fewest, or more than it needs.
    enum LengthForm { case minimal, two, eight }

    var opcode: UInt8
    var payload: [UInt8] = []
    var isFinal = true
    /// The three reserved bits, where they stand in the first byte.
    var reserved: UInt8 = 0
    var isMasked = true
    var lengthForm = LengthForm.minimal
    /// What the header says, where that is not what follows it.
    var declaredLength: UInt64?
    var key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]

    static func text(_ text: String, isFinal: Bool = true) -> ClientFrame {
        ClientFrame(opcode: 0x1, payload: Array(text.utf8), isFinal: isFinal)
    }

    static func text(bytes: [UInt8], isFinal: Bool = true) -> ClientFrame {
        ClientFrame(opcode: 0x1, payload: bytes, isFinal: isFinal)
    }

    static func binary(_ payload: [UInt8], isFinal: Bool = true) -> ClientFrame {
        ClientFrame(opcode: 0x2, payload: payload, isFinal: isFinal)
    }

    static func continuation(_ payload: [UInt8], isFinal: Bool = true) -> ClientFrame {
        ClientFrame(opcode: 0x0, payload: payload, isFinal: isFinal)
    }

    static func ping(_ payload: [UInt8] = []) -> ClientFrame { ClientFrame(opcode: 0x9, payload: payload) }

    static func pong(_ payload: [UInt8] = []) -> ClientFrame { ClientFrame(opcode: 0xA, payload: payload) }

    static func close(_ code: UInt16, _ reason: [UInt8] = []) -> ClientFrame {
        ClientFrame(opcode: 0x8, payload: [UInt8(code >> 8), UInt8(code & 0xFF)] + reason)
    }

    var bytes: [UInt8] {
        let mask: UInt8 = isMasked ? 0x80 : 0
        let length = declaredLength ?? UInt64(payload.count)
        var bytes = [(isFinal ? 0x80 : 0) | reserved | opcode]
        switch lengthForm {
        case .minimal where length <= 125: bytes.append(mask | UInt8(length))
        case .two,
            .minimal where length <= 0xFFFF:
            bytes += [mask | 126, UInt8(length >> 8), UInt8(length & 0xFF)]
        default:
            bytes.append(mask | 127)
            bytes += (0..<8).map { UInt8(truncatingIfNeeded: length >> UInt64(56 - $0 * 8)) }
        }
        guard isMasked else { return bytes + payload }
        return bytes + key + payload.enumerated().map { $0.element ^ key[$0.offset % 4] }
    }
}
