import Glibc
import Server
import NIOCore
import NIOHTTP1
import NIOPosix

/// Says back every message, text or binary, by the host's own handling of WebSocket connections, with limits high
/// enough for the Autobahn suite and with compression. Prints its port, and serves until it is ended.
@main
struct AutobahnEcho {
    static func main() async throws {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let upgrader = EchoUpgrader(channel.eventLoop)
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(
                        withServerUpgrade: (upgraders: [upgrader], completionHandler: { _ in }))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        print(channel.localAddress?.port ?? 0)
        // Whoever waits for the port reads a pipe.
        fflush(nil)
        try await channel.closeFuture.get()
    }
}
