import NIOCore
import NIOEmbedded
import Testing

@testable import Server

@Suite("What follows an HTTP request")
struct RequestFeederTests {
    private let channel = EmbeddedChannel()
    private let feeder: RequestFeeder

    init() throws {
        feeder = RequestFeeder(
            turns: .forBusy(on: channel.embeddedEventLoop),
            messageTurns: MessageTurns(on: channel.embeddedEventLoop))
        try channel.pipeline.syncOperations.addHandler(feeder)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    private func send(_ text: String) throws { try channel.writeInbound(ByteBuffer(string: text)) }

    private func read() throws -> [String] {
        var pieces: [String] = []
        while let piece = try channel.readInbound(as: ByteBuffer.self) { pieces.append(String(buffer: piece)) }
        return pieces
    }

    @Test("comes in pieces that hold one request each")
    func pieces() throws {
        try send("GET /1\r\n\r\nGET /2\n\nPOST /3\r\n\r\nbody")
        #expect(try read() == ["GET /1\r\n\r\n", "GET /2\n\n", "POST /3\r\n\r\n", "body"])
    }

    @Test("is in no piece of that one, wherever the client's bytes are cut and whatever its body holds")
    func ends() throws {
        let texts = ["GET /1\r\n\r\n", "POST /2\r\n\r\n", "a\r\n\r\nb", "GET /3\n\n", "GET /4\r\nA: b\r\n\r\n"]
        let ends = texts.indices.map { texts[...$0].joined().utf8.count }
        for size in 1...20 {
            let channel = EmbeddedChannel()
            let feeder = RequestFeeder(
                turns: .forBusy(on: channel.embeddedEventLoop),
                messageTurns: MessageTurns(on: channel.embeddedEventLoop))
            let pieces = PieceLengths()
            pieces.feeder = feeder
            try channel.pipeline.syncOperations.addHandlers([feeder, pieces])
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            var left = Array(texts.joined().utf8)[...]
            while !left.isEmpty {
                try channel.writeInbound(ByteBuffer(bytes: left.prefix(size)))
                left = left.dropFirst(size)
            }
            channel.embeddedEventLoop.advanceTime(by: .milliseconds(10))
            #expect(Set(ends).isSubset(of: pieces.ends), "\(size) bytes at once")
        }
    }

    @Test("waits as it came until that one is answered and the answer taken")
    func waiting() throws {
        try send("GET /1\r\n\r\n")
        feeder.requestReceived()
        try send("GET /2\r\n\r\nGET /3\r\n\r\n")
        #expect(try read() == ["GET /1\r\n\r\n"])
        feeder.answerTaken()
        #expect(try read().isEmpty)
        feeder.feed()
        #expect(try read() == ["GET /2\r\n\r\n", "GET /3\r\n\r\n"])
    }

    @Test("is no reason to read more")
    func reading() throws {
        let reads = ReadCounter()
        try channel.pipeline.syncOperations.addHandler(reads, position: .first)
        feeder.requestReceived()
        try send("GET /2\r\n\r\n")
        let before = reads.count
        channel.read()
        #expect(reads.count == before)
        feeder.answerTaken()
        feeder.feed()
        #expect(reads.count == before + 1)
    }

    @Test("is not read before that is answered")
    func readingWhileAnswering() throws {
        let reads = ReadCounter()
        try channel.pipeline.syncOperations.addHandler(reads, position: .first)
        feeder.requestReceived()
        channel.read()
        #expect(reads.count == 0)
        feeder.answerTaken()
        feeder.feed()
        #expect(reads.count == 1)
    }

    @Test("comes back from a decoder that does not read it, before what came later")
    func putBack() throws {
        try send("POST /1\r\n\r\n")
        feeder.requestReceived()
        try send("/2\r\n\r\n")
        feeder.putBack(ByteBuffer(string: "GET "))
        feeder.answerTaken()
        feeder.feed()
        #expect(try read() == ["POST /1\r\n\r\n", "GET /2\r\n\r\n"])
    }

    @Test("begins with its first byte, but for the first request, which has begun with the connection")
    func beginnings() throws {
        var begun = 0
        feeder.requestBegins = { begun += 1 }
        try send("GET /1\r\n\r\n")
        #expect(begun == 0)
        feeder.requestReceived()
        try send("G")
        #expect(begun == 0)
        feeder.answerTaken()
        feeder.feed()
        #expect(begun == 1)
        try send("ET /2\r\n\r\n")
        #expect(begun == 1)
    }

    @Test("ends with what the client sent before it closed its half, and that is answered")
    func end() throws {
        let ends = EndCounter()
        try channel.pipeline.syncOperations.addHandler(ends)
        try send("GET /1\r\n\r\n")
        feeder.requestReceived()
        try send("GET /2\r\n\r\n")
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(ends.count == 0)
        feeder.answerTaken()
        feeder.feed()
        feeder.requestReceived()
        #expect(ends.count == 1)
    }

    @Test("ends at once where nothing is asked, and after an answer where that is all")
    func endOfNothing() throws {
        let ends = EndCounter()
        try channel.pipeline.syncOperations.addHandler(ends)
        feeder.requestReceived()
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(ends.count == 0)
        feeder.answerTaken()
        feeder.feed()
        #expect(ends.count == 1)
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(ends.count == 2)
    }

    @Test("has its share of a turn, and long lines are cut")
    func share() throws {
        try send(String(repeating: "\r\n\r\n", count: 100))
        #expect(try read().count == 32)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(try read().count == 68)
        try send(String(repeating: "x", count: 10_000))
        #expect(try read().map(\.utf8.count) == [4096, 4096, 1808])
    }

    @Test("is the next protocol's, where one begins")
    func removal() throws {
        feeder.requestReceived()
        try send("frames")
        #expect(try read().isEmpty)
        try channel.pipeline.syncOperations.removeHandler(feeder).wait()
        #expect(try read() == ["frames"])
    }
}

private final class EndCounter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private(set) var count = 0

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed { count += 1 }
    }
}

private final class ReadCounter: ChannelOutboundHandler {
    typealias OutboundIn = Never
    private(set) var count = 0

    func read(context: ChannelHandlerContext) {
        count += 1
        context.read()
    }
}

/// Notes where pieces end, and says after the second request's head how long its body is.
private final class PieceLengths: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    var feeder: RequestFeeder?
    private(set) var ends: [Int] = []

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        ends.append((ends.last ?? 0) + Self.unwrapInboundIn(data).readableBytes)
        if ends.last == "GET /1\r\n\r\nPOST /2\r\n\r\n".utf8.count { feeder?.expectBody(of: 6) }
    }
}
