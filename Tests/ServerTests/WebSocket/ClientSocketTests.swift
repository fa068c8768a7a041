import Glibc
import NIOCore
import NIOPosix
import Pipeline
import TestPatience
import Testing

@testable import Server
@testable import WebSocketCodec

@Suite("Frames that go to a client's socket")
struct ClientSocketTests {
    @Test("leave at once, past the channel's queue")
    func direct() async throws {
        let client = try await Client()
        try await client.write(["one", "two"])
        #expect(try client.read(10) == frames(["one", "two"]))
        #expect(try await client.queued == 0)
        try await client.close()
    }

    @Test("wait for what the channel was given before")
    func behind() async throws {
        let client = try await Client(waiting: "before")
        try await client.write(["one"])
        #expect(try client.read(11) == Array("before".utf8) + frames(["one"]))
        try await client.write(["two"])
        #expect(try client.read(5) == frames(["two"]))
        // What was before, and the one behind it.
        #expect(try await client.queued == 2)
        try await client.close()
    }

    @Test("come whole and in order, however little the client takes", arguments: [2_000, 20_000])
    func slow(length: Int) async throws {
        let client = try await Client()
        let texts = (0..<600_000 / length).map { "\($0) " + String(repeating: "x", count: length) }
        let expected = frames(texts)
        // On a thread of its own: the tasks of all tests share a thread a processor, and one of them is to write.
        let read = NIOThreadPool.singleton.runIfActive(eventLoop: MultiThreadedEventLoopGroup.singleton.next()) {
            try client.read(expected.count)
        }
        for first in stride(from: 0, to: texts.count, by: 3) {
            try await client.write(Array(texts[first..<first + 3]))
        }
        #expect(try await read.get() == expected)
        #expect(try await client.queued > 0)
        try await client.close()
    }

    @Test("of a burst in one turn leave in pieces of 16 KiB, and come whole and in order")
    func burst() async throws {
        let client = try await Client(outbound: .mebibytes(8))
        let texts = (0..<4_096).map { "\($0) " + String(repeating: "x", count: 256) }
        let expected = frames(texts)
        let read = NIOThreadPool.singleton.runIfActive(eventLoop: MultiThreadedEventLoopGroup.singleton.next()) {
            try client.read(expected.count)
        }
        // They are looked at after each, and are not more by the time of the last.
        let gathered = try await client.gather(texts)
        let largest = try #require(gathered.max())
        #expect((8 << 10...16 << 10).contains(largest), "up to \(largest) bytes are gathered")
        #expect(try await read.get() == expected)
        try await client.close()
    }

    private func frames(_ texts: [String]) -> [UInt8] {
        var bytes = ByteBuffer()
        for text in texts { WebSocketEncoder.text(text, into: &bytes) }
        return Array(buffer: bytes)
    }
}

/// The far end of a pair of sockets; the handler that is tested has the near one.
private struct Client {
    private let channel: any Channel
    private let far: CInt
    private let handler: NIOLoopBound<WebSocketHandler>
    private let counter: NIOLoopBound<WriteCounter>

    /// - Parameters:
    ///   - waiting: What the channel was given before there was a handler.
    ///   - outbound: How much may wait for the far end.
    init(waiting: String = "", outbound: ByteSize = .mebibytes(1)) async throws {
        var pair: [CInt] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
        // So little that the socket takes part of a message again and again.
        var size: CInt = 4_096
        setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<CInt>.size))
        Duration.patience(.seconds(20)).limit(SO_RCVTIMEO, of: pair[1])
        far = pair[1]
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .withConnectedSocket(pair[0]).get()
        self.channel = channel
        (handler, counter) = try await channel.eventLoop.submit {
            var limits = HostLimits()
            limits.outbound = outbound
            let handler = WebSocketHandler(
                RecordingSink(), loop: LoopConnections(channel.eventLoop, limits: limits), limits: limits)
            let counter = WriteCounter()
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(counter)
            if !waiting.isEmpty { channel.write(ByteBuffer(string: waiting), promise: nil) }
            try pipeline.addHandler(handler)
            return (
                NIOLoopBound(handler, eventLoop: channel.eventLoop), NIOLoopBound(counter, eventLoop: channel.eventLoop)
            )
        }.get()
    }

    /// How often the channel was given something to write.
    var queued: Int {
        get async throws { try await channel.eventLoop.submit { counter.value.count }.get() }
    }

    func write(_ texts: [String]) async throws {
        try await channel.eventLoop.submit { for text in texts { handler.value.write(text: text) } }.get()
    }

    /// Writes texts that may leave together, in one turn.
    ///
    /// - Returns: How many bytes were gathered after each.
    func gather(_ texts: [String]) async throws -> [Int] {
        try await channel.eventLoop.submit {
            texts.map { text in
                handler.value.write(soon: text)
                return handler.value.frames.count
            }
        }.get()
    }

    /// Waits for so many bytes.
    func read(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1_500)
        while bytes.count < count {
            let size = recv(far, &part, min(part.count, count - bytes.count), 0)
            guard size > 0 else { throw IOError(errnoCode: errno, reason: "recv") }
            bytes += part[..<size]
        }
        return bytes
    }

    func close() async throws {
        try await channel.close()
        Glibc.close(far)
    }
}

private final class WriteCounter: ChannelOutboundHandler {
    typealias OutboundIn = Never
    var count = 0

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        count += 1
        context.write(data, promise: promise)
    }
}
