import NIOCore
import NIOPosix
import Threads

/// An event loop as the HTTP client knows it: calls to models are worked on where the conversation is.
final class EventLoopCalls: WorkingLoop {
    private let eventLoop: any EventLoop
    private let group: any EventLoopGroup

    private init(_ eventLoop: any EventLoop, of group: any EventLoopGroup) {
        self.eventLoop = eventLoop
        self.group = group
    }

    var peers: [any WorkingLoop] { group.makeIterator().map { EventLoopCalls($0, of: group) } }

    /// Has each loop of a group run the calls that are made on its thread.
    static func run(on group: any EventLoopGroup) async throws {
        for eventLoop in group.makeIterator() {
            try await eventLoop.submit { EventLoopCalls(eventLoop, of: group).adopt() }.get()
        }
    }

    func execute(_ work: @escaping @Sendable () -> Void) { eventLoop.execute(work) }

    func execute(after delay: Duration, _ work: @escaping @Sendable () -> Void) -> () -> Void {
        let scheduled = eventLoop.scheduleTask(in: TimeAmount(delay), work)
        return { scheduled.cancel() }
    }

    func watch(_ bell: CInt, _ work: @escaping @Sendable () -> Void) -> (() -> Void)? {
        let watched = NIOPipeBootstrap(group: eventLoop)
            // More than a bell's eight bytes: a read that does not fill them is the last.
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 16))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(BellHandler(work))
                }
            }
            .takingOwnershipOfDescriptor(input: bell)
        let outcome = NIOLoopBoundBox<Bool?>(nil, eventLoop: eventLoop)
        watched.whenComplete { outcome.value = (try? $0.get()) != nil }
        // On the loop's thread this is known by now; a failure leaves the descriptor with the caller.
        if outcome.value == false { return nil }
        return { watched.whenSuccess { $0.close(promise: nil) } }
    }
}

/// Has something done whenever a bell was rung.
private final class BellHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let work: @Sendable () -> Void

    init(_ work: @escaping @Sendable () -> Void) {
        self.work = work
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { work() }
}
