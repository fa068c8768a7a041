/// A frame as a client sends it, or as it must not send it.
package struct TestFrame {
    /// In how many bytes the length is written: the fewest, or more than it needs.
    package enum LengthForm { case minimal, two, eight }

    package var opcode: UInt8
    package var payload: [UInt8]
    package var isFinal: Bool
    /// The three reserved bits, where they stand in the first byte.
    package var reserved: UInt8
    package var isMasked: Bool
    package var lengthForm: LengthForm
    /// What the header says, where that is not what follows it.
    package var declaredLength: UInt64?
    package var key: [UInt8]

    package init(
        opcode: UInt8, payload: [UInt8] = [], isFinal: Bool = true, reserved: UInt8 = 0, isMasked: Bool = true,
        lengthForm: LengthForm = .minimal, declaredLength: UInt64? = nil,
        key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
    ) {
        (self.opcode, self.payload, self.isFinal, self.reserved) = (opcode, payload, isFinal, reserved)
        (self.isMasked, self.lengthForm, self.declaredLength, self.key) = (isMasked, lengthForm, declaredLength, key)
    }

    package static func text(_ text: String, isFinal: Bool = true) -> TestFrame {
        TestFrame(opcode: 0x1, payload: Array(text.utf8), isFinal: isFinal)
    }

    package static func text(bytes: [UInt8], isFinal: Bool = true) -> TestFrame {
        TestFrame(opcode: 0x1, payload: bytes, isFinal: isFinal)
    }

    package static func binary(_ payload: [UInt8], isFinal: Bool = true) -> TestFrame {
        TestFrame(opcode: 0x2, payload: payload, isFinal: isFinal)
    }

    package static func continuation(_ payload: [UInt8], isFinal: Bool = true) -> TestFrame {
        TestFrame(opcode: 0x0, payload: payload, isFinal: isFinal)
    }

    package static func ping(_ payload: [UInt8] = []) -> TestFrame { TestFrame(opcode: 0x9, payload: payload) }

    package static func pong(_ payload: [UInt8] = []) -> TestFrame { TestFrame(opcode: 0xA, payload: payload) }

    package static func close(_ code: UInt16, _ reason: [UInt8] = []) -> TestFrame {
        TestFrame(opcode: 0x8, payload: [UInt8(code >> 8), UInt8(code & 0xFF)] + reason)
    }

    package var bytes: [UInt8] {
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
