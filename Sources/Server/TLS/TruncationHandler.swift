import NIOCore
import NIOSSL

/// Above TLS: a client whose connection ends without a goodbye of TLS has left. It is closed below TLS, which would wait for
/// that goodbye; a client that only closes its sending half says so in TLS first.
final class TruncationHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var sparePages = SparePages()

    /// TLS reads all into one buffer, from its start.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        sparePages.giveBack(behind: Self.unwrapInboundIn(data))
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.fireErrorCaught(error)
        guard error as? NIOSSLError == .uncleanShutdown else { return }
        try? context.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self).close(promise: nil)
    }
}
