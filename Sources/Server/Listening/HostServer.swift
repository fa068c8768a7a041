import Glibc
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Pipeline

/// The listening socket and what happens with a connection that it accepts.
struct HostServer {
    let connections: Connections
    /// `nil` where TLS is not spoken.
    let certificates: TLSCertificates?
    let logger: Logger

    /// What the kernel takes for a client beyond what is on its way. Left alone it takes 4 MiB from a client that never
    /// reads (tcp(7), tcp_wmem), and many such clients hold the others up for as long as that lasts.
    private static let unsentBytes: SocketOptionValue = 128 << 10

    /// - Throws: `IOError` where the address can't be bound.
    func bind(group: any EventLoopGroup, host: String, port: Int) async throws -> any Channel {
        // Makes the decoder's generic types known to Swift's runtime on one thread. Where the first two connections make
        // them on two event loops at the same instant, its search for conformances may find one half made, and crash.
        _ = HTTPCodec(limits: HostLimits().decoding)
        return try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Inherited by every connection.
            .serverChannelOption(.tcpOption(.init(rawValue: TCP_NOTSENT_LOWAT)), value: HostServer.unsentBytes)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptPause(logger: logger))
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            // A client that closes its sending half still gets the answer to what it asked.
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            // Each connection keeps a buffer of the size that its reads have had: it begins with a handshake's.
            .childChannelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 1 << 10, maximum: 64 << 10)
            )
            // The next read of the same client waits until those of others are done.
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try configure(channel) }
            }
            .bind(host: host, port: port).get()
    }

    private func configure(_ channel: any Channel) throws {
        switch connections.accept(channel) {
        case .served(let gate): try serve(channel, gate)
        case .refused(let rejection, let loop): try refuse(channel, RefusedConnection(rejection, connections, loop))
        case nil: throw ChannelError.operationUnsupported
        }
    }

    private func serve(_ channel: any Channel, _ gate: ConnectionGate) throws {
        let pipeline = channel.pipeline.syncOperations
        let feeder = RequestFeeder(turns: gate.loop.busy, messageTurns: gate.loop.messageTurns)
        let codec = HTTPCodec(limits: gate.limits.decoding, questions: TokenQuestions(gate: gate, feeder: feeder))
        channel.setWaterMark(of: gate.limits)
        try pipeline.addHandler(BackpressureHandler(loop: gate.loop, isEncrypted: certificates != nil))
        if let certificates { try pipeline.addHandlers([certificates.handler(), TruncationHandler()]) }
        try pipeline.addHandler(feeder)
        try codec.add(to: pipeline)
        try pipeline.addHandler(HTTPRequestHandler(gate: gate, feeder: feeder, codec: codec, logger: logger))
    }

    private func refuse(_ channel: any Channel, _ refused: RefusedConnection) throws {
        let pipeline = channel.pipeline.syncOperations
        if let certificates { try pipeline.addHandlers([certificates.handler(), TruncationHandler()]) }
        // It is answered before it has asked, where it does not ask.
        try pipeline.configureHTTPServerPipeline(
            withPipeliningAssistance: false, withEncoderConfiguration: .init(),
            withDecoderLimitConfiguration: refused.limits.decoding)
        try pipeline.addHandler(refused)
    }
}
