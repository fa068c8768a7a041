import NIOCore
import TestRandom
import TestFrames
import Testing

@testable import WebSocketCodec

@Suite("The limits of compressed messages")
struct InflaterLimitsTests {
    @Test("a message of exactly the limit passes, and one byte more doesn't", arguments: [1_000, 4_096, 65_536])
    func exactlyTheLimit(limit: Int) {
        var decoder = WebSocketDecoder.compressed(limit: limit)
        let deflate = TestDeflate()
        let text = String(repeating: "a", count: limit)
        #expect(decoder.read(TestFrame.compressed(deflate(text)).bytes) == [.text(text)])
        #expect(decoder.read(TestFrame.compressed(deflate(text + "a")).bytes) == [.violation(1009)])
    }

    @Test("what can't be compressed may be a little longer than the limit")
    func noise() {
        var random = SplitMix(seed: 3)
        let noise = (0..<65_536).map { _ in UInt8.random(in: 0...255, using: &random) }
        let payload = TestDeflate()(noise)
        #expect(payload.count > 65_536)
        var decoder = WebSocketDecoder.compressed()
        #expect(decoder.read(TestFrame.compressed(payload, opcode: 0x2).bytes) == [.binary(noise)])
    }

    @Test(
        "the fragments of a message that is not compressed have the limit itself, and nothing of what compressing takes"
    )
    func plainFragments() {
        var decoder = WebSocketDecoder.compressed(limit: 1_000)
        var events: [DecodedEvent] = []
        let piece = [UInt8](repeating: 0x61, count: 100)
        for number in 0..<100 where events.isEmpty {
            let fragment =
                number == 0 ? TestFrame.text(bytes: piece, isFinal: false) : .continuation(piece, isFinal: false)
            events = decoder.read(fragment.bytes)
            if number < 10 { #expect(events.isEmpty) }
        }
        #expect(events == [.violation(1009)])
        #expect(decoder.bufferCapacity == 0)
    }

    @Test(
        "a bomb is refused before it takes more memory than a message may have", arguments: [10_000, 64 << 10, 1 << 20])
    func bomb(limit: Int) {
        var decoder = WebSocketDecoder.compressed(limit: limit)
        let bomb = TestDeflate()([UInt8](repeating: 0x61, count: 8 << 20))
        let frame = TestFrame.compressed(bomb).bytes
        var events: [DecodedEvent] = []
        var highest = 0
        for start in stride(from: 0, to: frame.count, by: 16) {
            events += decoder.read(frame[start..<min(start + 16, frame.count)])
            highest = max(highest, decoder.bufferCapacity)
        }
        #expect(events == [.violation(1009)])
        #expect(highest < 2 * limit)
        #expect(decoder.bufferCapacity == 0)
    }

    @Test("a long frame is refused by its header alone", arguments: [80_000, 1 << 20, 1 << 40] as [UInt64])
    func longFrames(length: UInt64) {
        var header = TestFrame.compressed([])
        header.declaredLength = length
        var decoder = WebSocketDecoder.compressed()
        #expect(decoder.read(header.bytes) == [.violation(1009)])
    }

    @Test(
        "blocks that hold nothing come to an end",
        arguments: [[0x00, 0x00, 0x00, 0xFF, 0xFF], [0x03, 0x00]] as [[UInt8]])
    func emptyBlocks(block: [UInt8]) {
        var decoder = WebSocketDecoder(
            limits: .init(maxMessageBytes: 64 << 10, maxFragments: .max), compression: .agreed())
        let piece = (0..<4_000 / block.count).flatMap { _ in block }
        var events = decoder.read(TestFrame.compressed(piece, isFinal: false).bytes)
        for _ in 1...30 { events += decoder.read(TestFrame.continuation(piece, isFinal: false).bytes) }
        #expect(events == [.violation(1009)])
    }

    @Test("a connection without compression holds nothing for it")
    func withoutCompression() {
        #expect(MemoryLayout<WebSocketDecoder>.size <= 160)
    }
}
