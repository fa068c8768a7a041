import NIOCore
import TestRandom
import TestFrames
import Testing

@testable import WebSocketCodec

@Suite("The decoder with compression, with random streams")
struct InflaterFuzzTests {
    @Test(
        "never traps, keeps its memory bounded, and says the same for any cuts", arguments: 1...4 as ClosedRange<UInt64>
    )
    func streams(seed: UInt64) async {
        var random = SplitMix(seed: seed)
        var kinds = Set<String>()
        for stream in 0..<rounds(250, usually: 80) {
            await Task.yield()
            // No smaller window: zlib lets a client point further back as long as that is in the same read.
            let offer = ["", "; client_no_context_takeover"].randomElement(using: &random)
            let bytes = Self.stream(&random)
            var whole = WebSocketDecoder.compressed("permessage-deflate\(offer ?? "")", limit: 400)
            var pieces = WebSocketDecoder.compressed("permessage-deflate\(offer ?? "")", limit: 400)
            let expected = whole.read(bytes)
            var events: [DecodedEvent] = []
            var start = 0
            while start < bytes.count {
                let end = min(bytes.count, start + Int.random(in: 1...40, using: &random))
                events += pieces.read(bytes[start..<end])
                // A message rounded up to a power of two, and the start of a frame.
                if pieces.bufferCapacity > 512 + 256 { Issue.record("stream \(stream) holds \(pieces.bufferCapacity)") }
                start = end
            }
            if events != expected { Issue.record("stream \(stream): \(bytes) gave \(events), not \(expected)") }
            for event in events { kinds.insert(String("\(event)".prefix(15))) }
        }
        #expect(kinds.contains { $0.hasPrefix("text") } && kinds.contains { $0.hasPrefix("binary") })
        #expect(kinds.isSuperset(of: ["violation(1002)", "violation(1007)", "violation(1009)"]))
    }

    @Test("survives noise in the place of compressed data", arguments: 1...4 as ClosedRange<UInt64>)
    func noise(seed: UInt64) async {
        var random = SplitMix(seed: seed)
        for _ in 0..<rounds(500, usually: 100) {
            await Task.yield()
            let noise = (0..<Int.random(in: 0...100, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            var decoder = WebSocketDecoder.compressed(limit: 1_000)
            let events = decoder.read(TestFrame.compressed(noise, opcode: 0x2).bytes)
            if events.count != 1 { Issue.record("\(noise) gave \(events)") }
        }
    }

    private static func stream(_ random: inout SplitMix) -> [UInt8] {
        let deflate = TestDeflate(windowBits: [9, 15].randomElement(using: &random) ?? 9)
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let letters = (0..<Int.random(in: 0...450, using: &random)).map { _ in
                UInt8.random(in: 97...100, using: &random)
            }
            let payload = deflate(letters)
            let opcode: UInt8 = Bool.random(using: &random) ? 0x1 : 0x2
            let cut = Int.random(in: 0...payload.count, using: &random)
            bytes += TestFrame.compressed(Array(payload[..<cut]), opcode: opcode, isFinal: false).bytes
            if Bool.random(using: &random) { bytes += TestFrame.ping([1]).bytes }
            bytes += TestFrame.continuation(Array(payload[cut...])).bytes
        }
        guard Bool.random(using: &random) else { return bytes }
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        }
        return bytes
    }
}
