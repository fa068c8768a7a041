import NIOCore
import Testing

@testable import WebSocketCodec

@Suite("Frames that wait to leave")
struct OutgoingFramesTests {
    private let long = String(repeating: "long ", count: 4_000)

    @Test("come in their order, a long text among them")
    func order() throws {
        var (frames, expected) = (OutgoingFrames(compression: nil, buffers: FrameBuffers()), ByteBuffer())
        for text in ["one", long, "two", long, long, "three", long] {
            frames.text(text)
            WebSocketEncoder.text(text, into: &expected)
        }
        let count = frames.count
        #expect(count == expected.readableBytes)
        let leaving = try leaving(of: &frames)
        let (hasLongText, size, joined) = (leaving.hasLongText, leaving.count, leaving.joined)
        #expect(hasLongText && size == expected.readableBytes)
        #expect(joined == expected)
        let isEmpty = frames.isEmpty
        #expect(isEmpty)
    }

    @Test("end with the Close, behind a long text")
    func close() {
        var (frames, expected) = (OutgoingFrames(compression: nil, buffers: FrameBuffers()), ByteBuffer())
        frames.text(long)
        WebSocketEncoder.text(long, into: &expected)
        WebSocketEncoder.close(.normal, reason: "", into: &expected)
        let last = frames.takeAll(closingWith: .normal, "")
        #expect(last == expected)
    }

    @Test("go on wherever the socket has stopped")
    func rest() throws {
        for taken in [1, 5, 6, 9, 10, 11, 8_000, 20_008] {
            var frames = OutgoingFrames(compression: nil, buffers: FrameBuffers())
            frames.text("four")
            frames.text(long)
            var leaving = try leaving(of: &frames)
            let whole = Array(buffer: leaving.joined)
            leaving.drop(first: taken)
            let (rest, count) = (Array(buffer: leaving.joined), leaving.count)
            #expect(rest == Array(whole[taken...]), "\(taken) of \(whole.count)")
            #expect(count == whole.count - taken)
        }
    }

    @Test("are written into buffers that others have left, and hold nothing of theirs")
    func buffers() throws {
        let buffers = FrameBuffers()
        for number in 0..<200 {
            var (frames, expected) = (OutgoingFrames(compression: nil, buffers: buffers), ByteBuffer())
            frames.text("message \(number)")
            WebSocketEncoder.text("message \(number)", into: &expected)
            let leaving = try leaving(of: &frames)
            let joined = leaving.joined
            #expect(joined == expected)
            buffers.put(leaving)
        }
    }

    @Test("are left for others, 64 of them, and not those of more than 4 KiB")
    func bound() throws {
        let buffers = FrameBuffers()
        var connections: [OutgoingFrames] = []
        for _ in 0..<100 {
            var frames = OutgoingFrames(compression: nil, buffers: buffers)
            frames.text("small")
            connections.append(frames)
        }
        for index in connections.indices { buffers.put(try leaving(of: &connections[index])) }
        #expect(buffers.free.count == 64)
        var frames = OutgoingFrames(compression: nil, buffers: buffers)
        frames.text(String(repeating: "x", count: (4 << 10) + 1))
        buffers.put(try leaving(of: &frames))
        #expect(buffers.free.count == 63, "one was taken, and is too large now")
    }

    private func leaving(of frames: inout OutgoingFrames) throws -> LeavingFrames {
        guard let leaving = frames.take() else { throw NoFrames() }
        return leaving
    }

    private struct NoFrames: Error {}
}
