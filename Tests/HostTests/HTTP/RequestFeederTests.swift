import NIOCore
import NIOEmbedded
import Testing

@testable import Host

@Suite("What follows an HTTP request")
struct RequestFeederTests {
    private let channel = EmbeddedChannel()
    private let feeder: RequestFeeder

    init() throws {
        feeder = RequestFeeder(turns: .forBusy(on: channel.embeddedEventLoop))
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

private final class ReadCounter: ChannelOutboundHandler {
    typealias OutboundIn = Never
    private(set) var count = 0

    func read(context: ChannelHandlerContext) {
        count += 1
        context.read()
    }
}
