import NIOCore
import Testing

@testable import WebSocketCodec

@Suite("The WebSocket encoder")
struct WebSocketEncoderTests {
    @Test(
        "writes the length in as few bytes as can hold it",
        arguments: [
            (0, [0x81, 0]), (1, [0x81, 1]), (125, [0x81, 125]), (126, [0x81, 126, 0, 126]),
            (65_535, [0x81, 126, 0xFF, 0xFF]), (65_536, [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] as [(Int, [UInt8])])
    func lengths(count: Int, header: [UInt8]) {
        let text = String(repeating: "x", count: count)
        #expect(encoded { WebSocketEncoder.text(text, into: &$0) } == header + text.utf8)
    }

    @Test("counts a text's bytes, not its characters")
    func bytes() {
        #expect(encoded { WebSocketEncoder.text("é😀", into: &$0) } == [0x81, 6] + "é😀".utf8)
    }

    @Test("writes each kind of frame")
    func kinds() {
        let payload = ByteBuffer(bytes: [1, 2, 3])
        #expect(encoded { WebSocketEncoder.binary(payload, into: &$0) } == [0x82, 3, 1, 2, 3])
        #expect(encoded { WebSocketEncoder.ping(payload, into: &$0) } == [0x89, 3, 1, 2, 3])
        #expect(encoded { WebSocketEncoder.pong(payload, into: &$0) } == [0x8A, 3, 1, 2, 3])
        #expect(encoded { WebSocketEncoder.ping(ByteBuffer(), into: &$0) } == [0x89, 0])
    }

    @Test("writes frames one after the other")
    func several() {
        let bytes = encoded {
            WebSocketEncoder.text("a", into: &$0)
            WebSocketEncoder.text("b", into: &$0)
        }
        #expect(bytes == [0x81, 1, 0x61, 0x81, 1, 0x62])
    }

    @Test("writes a close with its code and reason, or with neither")
    func close() {
        #expect(
            encoded { WebSocketEncoder.close(.goingAway, reason: "bye", into: &$0) } == [0x88, 5, 0x03, 0xE9]
                + "bye".utf8)
        #expect(encoded { WebSocketEncoder.close(nil, reason: "unheard", into: &$0) } == [0x88, 0])
    }

    @Test("cuts a reason that is too long between two characters", arguments: ["x", "é", "漢", "😀", "e\u{301}"])
    func longReason(character: String) {
        let reason = String(repeating: character, count: 200)
        let bytes = encoded { WebSocketEncoder.close(.normal, reason: reason, into: &$0) }
        let kept = String(decoding: bytes.dropFirst(4), as: UTF8.self)
        #expect(bytes.count == Int(bytes[1]) + 2)
        #expect(kept == String(repeating: character, count: 123 / character.utf8.count))
    }

    private func encoded(_ write: (inout ByteBuffer) -> Void) -> [UInt8] {
        var buffer = ByteBuffer()
        write(&buffer)
        return Array(buffer.readableBytesView)
    }
}
