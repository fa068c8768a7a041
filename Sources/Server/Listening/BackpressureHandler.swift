import Glibc
import NIOCore

/// What a connection tells those who speak on it.
enum ConnectionEvent {
    /// The client has taken nothing of what waits for it for longer than it may, and is closed.
    case clientTakesNothing
}

/// Next to a client's socket, below TLS and whatever is spoken on it: nothing is read while the client does not take what
/// waits for it, and a client that takes nothing for as long as `write` says is closed.
///
/// So a client that asks and does not read makes the host keep what one socket's buffers hold and no more, whatever it
/// asks for and before it is let in, too.
final class BackpressureHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    private let loop: LoopConnections
    private var isWritable = true
    private var holdsRead = false
    /// Bytes that the channel was ever given.
    private var written = 0
    /// Bytes that the channel had when it was last looked at.
    private var waiting = 0
    /// There while something waits.
    private var clock: StallClock?
    private var nextLook: Scheduled<Void>?
    /// Where TLS is spoken above, which writes all from one buffer.
    private var sparePages: SparePages?

    init(loop: LoopConnections, isEncrypted: Bool) {
        self.loop = loop
        sparePages = isEncrypted ? SparePages() : nil
    }

    /// Goes behind a WebSocket without TLS, which looks itself whether it may read and writes from the pipeline's end. What
    /// comes passes one handler less: a fiftieth of what a message takes. Where something waits already it stays.
    static func moveBehindWebSocket(in pipeline: ChannelPipeline.SynchronousOperations) {
        guard let handler = try? pipeline.handler(type: BackpressureHandler.self), handler.sparePages == nil,
            handler.clock == nil, !handler.holdsRead
        else { return }
        pipeline.removeHandler(handler, promise: nil)
        // Which fails only where the channel is closed.
        try? pipeline.addHandler(handler)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let leaving = Self.unwrapOutboundIn(data)
        written += leaving.readableBytes
        if case .byteBuffer(let bytes) = leaving { sparePages?.giveBack(behind: bytes) }
        context.write(data, promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        context.flush()
        if clock == nil { look(context) }
    }

    func read(context: ChannelHandlerContext) {
        if isWritable { context.read() } else { holdsRead = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        context.fireChannelWritabilityChanged()
        guard isWritable, holdsRead else { return }
        holdsRead = false
        context.read()
    }

    func channelInactive(context: ChannelHandlerContext) {
        rest()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { rest() }

    /// Sees whether the client takes what waits, and looks again after a while.
    private func look(_ context: ChannelHandlerContext) {
        let waiting = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        note(waiting)
        guard waiting > 0, context.channel.isActive else { return rest() }
        let now = context.eventLoop.now
        let taken = written - waiting - unacknowledged(context)
        var clock = clock ?? StallClock(taken: taken, now: now)
        let idle = clock.idle(taken: taken, at: now)
        if let limit = loop.writeLimit, idle > TimeAmount(limit) { return cut(context) }
        self.clock = clock
        nextLook = context.eventLoop.assumeIsolated().scheduleTask(in: loop.lookInterval) { self.look(context) }
    }

    /// Bytes that the kernel has and the client's has not. The kernel asks for more once half of what it may keep has left,
    /// which takes a slow client long: what the channel has does not show what the client takes.
    private func unacknowledged(_ context: ChannelHandlerContext) -> Int {
        var count: CInt = 0
        let outcome = try? context.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: CInt.self) {
            ioctl($0, UInt(TIOCOUTQ), &count)
        }
        return outcome == 0 ? Int(count) : 0
    }

    /// Resets the connection: what it holds in the kernel for a client that takes nothing is given up, too.
    private func cut(_ context: ChannelHandlerContext) {
        rest()
        loop.metrics.cut(.write)
        context.pipeline.fireUserInboundEventTriggered(ConnectionEvent.clientTakesNothing)
        _ = (context.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        context.close(promise: nil)
    }

    private func rest() {
        nextLook?.cancel()
        (nextLook, clock) = (nil, nil)
        note(0)
    }

    private func note(_ waiting: Int) {
        if waiting != self.waiting { loop.metrics.outboundChanged(by: waiting - self.waiting) }
        self.waiting = waiting
    }
}
