import Glibc
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Pipeline

/// The listening socket and what happens with a connection that it accepts.
struct HostServer {
    let connections: Connections
    let limits: HostLimits
    /// `nil` where TLS is not spoken.
    let certificates: TLSCertificates?
    let logger: Logger

    /// What the kernel takes for a client beyond what is on its way. Left alone it takes 4 MiB from a client that never
    /// reads (tcp(7), tcp_wmem), and many such clients hold the others up for as long as that lasts.
    private static let unsentBytes: SocketOptionValue = 128 << 10

    /// - Throws: `IOError` where the address can't be bound.
    func bind(group: any EventLoopGroup, host: String, port: Int) async throws -> any Channel {
        // Only a channel that is over its high mark is asked how much waits, so that mark is never above the limit.
        let highMark = min(64 << 10, limits.outbound.bytes)
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
            // The next read of the same client waits until those of others are done.
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: highMark / 2, high: highMark))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try configure(channel) }
            }
            .bind(host: host, port: port).get()
    }

    private func configure(_ channel: any Channel) throws {
        guard let gate = connections.accept(channel) else { throw ChannelError.operationUnsupported }
        let requests = HTTPRequestHandler(gate: gate, logger: logger)
        let upgrader = WebSocketUpgrader(gate: gate, requests: requests, logger: logger)
        var decoding = NIOHTTPDecoderLimitConfiguration()
        decoding.maxHeaderFieldSize = limits.headers.bytes
        decoding.maxHeaderListSize = limits.headers.bytes
        decoding.maxHeaderFieldCount = 100
        if let certificates { try channel.pipeline.syncOperations.addHandler(certificates.handler()) }
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withServerUpgrade: (upgraders: [upgrader], completionHandler: { _ in }),
            withEncoderConfiguration: .init(), withDecoderLimitConfiguration: decoding)
        try channel.pipeline.syncOperations.addHandler(requests)
    }
}
