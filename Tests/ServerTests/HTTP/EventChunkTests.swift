import NIOCore
import Testing

@testable import Server

@Suite("Events of an answer without a length")
struct EventChunkTests {
    @Test(
        "an event is a chunk of its length, behind those before it",
        arguments: [0, 1, 7, 8, 9, 247, 248, 249, 4_087, 4_088, 70_000])
    func chunk(length: Int) {
        let text = String(repeating: "x", count: length)
        var buffer = ByteBuffer(string: "before")
        buffer.writeChunk(event: text)
        let event = "data: \(text)\n\n"
        #expect(String(buffer: buffer) == "before\(String(event.utf8.count, radix: 16))\r\n\(event)\r\n")
    }
}
