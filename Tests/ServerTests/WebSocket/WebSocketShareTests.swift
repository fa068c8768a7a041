import NIOCore
import NIOEmbedded
import Pipeline
import TestFrames
import Testing

@testable import Server

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

    @Test("is the less the more of it is refused, and of all who send more than they may one goes on a millisecond")
    func offenders() async throws {
        let connections = try await connections()
        var clients: [Client] = []
        for _ in 0..<2 { clients.append(try await Client(connections, loop, framesPerSecond: 10)) }
        for client in clients { try await client.send((0..<60).map { .text("\($0)") }) }
        let first = try await refusals(of: clients)
        #expect(first.allSatisfy { (1...6).contains($0) })
        await loop.advanceTime(by: .milliseconds(1))
        #expect(zip(try await refusals(of: clients), first).map { $0 > $1 } == [true, false])
        await loop.advanceTime(by: .milliseconds(1))
        #expect(zip(try await refusals(of: clients), first).map { $0 > $1 } == [true, true])
        await loop.advanceTime(by: .seconds(1))
        for client in clients {
            let received = try await client.received.compactMap(Int.init)
            let refused = try await client.refused.compactMap(Int.init)
            // The rate is one of real time, in which a slow machine may let some more through.
            #expect(received.starts(with: 0..<10))
            #expect(received == received.sorted() && refused == refused.sorted())
            #expect((received + refused).sorted() == Array(0..<60))
        }
    }

    @Test("is one read a millisecond of what still comes after a breach")
    func dropping() async throws {
        let client = try await Client(try await connections(), loop)
        var unmasked = TestFrame.text("x")
        unmasked.isMasked = false
        try await client.send([unmasked])
        try await client.send([.text("dropped")])
        let before = try await client.reads
        client.channel.read()
        await loop.advanceTime(by: .microseconds(999))
        #expect(try await client.reads == before)
        await loop.advanceTime(by: .microseconds(1))
        #expect(try await client.reads == before + 1)
        #expect(try await client.received.isEmpty)
    }

    @Test("is answered at once, also where it was held up until the client took what was before it")
    func heldUp() async throws {
        let client = try await Client(try await connections(), loop)
        try await client.wait(for: .max)
        try await client.send([.text("held up")])
        #expect(try await client.received.isEmpty)
        try await client.wait(for: 0)
        try await client.channel.testingEventLoop.executeInContext {
            client.channel.pipeline.fireChannelWritabilityChanged()
        }
        #expect(try await client.received == ["held up"])
        #expect(try await client.channel.readOutbound(as: ByteBuffer.self) != nil)
    }

    private func refusals(of clients: [Client]) async throws -> [Int] {
        var counts: [Int] = []
        for client in clients { counts.append(try await client.refused.count) }
        return counts
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
    private let socket: NIOLoopBound<Socket>

    init(
        _ connections: NIOLoopBound<LoopConnections>, _ loop: NIOAsyncTestingEventLoop, framesPerSecond: Int = 0
    ) async throws {
        var limits = HostLimits()
        limits.framesPerSecond = framesPerSecond
        let channel = NIOAsyncTestingChannel(loop: loop)
        self.channel = channel
        self.loop = loop
        (sink, socket) = try await loop.executeInContext { [limits] in
            let (sink, socket) = (RecordingSink(), Socket())
            let handler = WebSocketHandler(sink, loop: connections.value, limits: limits)
            try channel.pipeline.syncOperations.addHandlers([socket, handler])
            return (NIOLoopBound(sink, eventLoop: loop), NIOLoopBound(socket, eventLoop: loop))
        }
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1))
    }

    var received: [String] {
        get async throws { try await loop.executeInContext { sink.value.received } }
    }

    var refused: [String] {
        get async throws { try await loop.executeInContext { sink.value.refused } }
    }

    /// So many messages wait for their answers.
    func wait(for pending: Int) async throws {
        try await loop.executeInContext { sink.value.pending = pending }
    }

    /// How often the handler has asked for more.
    var reads: Int {
        get async throws { try await loop.executeInContext { socket.value.reads } }
    }

    func send(_ frames: [TestFrame]) async throws {
        try await channel.writeInbound(ByteBuffer(bytes: frames.flatMap(\.bytes)))
    }
}

/// Where a socket would be: counts reads, and stays open when its output alone is closed, as the channel of a test doesn't.
private final class Socket: ChannelOutboundHandler {
    typealias OutboundIn = Never
    var reads = 0

    func read(context: ChannelHandlerContext) {
        reads += 1
        context.read()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode == .output { promise?.succeed() } else { context.close(mode: mode, promise: promise) }
    }
}
