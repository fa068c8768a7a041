import NIOCore
import TestFrames
import Testing

@testable import WebSocketCodec

@Suite("The WebSocket decoder, however the bytes are cut")
struct WebSocketSplitTests {
    static let sequences: [[TestFrame]] = [
        [.text("hello"), .ping([1, 2, 3]), .text("wörld 漢 😀"), .close(1000, Array("bye".utf8))],
        [.text("a", isFinal: false), .ping(), .continuation(Array("é".utf8), isFinal: false), .continuation([])],
        [.text(bytes: [0xF0, 0x9F], isFinal: false), .continuation([0x98], isFinal: false), .continuation([0x80])],
        [.binary([UInt8](repeating: 7, count: 126)), .binary([], isFinal: false), .continuation([1, 2]), .pong([9])],
        [.text("good"), .text(bytes: [0x61, 0xE6, 0x61, 0x61, 0x61])],
        [.text("good"), TestFrame(opcode: 0x1, payload: [0x61], reserved: 0x40), .text("late")],
        [.text("good", isFinal: false), .text("late")],
        [TestFrame(opcode: 0x2, declaredLength: 1 << 40), .text("late")],
        [TestFrame(opcode: 0x8, payload: [0x03]), .text("late")],
        [.text("good"), TestFrame(opcode: 0x9, isMasked: false), .text("late")],
    ]

    @Test("says the same for every cut in two", arguments: sequences)
    func everyCut(frames: [TestFrame]) {
        let bytes = frames.flatMap(\.bytes)
        let whole = WebSocketDecoder.events(frames)
        #expect(!whole.isEmpty)
        for cut in 0...bytes.count {
            var decoder = WebSocketDecoder()
            let events = decoder.read(bytes[..<cut]) + decoder.read(bytes[cut...])
            #expect(events == whole, "cut at \(cut)")
        }
    }

    @Test("says the same for every cut in three", arguments: sequences)
    func everyTwoCuts(frames: [TestFrame]) {
        let bytes = frames.flatMap(\.bytes).prefix(60)
        var decoder = WebSocketDecoder()
        let whole = decoder.read(bytes)
        for first in 0...bytes.count {
            for second in first...bytes.count {
                var decoder = WebSocketDecoder()
                let pieces = [bytes[..<first], bytes[first..<second], bytes[second...]]
                #expect(pieces.flatMap { decoder.read($0) } == whole, "cut at \(first) and \(second)")
            }
        }
    }

    @Test("says the same for any size of pieces", arguments: sequences)
    func everySize(frames: [TestFrame]) {
        let bytes = frames.flatMap(\.bytes)
        let whole = WebSocketDecoder.events(frames)
        for size in 1...bytes.count {
            var decoder = WebSocketDecoder()
            let events = stride(from: 0, to: bytes.count, by: size).flatMap { start in
                decoder.read(bytes[start..<min(start + size, bytes.count)])
            }
            #expect(events == whole, "pieces of \(size)")
        }
    }
}
