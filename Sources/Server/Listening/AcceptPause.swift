import Glibc
import Logging
import NIOCore

/// Takes no clients for a second where the process, or the machine, has no descriptors or memory for one more. SwiftNIO goes
/// on trying, and its event loop has time for nothing else: the client that waits makes the socket readable all the time.
///
/// Nor are more taken than their event loops keep up with: each has a descriptor from then on, but is refused only once its
/// loop has come to it.
final class AcceptPause: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias OutboundIn = Never

    /// Clients that have been taken and not been looked at.
    private static let maxUnseen = 16

    private static let pause = TimeAmount.seconds(1)

    private let logger: Logger
    /// Whether it was said since the last client came in.
    private var isSaid = false
    private var unseen = 0
    private var holdsRead = false

    init(logger: Logger) { self.logger = logger }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isSaid = false
        context.fireChannelRead(data)
        unseen += 1
        // Its loop comes to this after what it does with the client.
        Self.unwrapInboundIn(data).eventLoop.submit {}.hop(to: context.eventLoop).assumeIsolated().whenComplete { _ in
            self.unseen -= 1
            guard self.holdsRead else { return }
            self.holdsRead = false
            context.read()
        }
    }

    func read(context: ChannelHandlerContext) {
        if unseen < Self.maxUnseen { context.read() } else { holdsRead = true }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError, [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode) else {
            return context.fireErrorCaught(error)
        }
        if !isSaid {
            logger.warning(
                "No client can be taken: the system has nothing left for one; raise its limits (ulimit -n)",
                metadata: ["detail": "\(error)"])
            isSaid = true
        }
        let channel = context.channel
        guard (try? channel.syncOptions?.setOption(.autoRead, value: false)) != nil else { return }
        context.eventLoop.assumeIsolated().scheduleTask(in: AcceptPause.pause) {
            _ = try? channel.syncOptions?.setOption(.autoRead, value: true)
        }
    }
}
