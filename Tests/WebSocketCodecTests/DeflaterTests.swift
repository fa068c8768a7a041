import NIOCore
import TestRandom
import Testing

@testable import WebSocketCodec

@Suite("Compressed messages to a client")
struct DeflaterTests {
    private let text = String(repeating: "What the host says, it says shorter. ", count: 100)

    @Test("can be read, and each is helped by those before it")
    func takeover() throws {
        let deflater = try Deflater(#require(.agreed()))
        let inflate = TestInflate(windowBits: PermessageDeflate.windowBits)
        var sizes: [Int] = []
        for number in 1...5 {
            let message = "\(number) Grüße an alle, die hier zum \(number). Mal etwas von sich hören lassen: 漢字 😀!"
            let compressed = compress(message, by: deflater)
            #expect(inflate(compressed) == message)
            sizes.append(compressed?.readableBytes ?? .max)
        }
        #expect(sizes[1] < sizes[0] / 3)
    }

    @Test("stand alone where the client asks for that")
    func noTakeover() throws {
        let deflater = try Deflater(#require(.agreed("permessage-deflate; server_no_context_takeover")))
        let first = compress(text, by: deflater)
        #expect(compress(text, by: deflater) == first)
        #expect(TestInflate()(first) == text)
        #expect(TestInflate()(first) == text)
    }

    @Test("keep to the client's window", arguments: 9...12)
    func windows(bits: Int) throws {
        let deflater = try Deflater(#require(.agreed("permessage-deflate; server_max_window_bits=\(bits)")))
        let inflate = TestInflate(windowBits: bits)
        var random = SplitMix(seed: 5)
        let noise = String(
            (0..<3_000).map { _ in Character(["a", "b", "c", "d"].randomElement(using: &random) ?? "a") })
        for _ in 1...3 { #expect(inflate(compress(noise, by: deflater)) == noise) }
    }

    @Test("of every length can be read, and short ones stay as they are")
    func lengths() throws {
        let deflater = try Deflater(#require(.agreed()))
        let inflate = TestInflate()
        var random = SplitMix(seed: 9)
        for length in Array(0...70) + [125, 126, 1_000, 16_384, 65_535, 65_536, 300_000] {
            let message = String(
                (0..<length).map { _ in Character(UnicodeScalar(UInt8.random(in: 32...126, using: &random))) })
            let compressed = compress(message, by: deflater)
            #expect((compressed == nil) == (length < 64))
            if let compressed { #expect(inflate(compressed) == message) }
        }
    }

    @Test("say so in the first reserved bit of their frame")
    func frame() {
        var buffer = ByteBuffer()
        WebSocketEncoder.compressed(.text, ByteBuffer(repeating: 7, count: 200), into: &buffer)
        #expect(Array(buffer.readableBytesView.prefix(5)) == [0xC1, 126, 0, 200, 7])
        #expect(buffer.readableBytes == 204)
    }

    private func compress(_ message: String, by deflater: Deflater) -> ByteBuffer? {
        ByteBuffer(string: message).withUnsafeReadableBytes(deflater.deflate)
    }
}
