package import NIOCore
import Pipeline
package import WebSocketCodec

/// A WebSocket connection after its handshake: bytes in, frames out, and the rules of a well-kept connection.
///
/// Reads stop while the client has too much waiting on either side; writes are gathered and flushed once a turn of the event
/// loop, so that a client which is woken finds more than one answer. Of what a client has sent at once no more than a share
/// is done in a turn, so that other clients have theirs.
package final class WebSocketHandler: ChannelDuplexHandler, TurnTaker, WebSocketConnection {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundIn = Never
    package typealias OutboundOut = ByteBuffer

    /// What is done for one client while others wait: so many frames, each of which counts once more for every KiB it has.
    private static let share = 32
    /// Bytes that may wait for a turn while more is read. Where nothing may, the kernel is told twice for each message.
    static let readAhead = 4 << 10
    /// What a frame counts besides that comes too soon: its client is told so, and then waits with others like it.
    private static let refusalSize = 4

    enum Awaited {
        case nothing
        /// That others have had what they may do in a turn.
        case others
        /// Others have begun as many messages as one turn has.
        case turnToBegin
    }

    let sink: any MessageSink
    let loop: LoopConnections
    /// Messages that may wait; past it nothing is read. Of the limits only what is needed is kept: there are many of these.
    var maxPending: Int
    private let limitsVersion: Int
    /// Bytes that may wait for the client.
    private var maxWaiting: Int

    // Of each message, by code that doesn't call itself, on the event loop alone; see Conversation.
    @exclusivity(unchecked) var decoder: WebSocketDecoder
    @exclusivity(unchecked) var frames: OutgoingFrames
    @exclusivity(unchecked) var socket: ClientSocket?
    @exclusivity(unchecked) var clock: ConnectionClock

    @exclusivity(unchecked) var context: ChannelHandlerContext?
    @exclusivity(unchecked) var closing = WebSocketCloseState()
    /// What either side closed it with.
    var closeCode: WebSocketCloseCode?
    /// What the channel says of itself, which costs more to ask for each message.
    var isWritable = true
    var isReading = false
    var isDecoding = false
    var holdsRead = false
    /// Where the socket is watched to be read past its channel.
    var watched: ReadableSockets?
    /// Whether there may be something to read on it, and whether its end is.
    var hasNews = false
    var hasLastNews = false
    /// Whether it is among those that go on reading it after others, where it is once, however many messages have ended.
    var readsLater = false
    /// What something that was read waits for.
    var awaited = Awaited.nothing
    /// Whether what still comes is dropped, after a breach.
    var isDropping = false
    var isDraining = false
    /// Whether the client may not be here any more.
    var isCancelled = false
    private var rate: FrameRate?

    /// Those of sizes hold from the next frame on.
    func limitsChanged() {
        let limits = loop.limits
        if maxWaiting != limits.outbound.bytes { context?.channel.setWaterMark(of: limits) }
        (maxPending, maxWaiting) = (limits.queued, limits.outbound.bytes)
        decoder.limits = .init(limits)
        clock.take(limits, now: .now())
        if (rate?.perSecond ?? 0) != limits.framesPerSecond {
            rate = FrameRate(perSecond: limits.framesPerSecond, now: .now())
        }
        // More may wait now, and nothing else would have it looked at.
        if holdsRead || hasNews || decoder.hasInput { waitForTurn(offends: false) }
    }

    /// - Parameters:
    ///   - compression: What the handshake has agreed on.
    ///   - expires: When the client may no longer be here.
    package init(
        _ sink: some MessageSink, loop: LoopConnections, limits: HostLimits, compression: PermessageDeflate? = nil,
        expires: NIODeadline? = nil
    ) {
        self.sink = sink
        self.loop = loop
        maxPending = limits.queued
        maxWaiting = limits.outbound.bytes
        frames = OutgoingFrames(compression: compression, buffers: loop.frameBuffers)
        decoder = WebSocketDecoder(limits: .init(limits), compression: compression)
        clock = ConnectionClock(limits: limits, expires: expires, now: .now())
        rate = FrameRate(perSecond: limits.framesPerSecond, now: .now())
        limitsVersion = loop.limitsVersion
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        socket = ClientSocket(of: context.channel)
        if socket != nil { try? context.channel.syncOptions?.setOption(.recvAllocator, value: loop.sharedReads) }
        isWritable = context.channel.isWritable
        loop.add(webSocket: self)
        // A reload may have come since the handshake.
        if limitsVersion != loop.limitsVersion { limitsChanged() }
        loop.metrics.webSocketOpened()
        sink.begin(on: self)
        flush()
        if loop.isDraining { drain() }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        loop.remove(webSocket: self)
        loop.metrics.webSocketClosed(closeCode)
        sink.end()
        sink.hasEnded(with: closeCode)
        self.context = nil
    }

    package func channelInactive(context: ChannelHandlerContext) {
        stopReading()
        awaited = .nothing
        decode(share: .max)
        sink.end()
        context.fireChannelInactive()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        sink.hasFailed(error)
        context.close(promise: nil)
    }

    /// Handles what has arrived, up to the number of messages that may wait; the rest stays undecoded until some have
    /// ended. Messages that end at once come back here, so the loop guards itself.
    func decode(share: Int = WebSocketHandler.share) {
        guard !isDecoding, awaited == .nothing else { return }
        if loop.messageTurns.isOver, share != .max, decoder.hasInput, mayDecode {
            awaited = .turnToBegin
            return loop.messageTurns.add(self)
        }
        isDecoding = true
        var left = share
        var offends = false
        while left > 0, mayDecode, let event = decoder.next() {
            left -= 1 + event.size >> 10
            if rate != nil, refuses(event) {
                offends = true
                left -= Self.refusalSize
            } else {
                handle(event)
                if sink.pending > 0 { loop.messageTurns.noteBegun() }
            }
        }
        isDecoding = false
        if offends || (left <= 0 && decoder.hasInput) { waitForTurn(offends: offends) }
    }

    func waitForTurn(offends: Bool) {
        guard awaited == .nothing else { return }
        awaited = .others
        loop.resumeLater(self, offends: offends)
    }

    func resume() {
        guard awaited != .nothing else { return }
        awaited = .nothing
        readOn()
        flush()
    }

    private var mayDecode: Bool {
        closing.isClosing || hasRoom
    }

    /// Whether the client's next message may wait beside those it has sent.
    var hasRoom: Bool { sink.pending < maxPending && sink.pendingBytes < HostLimits.queuedBytes }

    private func handle(_ event: WebSocketDecoder.Event) {
        switch event {
        case .text(let text):
            guard !closing.isClosing, !isDraining else { return }
            clock.prompted()
            sink.receive(text)
        case .binary(let payload):
            guard !closing.isClosing, !isDraining else { return }
            clock.prompted()
            sink.receive(payload)
        case .ping(let payload):
            guard mayWrite else { break }
            if bytesWaiting > 0 { frames.pongLater(payload) } else { frames.pong(payload) }
        case .pong:
            break
        case .close(let code, _):
            finish(closing.received(code))
        case .violation(let violation):
            finish(closing.start(violation.code, violation.reason, afterBreach: true))
        }
    }

    /// Whether a frame comes too soon after those before it. A client that goes on like that is closed.
    private func refuses(_ event: WebSocketDecoder.Event) -> Bool {
        switch event {
        case .close, .violation: return false
        default: if closing.isClosing { return false }
        }
        switch rate?.frame(at: .now()) ?? .allowed {
        case .allowed: return false
        case .abuse: finish(closing.start(.policyViolation, "too many frames", afterBreach: true))
        case .refused:
            guard case .text(let text) = event, !isDraining else { break }
            sink.refuse(text, with: .tooManyFrames)
        }
        return true
    }

    /// Bytes of the client's that have arrived and are not worked on yet.
    var inboundBytes: Int { decoder.bufferCapacity + sink.pendingBytes }

    private var bytesWaiting: Int {
        (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    // MARK: Frames to the client

    package func write(text: String) {
        if mayWrite { frames.text(text) }
        readOnAndFlush()
    }

    /// Writes a frame that leaves with others of this turn of the event loop.
    func write(soon text: String) {
        guard mayWrite else { return }
        let isFirst = frames.isEmpty
        frames.text(text)
        // What never ends has its flush, which shows whether the client takes it; also while the message is read to which it is
        // the answer.
        if frames.count > LoopConnections.maxGathered { return flush() }
        // Whoever reads or decodes flushes afterwards.
        if isFirst, !isReading, !isDecoding { loop.flushSoon(self) }
    }

    package func write(binary: ByteBuffer) {
        if mayWrite { frames.binary(binary) }
        readOnAndFlush()
    }

    var mayWrite: Bool { context != nil && !closing.hasSentClose }

    /// Whoever reads or decodes does so afterwards.
    func readOnAndFlush() {
        guard !isReading, !isDecoding else { return }
        readOn()
        if !frames.isEmpty { flush() }
    }

    func flush() {
        guard var leaving = frames.take(isTaken: bytesWaiting == 0) else { return }
        let mustWait = socket?.channelMayHaveBytes == true && bytesWaiting > 0
        if !mustWait, socket?.write(&leaving) == true { return frames.giveBack(leaving) }
        guard let context else { return }
        // By way of all handlers: one of them watches what the client takes.
        context.channel.writeAndFlush(leaving.joined, promise: nil)
        guard !isWritable, bytesWaiting > maxWaiting else { return }
        loop.metrics.cut(.outbound)
        abort("the client takes too little of what waits for it")
    }
}
