import NIOCore
import NIOEmbedded
import Pipeline
import Synchronization
import Testing

@testable import Server

@Suite("A retained session")
struct RetainedSessionTests {
    private final class Client: RetainedClient {
        var heard: [String] = []
        var isClosed = false

        func write(_ frame: NumberedFrame) { heard.append(frame.text) }
        func giveWay() { isClosed = true }
    }

    private final class Forwarded: Sendable {
        let kinds = Mutex<[ServerFrame.Kind]>([])
    }

    private let loop = EmbeddedEventLoop()
    private let session = RetainedSession(
        userID: nil, limit: 1 << 20, for: .seconds(60), budget: Kept().budget, at: .now())

    private func frame() throws -> ServerFrame {
        try #require(ServerFrame.session(id: "s", isResumed: false, in: .json))
    }

    private func attach() -> (Client, generation: Int) {
        let client = Client()
        return (
            client, session.attach(NIOLoopBound<any RetainedClient>(client, eventLoop: loop), after: .max).generation
        )
    }

    @Test("greets only the client that comes, not the one that has taken its seat meanwhile")
    func greeting() throws {
        let (first, earlier) = attach()
        let (second, later) = attach()
        session.deliver(try frame(), for: earlier)
        session.deliver(try frame(), for: later)
        loop.run()
        #expect(first.isClosed && first.heard.isEmpty)
        #expect(second.heard.count == 1 && second.heard[0].hasSuffix(#""seq":1}"#))
    }

    @Test("sends the host that has it everything but the greeting of a client that came too late")
    func forwarding() throws {
        let forwarded = Forwarded()
        _ = session.handOver { frame in forwarded.kinds.withLock { $0.append(frame.kind) } }
        let (late, generation) = attach()
        session.deliver(try frame(), for: generation)
        session.deliver(.error(.stopping, clientID: "c-1", in: .json), for: generation)
        loop.run()
        #expect(late.isClosed && late.heard.isEmpty)
        #expect(forwarded.kinds.withLock(\.self) == [.error(.stopping)])
    }
}
