import NIOCore
import NIOEmbedded
import Pipeline
import Testing

@testable import Host

@Suite("What one WebSocket has done in a turn")
struct WebSocketShareTests {
    private let loop = NIOAsyncTestingEventLoop()

    @Test("of many frames that came at once is a share, and the rest follows in order after others had their turn")
    func share() async throws {
        let connections = try await connections()
        let many = try await Client(connections, loop)
        let one = try await Client(connections, loop)
        try await many.send((0..<100).map { .text("\($0)") })
        #expect(try await many.received.count < 50)
        try await one.send([.text("hello")])
        #expect(try await one.received == ["hello"])
        await loop.advanceTime(by: .seconds(1))
        #expect(try await many.received == (0..<100).map(String.init))
    }

    @Test("counts large frames by what they hold")
    func large() async throws {
        let client = try await Client(try await connections(), loop)
        try await client.send((0..<4).map { _ in .text(String(repeating: "x", count: 40 << 10)) })
        #expect(try await client.received.count == 1)
        await loop.advanceTime(by: .seconds(1))
        #expect(try await client.received.count == 4)
    }

    @Test("keeps nothing more from being read until it is done")
    func reading() async throws {
        let client = try await Client(try await connections(), loop)
        try await client.send((0..<100).map { .text("\($0)") })
        let before = try await client.reads
        client.channel.read()
        #expect(try await client.reads == before)
        await loop.advanceTime(by: .seconds(1))
        #expect(try await client.reads == before + 1)
    }

    @Test("is everything that has been read, where the client leaves")
    func leaving() async throws {
        let client = try await Client(try await connections(), loop)
        try await client.send((0..<100).map { .text("\($0)") })
        try await client.channel.close()
        #expect(try await client.received.count == 100)
    }

    private func connections() async throws -> NIOLoopBound<LoopConnections> {
        try await loop.executeInContext { [loop] in
            NIOLoopBound(LoopConnections(loop, limits: HostLimits()), eventLoop: loop)
        }
    }
}

/// A connection that has been let in, as its client sees it.
private struct Client {
    let channel: NIOAsyncTestingChannel
    private let loop: NIOAsyncTestingEventLoop
    private let sink: NIOLoopBound<RecordingSink>
    private let counter: NIOLoopBound<ReadCounter>

    init(_ connections: NIOLoopBound<LoopConnections>, _ loop: NIOAsyncTestingEventLoop) async throws {
        let channel = NIOAsyncTestingChannel(loop: loop)
        self.channel = channel
        self.loop = loop
        (sink, counter) = try await loop.executeInContext {
            let (sink, counter) = (RecordingSink(), ReadCounter())
            let handler = WebSocketHandler(sink, loop: connections.value, limits: HostLimits())
            try channel.pipeline.syncOperations.addHandlers([counter, handler])
            return (NIOLoopBound(sink, eventLoop: loop), NIOLoopBound(counter, eventLoop: loop))
        }
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1))
    }

    var received: [String] {
        get async throws { try await loop.executeInContext { sink.value.received } }
    }

    /// How often the handler has asked for more.
    var reads: Int {
        get async throws { try await loop.executeInContext { counter.value.count } }
    }

    func send(_ frames: [ClientFrame]) async throws {
        try await channel.writeInbound(ByteBuffer(bytes: frames.flatMap(\.bytes)))
    }
}

private final class ReadCounter: ChannelOutboundHandler {
    typealias OutboundIn = Never
    var count = 0

    func read(context: ChannelHandlerContext) {
        count += 1
        context.read()
    }
}
