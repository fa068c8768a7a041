import Glibc
import NIOCore
import NIOPosix
import Pipeline
import Server
import WebSocketCodec

/// What a message costs between its connection and its conversation: frames are read, handed on, answered and written.
enum FrameBenchmarks {
    private struct Refusal: Error {}

    /// How many messages come with each read.
    private static let ahead = 16
    private static let text = "What is 2 + 2?"

    static func all() -> [Microbenchmark] {
        [Microbenchmark(name: "frames", atLeast: ahead) { try echo($0) }]
    }

    /// Blocks the thread that waits for answers, so that the program's first one stays, without which valgrind gives up.
    private static func echo(_ count: Int) throws {
        var ends: [Int32] = [0, 0]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0 else { throw Refusal() }
        let channel = try ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let loop = LoopConnections(channel.eventLoop, limits: HostLimits())
                    let handler = WebSocketHandler(Echo(), loop: loop, limits: HostLimits())
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .withConnectedSocket(ends[1]).wait()
        for _ in 0..<count / ahead { try converse(ends[0]) }
        close(ends[0])
        try channel.closeFuture.wait()
    }

    /// Sends as many messages as come with a read, and waits for their answers.
    private static func converse(_ socket: Int32) throws {
        let sent = frames.withUnsafeBytes { write(socket, $0.baseAddress, $0.count) }
        var missing = ahead * (2 + text.utf8.count)
        var answers = [UInt8](repeating: 0, count: missing)
        while missing > 0 {
            let count = answers.withUnsafeMutableBytes { read(socket, $0.baseAddress, missing) }
            guard sent == frames.count, count > 0 else { throw Refusal() }
            missing -= count
        }
    }

    /// Text frames of a client, masked by zeros.
    private static let frames: [UInt8] = (0..<ahead).flatMap { _ in
        [0x81, 0x80 | UInt8(text.utf8.count), 0, 0, 0, 0] + Array(text.utf8)
    }
}

/// Says back every message.
private final class Echo: MessageSink {
    private var connection: WebSocketHandler?
    var isBackpressured = false
    var pending: Int { 0 }
    var pendingBytes: Int { 0 }

    func begin(on connection: WebSocketHandler) { self.connection = connection }

    func receive(_ text: String) { connection?.write(text: text) }

    func refuse(_ text: String, with error: PipelineError) {}

    func receive(_ binary: ByteBuffer) {}

    func stop() -> Int { 0 }

    func end() { connection = nil }

    func hasFailed(_ error: any Error) {}

    func hasEnded(with code: WebSocketCloseCode?) {}

    func willBeCut(because reason: String) {}
}
