import Testing

@testable import WebSocketCodec

@Suite("UTF-8, piece by piece")
struct UTF8ValidatorTests {
    /// The bytes at which a rule begins or ends.
    private static let boundaries: [UInt8] = [
        0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
        0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
    ]

    @Test("agrees with the standard library on every sequence of boundary bytes", arguments: boundaries)
    func agrees(first: UInt8) {
        for second in Self.boundaries {
            for third in Self.boundaries {
                for fourth in Self.boundaries {
                    let bytes = [first, second, third, fourth]
                    let expected = String(validating: bytes, as: UTF8.self) != nil
                    if isValid(bytes) != expected || isValidByteByByte(bytes) != expected {
                        Issue.record("\(bytes) should be \(expected)")
                    }
                }
            }
        }
    }

    @Test("agrees with the standard library on every sequence of up to two bytes")
    func agreesOnShort() {
        #expect(isValid([]))
        for first in UInt8.min...UInt8.max {
            #expect(isValid([first]) == (first < 0x80))
            for second in UInt8.min...UInt8.max {
                let bytes = [first, second]
                if isValid(bytes) != (String(validating: bytes, as: UTF8.self) != nil) { Issue.record("\(bytes)") }
            }
        }
    }

    @Test(
        "refuses at the first byte that can't be",
        arguments: [
            [0x80], [0xBF], [0xC0], [0xC1], [0xF5], [0xFF], [0xC2, 0x41], [0xE0, 0x9F], [0xE0, 0x80], [0xED, 0xA0],
            [0xF0, 0x8F], [0xF4, 0x90], [0xE6, 0xBC, 0x41], [0xF0, 0x9F, 0x98, 0xC0], [0x41, 0xE6, 0xC2],
        ] as [[UInt8]])
    func refusesAtOnce(bytes: [UInt8]) {
        for padding in 0..<10 {
            let text = [UInt8](repeating: 0x61, count: padding) + bytes
            #expect(validity(of: text.map { [$0] }) == .refused(piece: text.count - 1))
            #expect(validity(of: [text]) == .refused(piece: 0))
        }
    }

    @Test(
        "knows a character that is not there whole",
        arguments: [[0xC2], [0xE6, 0xBC], [0xF0, 0x9F, 0x98]] as [[UInt8]])
    func incomplete(bytes: [UInt8]) {
        #expect(validity(of: [Array("eight by".utf8) + bytes]) == .incomplete)
    }

    @Test("takes any text in any two pieces")
    func anyCut() {
        let text = Array("plain ascii text, then é, 漢字, 😀 and \u{10FFFF}\u{D7FF}\u{E000}\u{800}\u{80}\u{0}".utf8)
        for cut in 0...text.count {
            #expect(validity(of: [Array(text[..<cut]), Array(text[cut...])]) == .valid)
        }
    }

    private enum Validity: Equatable {
        case valid, incomplete
        case refused(piece: Int)
    }

    private func validity(of pieces: [[UInt8]]) -> Validity {
        var validator = UTF8Validator()
        for (index, piece) in pieces.enumerated() {
            guard piece.withUnsafeBytes({ validator.validate($0) }) else { return .refused(piece: index) }
        }
        return validator.isComplete ? .valid : .incomplete
    }

    private func isValid(_ bytes: [UInt8]) -> Bool { validity(of: [bytes]) == .valid }

    private func isValidByteByByte(_ bytes: [UInt8]) -> Bool { validity(of: bytes.map { [$0] }) == .valid }
}
