import Glibc
import NIOCore
import NIOPosix
import Pipeline
import TestFrames
import Testing

@testable import Server

@Suite("WebSockets that are read past their channels", .timeLimit(.minutes(1)))
struct ReadableSocketsTests {
    @Test("say all that their clients have sent, in order, however it comes")
    func order() async throws {
        let client = try await Client()
        let texts = (0..<2_000).map { "\($0)" + String(repeating: "x", count: $0 % 300) }
        let bytes = texts[1...].flatMap { TestFrame.text($0).bytes }
        try await client.sendFirst(texts[0])
        let all = try await client.whenReceived(texts.count)
        try await client.send(bytes, inPiecesOf: [1, 7, 100_000, 3, 20_000])
        try await all.get()
        #expect(try await client.received == texts)
        try await client.close()
    }

    @Test("end, though the end comes together with the last that is sent", arguments: [true, false])
    func end(ofHalf isHalf: Bool) async throws {
        let client = try await Client()
        try await client.sendFirst("first")
        // On the loop's thread: it finds both at its next look.
        try await client.onLoop { far in
            let last = TestFrame.text("last").bytes
            #expect(Glibc.send(far, last, last.count, 0) == last.count)
            if isHalf { shutdown(far, Int32(SHUT_WR)) } else { Glibc.close(far) }
        }
        try await client.channel.closeFuture.get()
        #expect(try await client.received == ["first", "last"])
        if isHalf { try await client.close() }
    }

    @Test("are not read while too many of their messages wait, and then go on where they were")
    func backpressure() async throws {
        var limits = HostLimits()
        limits.queued = 3
        let client = try await Client(limits)
        try await client.sendFirst("0")
        let few = try await client.hold(until: 3)
        for number in 1..<50 { try await client.send(TestFrame.text("\(number)").bytes) }
        try await few.get()
        let all = try await client.whenReceived(50)
        #expect(try await client.received.count < 10)
        try await client.release()
        try await all.get()
        #expect(try await client.received == (0..<50).map(String.init))
        try await client.close()
    }
}

private struct Client {
    let channel: any Channel
    private let far: CInt
    private let parts: NIOLoopBound<(sink: RecordingSink, handler: WebSocketHandler)>

    init(_ limits: HostLimits = HostLimits()) async throws {
        var pair: [CInt] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
        far = pair[1]
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .withConnectedSocket(pair[0]).get()
        self.channel = channel
        parts = try await channel.eventLoop.submit {
            let loop = LoopConnections(channel.eventLoop, limits: limits)
            loop.open(readingSocketsOf: 1)
            let sink = RecordingSink()
            sink.isSilent = true
            let handler = WebSocketHandler(sink, loop: loop, limits: limits)
            try channel.pipeline.syncOperations.addHandler(handler)
            return NIOLoopBound((sink, handler), eventLoop: channel.eventLoop)
        }.get()
    }

    var received: [String] {
        get async throws { try await channel.eventLoop.submit { parts.value.sink.received }.get() }
    }

    /// The channel reads it; what follows is read past the channel.
    func sendFirst(_ text: String) async throws {
        let first = try await whenReceived(1)
        try await send(TestFrame.text(text).bytes)
        try await first.get()
        #expect(try await channel.eventLoop.submit { parts.value.handler.watched != nil }.get())
    }

    func onLoop(_ body: @escaping @Sendable (CInt) -> Void) async throws {
        try await channel.eventLoop.submit { body(far) }.get()
    }

    /// What is done once so many messages have come.
    func whenReceived(_ count: Int) async throws -> EventLoopFuture<Void> {
        try await channel.eventLoop.submit { wait(for: count) }.get()
    }

    private func wait(for count: Int) -> EventLoopFuture<Void> {
        let (sink, done) = (parts.value.sink, channel.eventLoop.makePromise(of: Void.self))
        if sink.received.count >= count { done.succeed() }
        sink.hasReceived = { [unowned sink] in if sink.received.count == count { done.succeed() } }
        return done.futureResult
    }

    /// Has no message end from now on.
    func hold(until count: Int) async throws -> EventLoopFuture<Void> {
        try await channel.eventLoop.submit {
            parts.value.sink.holds = true
            return wait(for: count)
        }.get()
    }

    func release() async throws {
        try await channel.eventLoop.submit {
            parts.value.sink.holds = false
            parts.value.handler.messagesHaveEnded()
        }.get()
    }

    func send(_ bytes: [UInt8], inPiecesOf sizes: [Int] = [1 << 20]) async throws {
        try await NIOThreadPool.singleton.runIfActive { [far] in
            var (start, turn) = (0, 0)
            while start < bytes.count {
                let size = min(sizes[turn % sizes.count], bytes.count - start)
                let sent = bytes[start..<(start + size)].withUnsafeBytes { Glibc.send(far, $0.baseAddress, size, 0) }
                guard sent > 0 else { throw IOError(errnoCode: errno, reason: "send") }
                (start, turn) = (start + sent, turn + 1)
            }
        }
    }

    func close() async throws {
        try? await channel.close()
        Glibc.close(far)
    }
}
