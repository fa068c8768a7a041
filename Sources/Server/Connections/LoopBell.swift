import CEvents
import Glibc
import NIOCore
import NIOPosix

/// Has something done on an event loop's thread when a descriptor rings, as the loop looks at its sockets. The loop closes it
/// at its own end.
final class LoopBell: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let work: () -> Void
    let descriptor: CInt
    private var channel: EventLoopFuture<any Channel>?
    /// Whether it hangs: where it does not, its number may be another's.
    private var isUp = true

    private init(_ descriptor: CInt, _ work: @escaping () -> Void) {
        (self.descriptor, self.work) = (descriptor, work)
    }

    /// A bell of its own. On the loop's thread.
    ///
    /// - Returns: `nil` where the system or the event loop has none.
    static func hang(on eventLoop: any EventLoop, _ work: @escaping () -> Void) -> LoopBell? {
        let descriptor = stagecoach_bell()
        guard descriptor >= 0 else { return nil }
        if let bell = hang(descriptor, on: eventLoop, work) { return bell }
        close(descriptor)
        return nil
    }

    /// A bell that somebody else rings, and that is the loop's from then on. On the loop's thread.
    ///
    /// - Returns: `nil` where the event loop can't watch it.
    static func hang(
        _ descriptor: CInt, on eventLoop: any EventLoop, _ work: @escaping () -> Void
    ) -> LoopBell? {
        guard let bootstrap = NIOPipeBootstrap(validatingGroup: eventLoop) else { return nil }
        let bell = NIOLoopBound(LoopBell(descriptor, work), eventLoop: eventLoop)
        let channel =
            bootstrap
            // More than a bell's eight bytes: a read that does not fill them is the last.
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 16))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(bell.value) }
            }
            .takingOwnershipOfDescriptor(input: descriptor)
        bell.value.channel = channel
        channel.whenFailure { _ in bell.value.isUp = false }
        // On the loop's thread this is known by now.
        return bell.value.isUp ? bell.value : nil
    }

    /// On the loop's thread.
    func ring() {
        if isUp { stagecoach_ring(descriptor) }
    }

    /// Closes the descriptor before that. On the loop's thread, or after its end.
    func takeDown() {
        if isUp { channel?.whenSuccess { $0.close(promise: nil) } }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { work() }

    func channelInactive(context: ChannelHandlerContext) { isUp = false }
}
