import NIOCore
import TestFrames
import Testing

@testable import WebSocketCodec

@Suite("The WebSocket decoder, with clients that keep the rules")
struct WebSocketDecoderTests {
    @Test(
        "gives back a text of any length",
        arguments: [0, 1, 7, 8, 15, 16, 125, 126, 127, 1_024, 1_025, 65_535, 65_536])
    func text(length: Int) {
        let text = String(repeating: "x", count: length)
        #expect(WebSocketDecoder.events([.text(text)]) == [.text(text)])
    }

    @Test(
        "gives back texts beyond ASCII",
        arguments: ["é", "漢字", "😀", "a\u{0}b", "\u{FEFF}bom", "\u{FFFD}", "🇨🇭 e\u{301}"])
    func unicode(text: String) {
        #expect(WebSocketDecoder.events([.text(text)]) == [.text(text)])
    }

    @Test("gives back binary of any length", arguments: [0, 1, 125, 126, 65_535, 65_536])
    func binary(length: Int) {
        let payload = (0..<length).map { UInt8(truncatingIfNeeded: $0) }
        #expect(WebSocketDecoder.events([.binary(payload)]) == [.binary(payload)])
    }

    @Test("joins fragments")
    func fragments() {
        let events = WebSocketDecoder.events([
            .text("one, ", isFinal: false), .continuation(Array("two, ".utf8), isFinal: false),
            .continuation(Array("three".utf8)), .binary([1], isFinal: false), .continuation([2]),
        ])
        #expect(events == [.text("one, two, three"), .binary([1, 2])])
    }

    @Test("joins a character that is cut by a fragment's end")
    func characterOverFragments() {
        let events = WebSocketDecoder.events([
            .text(bytes: [0xF0, 0x9F], isFinal: false), .continuation([0x98], isFinal: false), .continuation([0x80]),
        ])
        #expect(events == [.text("😀")])
    }

    @Test("takes empty first, middle and last fragments")
    func emptyFragments() {
        let events = WebSocketDecoder.events([
            .text("", isFinal: false), .continuation([], isFinal: false), .continuation([]),
        ])
        #expect(events == [.text("")])
    }

    @Test("delivers control frames that come between fragments")
    func controlBetweenFragments() {
        let events = WebSocketDecoder.events([
            .text("a", isFinal: false), .ping([1, 2]), .continuation([0x62], isFinal: false), .pong([3]),
            .continuation([0x63]),
        ])
        #expect(events == [.ping([1, 2]), .pong([3]), .text("abc")])
    }

    @Test("gives back control frames of up to 125 bytes", arguments: [0, 1, 125])
    func control(length: Int) {
        let payload = [UInt8](repeating: 0xA5, count: length)
        #expect(WebSocketDecoder.events([.ping(payload), .pong(payload)]) == [.ping(payload), .pong(payload)])
    }

    @Test("takes a close without a code")
    func closeWithoutCode() {
        #expect(WebSocketDecoder.events([TestFrame(opcode: 0x8)]) == [.close(nil, "")])
    }

    @Test(
        "takes every close code that may be sent",
        arguments: [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999])
    func closeCode(code: UInt16) {
        #expect(WebSocketDecoder.events([.close(code, Array("bye é".utf8))]) == [.close(code, "bye é")])
    }

    @Test("takes a close whose reason fills the frame")
    func longReason() {
        let reason = String(repeating: "r", count: 123)
        #expect(WebSocketDecoder.events([.close(1000, Array(reason.utf8))]) == [.close(1000, reason)])
    }

    @Test("takes a close between fragments, and drops what was begun")
    func closeBetweenFragments() {
        #expect(WebSocketDecoder.events([.text("a", isFinal: false), .close(1000)]) == [.close(1000, "")])
    }

    @Test("says nothing after a close, whatever comes")
    func nothingAfterClose() {
        var decoder = WebSocketDecoder()
        let frames: [TestFrame] = [.close(1000), .text("late"), TestFrame(opcode: 0x3)]
        #expect(decoder.read(frames.flatMap(\.bytes)) == [.close(1000, "")])
        #expect(decoder.read(TestFrame.text("later").bytes) == [])
        #expect(decoder.bufferCapacity == 0)
    }

    @Test("reads what begins anywhere in a buffer", arguments: 0..<9)
    func readerIndex(offset: Int) {
        var buffer = ByteBuffer(repeating: 0xFF, count: offset)
        buffer.writeBytes(TestFrame.text("twenty-one characters").bytes)
        buffer.moveReaderIndex(forwardBy: offset)
        var decoder = WebSocketDecoder()
        decoder.append(buffer)
        #expect(decoder.next().map(DecodedEvent.init) == .text("twenty-one characters"))
        #expect(decoder.next() == nil)
    }

    @Test("leaves the buffer that it was given as it was")
    func inputIsNotChanged() {
        let bytes = TestFrame.binary([1, 2, 3]).bytes
        let buffer = ByteBuffer(bytes: bytes)
        var decoder = WebSocketDecoder()
        decoder.append(buffer)
        #expect(decoder.next().map(DecodedEvent.init) == .binary([1, 2, 3]))
        #expect(Array(buffer.readableBytesView) == bytes)
    }

    @Test("keeps what is left over in memory of its own once it is told that the buffer is read into again")
    func leftOver() {
        var read = ByteBufferAllocator().buffer(capacity: 64 << 10)
        read.writeBytes(TestFrame.text("1").bytes + TestFrame.text("2").bytes)
        var decoder = WebSocketDecoder()
        decoder.append(read)
        #expect(decoder.next().map(DecodedEvent.init) == .text("1"))
        #expect(decoder.bufferCapacity == read.storageCapacity)
        decoder.copyInput()
        #expect(decoder.bufferCapacity < 100)
        #expect(decoder.read(TestFrame.text("3").bytes) == [.text("2"), .text("3")])
    }

    @Test("keeps the order of frames that came in several reads before it was asked")
    func readsBeforeAsking() {
        var decoder = WebSocketDecoder()
        decoder.append(ByteBuffer(bytes: TestFrame.text("1").bytes + TestFrame.text("2").bytes))
        #expect(decoder.next().map(DecodedEvent.init) == .text("1"))
        #expect(decoder.read(TestFrame.text("3").bytes) == [.text("2"), .text("3")])
    }
}
