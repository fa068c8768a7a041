import Glibc
import NIOCore
import NIOPosix

/// Listens with NIO and nothing else: what starting a program that links the host's libraries costs.
enum BareListener {
    static func run(port: Int) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { $0.eventLoop.makeSucceededVoidFuture() }
            .bind(host: "127.0.0.1", port: port).get()
        print("listening on http://127.0.0.1:\(port)")
        fflush(nil)
        try await channel.closeFuture.get()
    }
}
