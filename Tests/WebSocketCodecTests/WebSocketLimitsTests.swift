import NIOCore
import TestFrames
import Testing

@testable import WebSocketCodec

@Suite("The WebSocket decoder's limits")
struct WebSocketLimitsTests {
    private let small = WebSocketDecoder.Limits(maxMessageBytes: 1_000)

    @Test("a message of exactly the limit passes", arguments: [1, 4, 10, 125])
    func exactlyTheLimit(fragments: Int) {
        let frames = fragmented([UInt8](repeating: 0x61, count: 1_000), into: fragments)
        #expect(WebSocketDecoder.events(frames, limits: small) == [.text(String(repeating: "a", count: 1_000))])
    }

    @Test("a message of one byte more is too big", arguments: [1, 2, 7, 10])
    func oneByteMore(fragments: Int) {
        let frames = fragmented([UInt8](repeating: 0x61, count: 1_001), into: fragments)
        #expect(WebSocketDecoder.events(frames, limits: small) == [.violation(1009)])
    }

    @Test("where compression is agreed on, a plain message in fragments has the limit of every other")
    func plainFragmentsBesideCompression() {
        let fragments = fragmented([UInt8](repeating: 0x61, count: 1_001), into: 7).flatMap(\.bytes)
        var decoder = WebSocketDecoder.compressed(limit: 1_000)
        #expect(decoder.read(fragments) == [.violation(1009)])
        var other = WebSocketDecoder.compressed(limit: 1_000)
        let whole = fragmented([UInt8](repeating: 0x61, count: 1_000), into: 7).flatMap(\.bytes)
        #expect(other.read(whole) == [.text(String(repeating: "a", count: 1_000))])
    }

    @Test("the default is 64 KiB")
    func theDefault() {
        #expect(WebSocketDecoder.events([.binary([UInt8](repeating: 0, count: 65_537))]) == [.violation(1009)])
    }

    @Test(
        "a huge length is refused by its header alone",
        arguments: [1 << 16 | 1, 1 << 30, 1 << 31, 1 << 40, 1 << 62, (1 << 63) - 1] as [UInt64])
    func hugeLength(length: UInt64) {
        let header = TestFrame(opcode: 0x1, declaredLength: length)
        var decoder = WebSocketDecoder()
        #expect(decoder.read(header.bytes) == [.violation(1009)])
        #expect(decoder.bufferCapacity == 0)
    }

    @Test(
        "a huge length in a message that has begun is refused as well", arguments: [1 << 40, (1 << 63) - 1] as [UInt64])
    func hugeContinuation(length: UInt64) {
        let header = TestFrame(opcode: 0x0, declaredLength: length)
        #expect(WebSocketDecoder.events([.text("abc", isFinal: false), header]) == [.violation(1009)])
    }

    @Test(
        "a length with its highest bit set breaks the protocol", arguments: [1 << 63, (1 << 63) + 1, .max] as [UInt64])
    func highestBit(length: UInt64) {
        let header = TestFrame(opcode: 0x2, declaredLength: length)
        #expect(WebSocketDecoder.events([header]) == [.violation(1002)])
    }

    @Test("128 fragments pass, and the next one is refused")
    func fragments() {
        var decoder = WebSocketDecoder()
        #expect(decoder.read(TestFrame.text("a", isFinal: false).bytes) == [])
        for _ in 2...127 { #expect(decoder.read(TestFrame.continuation([0x61], isFinal: false).bytes) == []) }
        var other = decoder
        #expect(decoder.read(TestFrame.continuation([0x61]).bytes) == [.text(String(repeating: "a", count: 128))])
        #expect(other.read(TestFrame.continuation([0x61], isFinal: false).bytes) == [])
        #expect(other.read(TestFrame.continuation([0x61]).bytes) == [.violation(1008)])
    }

    @Test("a second empty fragment in a row is refused")
    func emptyFragments() {
        let empty = TestFrame.continuation([], isFinal: false)
        #expect(WebSocketDecoder.events([.text("a", isFinal: false), empty, empty]) == [.violation(1008)])
        let apart = [
            .text("a", isFinal: false), empty, .continuation([0x62], isFinal: false), empty, .continuation([]),
        ]
        #expect(WebSocketDecoder.events(apart) == [.text("ab")])
    }

    @Test("five million continuations end at the limit, and hold no memory", arguments: [[], [0x61]] as [[UInt8]])
    func flood(payload: [UInt8]) {
        var decoder = WebSocketDecoder()
        var events = decoder.read(TestFrame.text("", isFinal: false).bytes)
        let frame = TestFrame.continuation(payload, isFinal: false).bytes
        let chunk = ByteBuffer(bytes: (0..<10_000).flatMap { _ in frame })
        for _ in 0..<500 {
            decoder.append(chunk)
            while let event = decoder.next() { events.append(DecodedEvent(event)) }
        }
        #expect(events == [.violation(1008)])
        #expect(decoder.bufferCapacity == 0)
    }

    @Test("a decoder between messages holds no buffer")
    func idle() {
        var decoder = WebSocketDecoder()
        #expect(decoder.bufferCapacity == 0)
        let frames: [TestFrame] = [.text("a", isFinal: false), .continuation([0x62]), .ping([1]), .binary([1, 2])]
        for frame in frames { _ = decoder.read(frame.bytes) }
        #expect(decoder.bufferCapacity == 0)
        #expect(MemoryLayout<WebSocketDecoder>.size <= 160)
    }

    @Test("the start of a frame doesn't hold the buffer that it was read into")
    func startOfFrame() {
        var buffer = ByteBufferAllocator().buffer(capacity: 65_536)
        buffer.writeBytes(TestFrame.ping([UInt8](repeating: 0, count: 125)).bytes.dropLast())
        var decoder = WebSocketDecoder()
        decoder.append(buffer)
        #expect(decoder.next() == nil)
        #expect(decoder.bufferCapacity <= 256)
    }

    @Test("a frame that is announced and doesn't come takes no memory")
    func announced() {
        var decoder = WebSocketDecoder()
        #expect(decoder.read(TestFrame(opcode: 0x2, declaredLength: 65_536).bytes) == [])
        #expect(decoder.bufferCapacity == 0)
    }

    @Test("a message that arrives byte by byte takes no more memory than its limit, rounded up")
    func byteByByte() {
        var decoder = WebSocketDecoder(limits: small)
        var highest = 0
        let frames = fragmented([UInt8](repeating: 0x61, count: 1_000), into: 100)
        for byte in frames.flatMap(\.bytes) {
            _ = decoder.read([byte])
            highest = max(highest, decoder.bufferCapacity)
        }
        #expect(highest > 0 && highest <= 1_024 + 64)
        #expect(decoder.bufferCapacity == 0)
    }

    private func fragmented(_ payload: [UInt8], into count: Int) -> [TestFrame] {
        let size = (payload.count + count - 1) / count
        let starts = Array(stride(from: 0, to: payload.count, by: size))
        return starts.map { start in
            let piece = Array(payload[start..<min(start + size, payload.count)])
            let isFinal = start == starts.last
            return start == 0 ? .text(bytes: piece, isFinal: isFinal) : .continuation(piece, isFinal: isFinal)
        }
    }
}
