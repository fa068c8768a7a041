import NIOCore
import TestRandom
import TestFrames
import Testing

@testable import WebSocketCodec

@Suite("Compressed messages from a client")
struct InflaterTests {
    private let long = String(repeating: "All work and no play. ", count: 40) + "Grüße, 漢字 😀"

    @Test("arrive as they were, one after the other, text and binary, small and large")
    func arrive() {
        let deflate = TestDeflate()
        var decoder = WebSocketDecoder.compressed()
        for text in ["Hello", long, "", long, String(repeating: "x", count: 65_536)] {
            #expect(decoder.read(TestFrame.compressed(deflate(text)).bytes) == [.text(text)])
        }
        let bytes = (0..<3_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
        #expect(decoder.read(TestFrame.compressed(deflate(bytes), opcode: 0x2).bytes) == [.binary(bytes)])
    }

    @Test("may be left uncompressed, between others")
    func mixed() {
        let deflate = TestDeflate()
        var decoder = WebSocketDecoder.compressed()
        let frames: [TestFrame] = [
            .compressed(deflate(long)), .text("plain"), .text("pl", isFinal: false), .continuation([0x61]),
            .compressed(deflate(long)),
        ]
        #expect(decoder.read(frames.flatMap(\.bytes)) == [.text(long), .text("plain"), .text("pla"), .text(long)])
    }

    @Test(
        "the examples of RFC 7692",
        arguments: [
            [[0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]],
            [[0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00]],
            [[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00]],
            [[0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00]],
            [[0xF2, 0x48, 0xCD], [0xC9, 0xC9, 0x07, 0x00]],
        ] as [[[UInt8]]])
    func examples(pieces: [[UInt8]]) {
        var decoder = WebSocketDecoder.compressed()
        var events = decoder.read(TestFrame.compressed(pieces[0], isFinal: pieces.count == 1).bytes)
        for piece in pieces.dropFirst() { events += decoder.read(TestFrame.continuation(piece).bytes) }
        #expect(events == [.text("Hello")])
        // The window is the same in each: the second message points into the first.
        #expect(decoder.read(TestFrame.compressed([0xF2, 0x00, 0x11, 0x00, 0x00]).bytes) == [.text("Hello")])
    }

    @Test("may have their last block in the middle, and the window goes on")
    func lastBlocks() {
        var decoder = WebSocketDecoder.compressed()
        let hello: [UInt8] = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
        #expect(decoder.read(TestFrame.compressed(hello + hello + [0x00]).bytes) == [.text("HelloHello")])
        #expect(decoder.read(TestFrame.compressed(hello).bytes) == [.text("Hello")])
        #expect(decoder.read(TestFrame.compressed([0xF2, 0x00, 0x11, 0x00, 0x00]).bytes) == [.text("Hello")])
    }

    @Test("come in any fragments and any reads", arguments: [1, 2, 7, 100])
    func fragments(size: Int) {
        let deflate = TestDeflate()
        var decoder = WebSocketDecoder(
            limits: .init(maxMessageBytes: 64 << 10, maxFragments: 10_000), compression: .agreed())
        for _ in 1...3 {
            let payload = deflate(long)
            let starts = Array(stride(from: 0, to: payload.count, by: size))
            var bytes: [UInt8] = []
            for start in starts {
                let piece = Array(payload[start..<min(start + size, payload.count)])
                let isFinal = start == starts.last
                bytes +=
                    start == 0
                    ? TestFrame.compressed(piece, isFinal: isFinal).bytes
                    : TestFrame.continuation(piece, isFinal: isFinal).bytes
                if !isFinal { bytes += TestFrame.ping([1]).bytes }
            }
            let events = bytes.flatMap { decoder.read([$0]) }
            #expect(events.filter { $0 != .ping([1]) } == [.text(long)])
        }
    }

    @Test("may begin and end with empty frames")
    func emptyFrames() {
        var decoder = WebSocketDecoder.compressed()
        let frames: [TestFrame] = [
            .compressed([], isFinal: false), .continuation(TestDeflate()(long), isFinal: false), .continuation([]),
        ]
        #expect(decoder.read(frames.flatMap(\.bytes)) == [.text(long)])
    }

    @Test("without context takeover each stands alone, and nothing is kept between them")
    func noTakeover() {
        var decoder = WebSocketDecoder.compressed("permessage-deflate; client_no_context_takeover")
        for _ in 1...3 { #expect(decoder.read(TestFrame.compressed(TestDeflate()(long)).bytes) == [.text(long)]) }
        let pointsBack = TestFrame.compressed([0xF2, 0x00, 0x11, 0x00, 0x00])
        #expect(decoder.read(pointsBack.bytes) == [.violation(1007)])
    }

    @Test("keep to the window that was agreed on", arguments: 9...12)
    func windows(bits: Int) {
        let offer = "permessage-deflate; client_max_window_bits=\(bits)"
        var random = SplitMix(seed: 7)
        let noise = (0..<(2 << bits)).map { _ in UInt8.random(in: 0...255, using: &random) }
        let frame = { (deflate: TestDeflate) in TestFrame.compressed(deflate(noise), opcode: 0x2).bytes }
        var decoder = WebSocketDecoder.compressed(offer)
        let deflate = TestDeflate(windowBits: bits)
        for _ in 1...2 { if decoder.read(frame(deflate)) != [.binary(noise)] { Issue.record("not the same") } }
        // The same message again, by a client that points further back than was agreed.
        let tooFar = TestDeflate(windowBits: 15)
        decoder = .compressed(offer)
        _ = decoder.read(frame(tooFar))
        #expect(decoder.read(frame(tooFar)) == [.violation(1007)])
    }

    @Test("set the first reserved bit on a message's first frame alone")
    func reservedBit() {
        let payload = TestDeflate()(long)
        #expect(WebSocketDecoder.events([.compressed(payload)]) == [.violation(1002)])
        for opcode in [0x8, 0x9, 0xA] as [UInt8] {
            var decoder = WebSocketDecoder.compressed()
            #expect(decoder.read(TestFrame.compressed([], opcode: opcode).bytes) == [.violation(1002)])
        }
        for reserved in [0x10, 0x20, 0x50, 0x60, 0x70] as [UInt8] {
            var decoder = WebSocketDecoder.compressed()
            let frame = TestFrame(opcode: 0x1, payload: payload, reserved: reserved)
            #expect(decoder.read(frame.bytes) == [.violation(1002)])
        }
        var decoder = WebSocketDecoder.compressed()
        let frames: [TestFrame] = [.compressed(payload, isFinal: false), .compressed([], opcode: 0x0)]
        #expect(decoder.read(frames.flatMap(\.bytes)) == [.violation(1002)])
    }

    @Test(
        "that can't be decompressed are refused",
        arguments: [
            [], [0xFF], [0xFF, 0xFF, 0xFF, 0xFF], [0x06], [0xF2, 0x48, 0xCD], [0xF2, 0x00, 0x11, 0x00, 0x00],
            [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48], [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00, 0x00, 0xFF, 0xFF],
        ] as [[UInt8]])
    func corrupt(payload: [UInt8]) {
        var decoder = WebSocketDecoder.compressed()
        #expect(decoder.read(TestFrame.compressed(payload).bytes) == [.violation(1007)])
        #expect(decoder.read(TestFrame.text("later").bytes) == [])
    }

    @Test(
        "are checked for UTF-8 once decompressed", arguments: [[0xFF], [0xED, 0xA0, 0x80], [0x61, 0xC3]] as [[UInt8]])
    func badText(bytes: [UInt8]) {
        var decoder = WebSocketDecoder.compressed()
        #expect(decoder.read(TestFrame.compressed(TestDeflate()(bytes)).bytes) == [.violation(1007)])
        var binary = WebSocketDecoder.compressed()
        #expect(binary.read(TestFrame.compressed(TestDeflate()(bytes), opcode: 0x2).bytes) == [.binary(bytes)])
    }
}
