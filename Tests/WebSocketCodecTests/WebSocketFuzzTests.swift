import NIOCore
import TestRandom
import TestFrames
import Testing

@testable import WebSocketCodec

@Suite("The WebSocket decoder, with random streams")
struct WebSocketFuzzTests {
    private static let limits = WebSocketDecoder.Limits(maxMessageBytes: 200, maxFragments: 5)

    @Test(
        "never traps, keeps its memory bounded, and says the same for any cuts", arguments: 1...8 as ClosedRange<UInt64>
    )
    func streams(seed: UInt64) async {
        var random = SplitMix(seed: seed)
        var kinds = Set<String>()
        var highestCapacity = 0
        for stream in 0..<rounds(2_500, usually: 1_250) {
            await Task.yield()
            let bytes = Self.stream(&random)
            var whole = WebSocketDecoder(limits: Self.limits)
            let expected = whole.read(bytes)
            var pieces = WebSocketDecoder(limits: Self.limits)
            var events: [DecodedEvent] = []
            var start = 0
            while start < bytes.count {
                let end = min(bytes.count, start + Int.random(in: 1...40, using: &random))
                events += pieces.read(bytes[start..<end])
                highestCapacity = max(highestCapacity, pieces.bufferCapacity)
                start = end
            }
            let endsOnce = events.dropLast().allSatisfy { !Self.isLast($0) }
            if events != expected || !endsOnce { Issue.record("stream \(stream): \(bytes) gave \(events)") }
            for event in events { kinds.insert(Self.kind(event)) }
        }
        // A message, rounded up to a power of two, and the start of a frame.
        #expect(highestCapacity <= 256 + 256)
        // A stream that never gets anywhere would prove nothing.
        #expect(kinds.isSuperset(of: ["text", "binary", "ping", "pong", "close", "1002", "1007", "1008", "1009"]))
    }

    @Test("survives bytes that are no frames at all", arguments: 1...4 as ClosedRange<UInt64>)
    func noise(seed: UInt64) async {
        var random = SplitMix(seed: seed)
        for _ in 0..<rounds(2_500, usually: 500) {
            await Task.yield()
            let bytes = (0..<Int.random(in: 1...64, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            var whole = WebSocketDecoder()
            var pieces = WebSocketDecoder()
            let expected = whole.read(bytes)
            if bytes.flatMap({ pieces.read([$0]) }) != expected { Issue.record("\(bytes)") }
        }
    }

    private static func stream(_ random: inout SplitMix) -> [UInt8] {
        var frames: [TestFrame] = []
        var isInMessage = false
        for _ in 0..<Int.random(in: 1...10, using: &random) {
            frames.append(frame(&random, isInMessage: &isInMessage))
        }
        var bytes = frames.flatMap(\.bytes)
        mutate(&bytes, &random)
        return bytes
    }

    private static func frame(_ random: inout SplitMix, isInMessage: inout Bool) -> TestFrame {
        let key = (0..<4).map { _ in UInt8.random(in: 0...255, using: &random) }
        let roll = Int.random(in: 0..<20, using: &random)
        var frame = TestFrame(opcode: [0x9, 0xA][roll % 2], payload: text(0...20, &random), key: key)
        switch roll {
        case 0: frame = .close(1000, text(0...20, &random))
        case 1...3: break
        default:
            frame.payload = text(0...90, &random)
            frame.opcode = isInMessage ? 0x0 : [0x1, 0x2][roll % 2]
            frame.isFinal = roll < 13
            isInMessage = !frame.isFinal
        }
        frame.key = key
        return frame
    }

    private static func text(_ length: ClosedRange<Int>, _ random: inout SplitMix) -> [UInt8] {
        let characters: [Character] = ["a", "b", " ", "é", "漢", "😀"]
        let length = Int.random(in: length, using: &random)
        return Array(String((0..<length / 2).map { _ in characters.randomElement(using: &random) ?? "a" }).utf8)
    }

    /// Half of the streams stay as they are.
    private static func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix) {
        guard Bool.random(using: &random) else { return }
        for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes[index] = UInt8.random(in: 0...255, using: &random)
            case 2: bytes.remove(at: index)
            default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
            }
        }
    }

    private static func isLast(_ event: DecodedEvent) -> Bool {
        switch event {
        case .close, .violation: true
        default: false
        }
    }

    private static func kind(_ event: DecodedEvent) -> String {
        switch event {
        case .text: "text"
        case .binary: "binary"
        case .ping: "ping"
        case .pong: "pong"
        case .close: "close"
        case .violation(let code): "\(code)"
        }
    }
}
