import TestFrames
import Testing

@testable import WebSocketCodec

/// Frames that break a rule, and the close code that the breach has.
struct Breach: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let code: UInt16
    let frames: [TestFrame]

    init(_ description: String, _ code: UInt16, _ frames: TestFrame...) {
        testDescription = description
        self.code = code
        self.frames = frames
    }

    static let headers = [
        Breach("an unmasked text", 1002, TestFrame(opcode: 0x1, payload: [0x61], isMasked: false)),
        Breach("an unmasked ping", 1002, TestFrame(opcode: 0x9, isMasked: false)),
        Breach("an unmasked close", 1002, TestFrame(opcode: 0x8, isMasked: false)),
        Breach("RSV1", 1002, TestFrame(opcode: 0x1, payload: [0x61], reserved: 0x40)),
        Breach("RSV2", 1002, TestFrame(opcode: 0x1, payload: [0x61], reserved: 0x20)),
        Breach("RSV3", 1002, TestFrame(opcode: 0x1, payload: [0x61], reserved: 0x10)),
        Breach("RSV1 on a ping", 1002, TestFrame(opcode: 0x9, reserved: 0x40)),
        Breach("a length of 125 in two bytes", 1002, TestFrame(opcode: 0x2, payload: zeros(125), lengthForm: .two)),
        Breach("a length of 0 in two bytes", 1002, TestFrame(opcode: 0x1, lengthForm: .two)),
        Breach(
            "a length of 126 in eight bytes", 1002, TestFrame(opcode: 0x2, payload: zeros(126), lengthForm: .eight)),
        Breach(
            "a length of 65,535 in eight bytes", 1002,
            TestFrame(opcode: 0x2, payload: zeros(65_535), lengthForm: .eight)),
    ]

    static let opcodes = [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF].map { (opcode: UInt8) in
        Breach("the opcode \(opcode)", 1002, TestFrame(opcode: opcode))
    }

    static let order = [
        Breach("a continuation of nothing", 1002, .continuation([0x61])),
        Breach("an unfinished continuation of nothing", 1002, .continuation([0x61], isFinal: false)),
        Breach("a text inside a text", 1002, .text("a", isFinal: false), .text("b")),
        Breach("a binary inside a text", 1002, .text("a", isFinal: false), .binary([1])),
        Breach("a text inside a binary", 1002, .binary([1], isFinal: false), .text("a", isFinal: false)),
    ]

    static let control = [
        Breach("a ping in fragments", 1002, TestFrame(opcode: 0x9, isFinal: false)),
        Breach("a pong in fragments", 1002, TestFrame(opcode: 0xA, isFinal: false)),
        Breach("a close in fragments", 1002, TestFrame(opcode: 0x8, isFinal: false)),
        Breach("a ping of 126 bytes", 1002, .ping(zeros(126))),
        Breach("a pong of 126 bytes", 1002, .pong(zeros(126))),
        Breach("a close of 126 bytes", 1002, .close(1000, zeros(124))),
        Breach("a ping of 65,536 bytes", 1002, .ping(zeros(65_536))),
        Breach("half a close code", 1002, TestFrame(opcode: 0x8, payload: [0x03])),
        Breach("a close reason that is not UTF-8", 1007, .close(1000, [0x62, 0xFF])),
        Breach("a close reason that is cut in a character", 1007, .close(1000, [0xE6, 0xBC])),
    ]

    static let closeCodes = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map {
        (code: UInt16) in
        Breach("the close code \(code)", 1002, .close(code))
    }

    static let utf8 = [
        Breach("a stray continuation byte", 1007, .text(bytes: [0x61, 0x80])),
        Breach("an overlong slash", 1007, .text(bytes: [0xC0, 0xAF])),
        Breach("a surrogate", 1007, .text(bytes: [0xED, 0xA0, 0x80])),
        Breach("a code point beyond U+10FFFF", 1007, .text(bytes: [0xF4, 0x90, 0x80, 0x80])),
        Breach("a cut character at the end", 1007, .text(bytes: [0x61, 0xE6, 0xBC])),
        Breach("a bad byte far into a long text", 1007, .text(bytes: [UInt8](repeating: 0x61, count: 5_000) + [0xFF])),
        Breach("a cut character at the last fragment's end", 1007, .text("a", isFinal: false), .continuation([0xE6])),
        Breach(
            "a cut character before an empty last fragment", 1007, .text(bytes: [0xE6], isFinal: false),
            .continuation([])),
        Breach("a bad byte in the first fragment", 1007, .text(bytes: [0xFF], isFinal: false)),
        Breach(
            "a character that its next fragment doesn't continue", 1007, .text(bytes: [0xE6], isFinal: false),
            .continuation([0x61], isFinal: false)),
    ]

    private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
}

@Suite("The WebSocket decoder, with clients that break the rules")
struct WebSocketViolationTests {
    @Test(
        "closes with the code of the breach, and processes nothing after it",
        arguments: Breach.headers + Breach.opcodes + Breach.order + Breach.control + Breach.closeCodes + Breach.utf8)
    func breach(_ breach: Breach) {
        var decoder = WebSocketDecoder()
        let frames = [.text("before")] + breach.frames + [.continuation([0x61]), .text("after"), .ping(), .close(1000)]
        #expect(decoder.read(frames.flatMap(\.bytes)) == [.text("before"), .violation(breach.code)])
        #expect(decoder.read(TestFrame.text("later").bytes) == [])
        #expect(decoder.bufferCapacity == 0)
    }

    @Test(
        "finds a bad first byte before the rest of the header is there", arguments: [0xC1, 0x83, 0x09, 0x8B] as [UInt8])
    func firstByte(byte: UInt8) {
        var decoder = WebSocketDecoder()
        #expect(decoder.read([byte]) == [.violation(1002)])
    }

    @Test(
        "finds a bad second byte before the rest of the header is there",
        arguments: [[0x81, 0x05], [0x89, 0xFE]] as [[UInt8]])
    func secondByte(bytes: [UInt8]) {
        var decoder = WebSocketDecoder()
        #expect(decoder.read(bytes) == [.violation(1002)])
    }

    @Test(
        "finds a bad byte in a frame that is not there whole",
        arguments: [[0xFF], [0xC0], [0xF5], [0xE0, 0x80], [0xED, 0xA0], [0xF0, 0x8F], [0xF4, 0x90]] as [[UInt8]])
    func failsFast(bad: [UInt8]) {
        let frame = TestFrame.text(bytes: Array("so far so good 漢".utf8) + bad + [0x61, 0x61, 0x61])
        var decoder = WebSocketDecoder()
        let end = frame.bytes.count - 3
        #expect(decoder.read(frame.bytes[..<(end - 1)]) == [])
        #expect(decoder.read(frame.bytes[(end - 1)..<end]) == [.violation(1007)])
    }
}
