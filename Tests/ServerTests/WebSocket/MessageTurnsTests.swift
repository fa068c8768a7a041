import NIOCore
import NIOEmbedded
import NIOPosix
import Pipeline
import TestFrames
import Testing

@testable import Server

@Suite("Messages of many clients that are not over at once")
struct MessageTurnsTests {
    @Test("are begun a few at a time, those who came first before the others")
    func turns() async throws {
        let began = try await onLoop { loop, end in
            let crowd = Crowd(40, on: loop)
            for client in crowd.clients { client.send("hello") }
            #expect(crowd.began.count == MessageTurns.share)
            crowd.whenAllHaveBegun { end.succeed(crowd.turns) }
        }
        #expect(began == [Array(0..<16), Array(16..<32), Array(32..<40)])
    }

    @Test("have the next turn to themselves once nobody waits")
    func next() async throws {
        let began = try await onLoop { loop, end in
            let crowd = Crowd(32, on: loop)
            for client in crowd.clients[..<16] { client.send("hello") }
            crowd.whenTurnEnds {
                for client in crowd.clients[16...] { client.send("hello") }
                end.succeed([crowd.began])
            }
        }
        #expect(began == [Array(0..<32)])
    }

    @Test("wait together with what their clients send meanwhile, up to a bound")
    func readingAhead() async throws {
        _ = try await onLoop { loop, end in
            let crowd = Crowd(17, on: loop)
            for client in crowd.clients { client.send("hello") }
            let last = crowd.clients[16]
            var count = 0
            while last.readsOn, count < 1_000 {
                last.send(String(repeating: "x", count: 100))
                count += 1
            }
            #expect((20..<100).contains(count))
            #expect(last.received.isEmpty)
            crowd.whenAllHaveBegun {
                #expect(crowd.clients[16].received.first == "hello")
                end.succeed([])
            }
        }
    }

    @Test("are begun at once where their client leaves")
    func leaving() async throws {
        _ = try await onLoop { loop, end in
            let crowd = Crowd(17, on: loop)
            for client in crowd.clients { client.send("hello") }
            #expect(crowd.clients[16].received.isEmpty)
            crowd.clients[16].leave()
            #expect(crowd.clients[16].received == ["hello"])
            end.succeed([])
        }
    }

    @Test("have behind them those that are over at once, which do not count", .timeLimit(.minutes(1)))
    func others() async throws {
        _ = try await onLoop { loop, end in
            let crowd = Crowd(20, on: loop)
            for client in crowd.clients[..<19] { client.send("hello") }
            crowd.clients[19].sink.holds = false
            crowd.clients[19].send("hello")
            crowd.whenAllHaveBegun {
                #expect(crowd.clients[19].received == ["hello"])
                end.succeed([])
            }
        }
    }

    /// Does something on a real event loop, which looks at its sockets between two turns.
    private func onLoop(
        _ body: @escaping @Sendable (any EventLoop, EventLoopPromise<[[Int]]>) -> Void
    ) async throws -> [[Int]] {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        return try await loop.flatSubmit {
            let end = loop.makePromise(of: [[Int]].self)
            body(loop, end)
            return end.futureResult
        }.get()
    }
}

/// Clients of one event loop whose messages wait in a stage.
private final class Crowd {
    private let loop: any EventLoop
    private(set) var clients: [CrowdClient] = []
    /// Whose messages have begun, in this order.
    private(set) var began: [Int] = []
    /// The same, by the turns in which they began.
    private(set) var turns: [[Int]] = []
    private var inTurn = 0
    private var whenTurnEnds: (() -> Void)?
    private var whenAllHaveBegun: (() -> Void)?

    init(_ count: Int, on loop: any EventLoop) {
        self.loop = loop
        let connections = LoopConnections(loop, limits: HostLimits())
        connections.open()
        clients = (0..<count).map { number in
            CrowdClient(connections) { [weak self] in self?.note(number) }
        }
    }

    func whenTurnEnds(_ body: @escaping () -> Void) { whenTurnEnds = body }

    func whenAllHaveBegun(_ body: @escaping () -> Void) { whenAllHaveBegun = body }

    private func note(_ number: Int) {
        began.append(number)
        let crowd = NIOLoopBound(self, eventLoop: loop)
        if began.count == inTurn + 1 { loop.execute { crowd.value.endTurnSoon() } }
    }

    /// After whatever else the turn has the loop do.
    private func endTurnSoon() {
        let crowd = NIOLoopBound(self, eventLoop: loop)
        loop.execute { crowd.value.endTurn() }
    }

    private func endTurn() {
        turns.append(Array(began[inTurn...]))
        inTurn = began.count
        whenTurnEnds.take()?()
        if began.count >= clients.count { whenAllHaveBegun.take()?() }
    }
}

private final class CrowdClient {
    let sink = RecordingSink()
    private let channel = EmbeddedChannel()
    private let socket = HeldReads()

    init(_ connections: LoopConnections, _ began: @escaping () -> Void) {
        sink.holds = true
        sink.hasReceived = began
        let handler = WebSocketHandler(sink, loop: connections, limits: HostLimits())
        #expect(throws: Never.self) {
            try channel.pipeline.syncOperations.addHandlers([socket, handler])
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        }
    }

    var received: [String] { sink.received }

    func send(_ text: String) {
        #expect(throws: Never.self) { try channel.writeInbound(ByteBuffer(bytes: TestFrame.text(text).bytes)) }
    }

    func leave() { channel.pipeline.fireChannelInactive() }

    /// Whether the handler lets a read through.
    var readsOn: Bool {
        let before = socket.reads
        channel.read()
        return socket.reads > before
    }
}

private final class HeldReads: ChannelOutboundHandler {
    typealias OutboundIn = Never
    private(set) var reads = 0

    func read(context: ChannelHandlerContext) { reads += 1 }
}
