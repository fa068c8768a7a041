import Logging
import NIOCore
import Pipeline
import Stages

/// A WebSocket connection after its handshake: bytes in, frames out, and the rules of a well-kept connection.
///
/// Reads stop while the client has too much waiting on either side; writes are gathered and flushed once a turn of the event
/// loop, so that a client which is woken finds more than one answer.
final class WebSocketHandler: ChannelDuplexHandler, ConversationClient {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    private let admission: Admission
    private let loop: LoopConnections
    private let limits: HostLimits
    private let logger: Logger

    // Touched on the event loop alone; see Conversation.
    @exclusivity(unchecked) private var decoder: WebSocketDecoder
    @exclusivity(unchecked) private var closing = WebSocketCloseState()
    /// What either side closed it with.
    private var closeCode: WebSocketCloseCode?
    private let begun = NIODeadline.now()
    @exclusivity(unchecked) private var conversation: Conversation?
    @exclusivity(unchecked) private var context: ChannelHandlerContext?
    @exclusivity(unchecked) private var sequence = 0
    private var held: HeldPlace?
    @exclusivity(unchecked) private var unwritten: ByteBuffer?
    @exclusivity(unchecked) private var isReading = false
    @exclusivity(unchecked) private var isDecoding = false
    @exclusivity(unchecked) private var holdsRead = false
    @exclusivity(unchecked) private var isDraining = false
    @exclusivity(unchecked) private var clock: ConnectionClock

    /// - Parameter held: The session's place among those that are kept, where the pipeline keeps them.
    init(_ admission: Admission, held: HeldPlace?, loop: LoopConnections, limits: HostLimits, logger: Logger) {
        self.held = held
        self.admission = admission
        self.loop = loop
        self.limits = limits
        self.logger = logger
        decoder = WebSocketDecoder(
            limits: .init(maxMessageBytes: limits.message.bytes, maxFragments: limits.fragments))
        clock = ConnectionClock(limits: limits, now: .now())
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.add(self)
        loop.metrics.webSocketOpened()
        let conversation = Conversation(
            pipeline: admission.pipeline, session: admission.session, format: admission.format,
            executor: loop.executor, logger: logger, origin: admission.origin, held: held?.session, client: self)
        self.conversation = conversation
        if !resume() { conversation.begin() }
        flush()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        loop.remove(self)
        loop.metrics.webSocketClosed(closeCode)
        logger.debug(
            "A WebSocket ended",
            metadata: [
                "session_id": "\(admission.session.id)", "pipeline": "\(admission.pipeline.name)",
                "address": "\(admission.session.address ?? "")", "close": "\(closeCode?.rawValue ?? 1006)",
                "seconds": "\((NIODeadline.now() - begun).nanoseconds / 1_000_000_000)",
            ])
        leave()
        self.context = nil
    }

    // MARK: Bytes from the client

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        clock.heard(at: .now())
        isReading = true
        decoder.append(Self.unwrapInboundIn(data))
        decode()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        if unwritten != nil { loop.flushSoon(self) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("A connection failed", metadata: ["detail": "\(error)"])
        context.close(promise: nil)
    }

    /// Handles what has arrived, up to the number of messages that may wait; the rest stays undecoded until some have
    /// ended. Messages that end at once come back here, so the loop guards itself.
    private func decode() {
        guard !isDecoding else { return }
        isDecoding = true
        while mayDecode, let event = decoder.next() { handle(event) }
        isDecoding = false
    }

    private var mayDecode: Bool {
        closing.isClosing || (conversation?.pending ?? 0) < limits.queued
    }

    private func handle(_ event: WebSocketDecoder.Event) {
        switch event {
        case .text(let text):
            guard !closing.isClosing, !isDraining else { return }
            clock.prompted()
            conversation?.receive(text)
        case .binary:
            close(.unsupportedData, "text is spoken here")
        case .ping(let payload):
            write { WebSocketEncoder.pong(payload, into: &$0) }
        case .pong:
            break
        case .close(let code, _):
            finish(closing.received(code))
        case .violation(let violation):
            finish(closing.start(violation.code, violation.reason, afterBreach: true))
        }
    }

    // MARK: Backpressure

    func read(context: ChannelHandlerContext) {
        if mayRead { context.read() } else { holdsRead = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        clock.writability(isWritable: context.channel.isWritable, waiting: bytesWaiting, at: .now())
        conversation?.isHeld = !context.channel.isWritable
        if context.channel.isWritable { readOn() }
        context.fireChannelWritabilityChanged()
    }

    private var mayRead: Bool {
        guard let context else { return false }
        if closing.hasSentClose { return true }
        guard !isDraining else { return false }
        return context.channel.isWritable && (conversation?.pending ?? 0) < limits.queued
    }

    private func readOn() {
        decode()
        guard holdsRead, mayRead else { return }
        holdsRead = false
        context?.read()
    }

    private var bytesWaiting: Int {
        (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    // MARK: Frames to the client

    func send(_ frame: ServerFrame) {
        if let held { return held.session.deliver(frame) }
        sequence += 1
        write(text: frame.text(sequence: sequence))
    }

    func write(text: String) {
        write { WebSocketEncoder.text(text, into: &$0) }
        guard !isReading, !isDecoding else { return }
        readOn()
        flush()
    }

    private func write(_ encode: (inout ByteBuffer) -> Void) {
        guard let context, !closing.hasSentClose else { return }
        var buffer = unwritten.take() ?? context.channel.allocator.buffer(capacity: 256)
        encode(&buffer)
        unwritten = buffer
    }

    func flush() {
        guard let context, let buffer = unwritten.take() else { return }
        context.writeAndFlush(Self.wrapOutboundOut(buffer), promise: nil)
        guard !context.channel.isWritable, bytesWaiting > limits.outbound.bytes else { return }
        abort("the client takes too little of what waits for it")
    }

    // MARK: Closing

    private func close(_ code: WebSocketCloseCode, _ reason: String) {
        finish(closing.start(code, reason))
    }

    private func finish(_ action: WebSocketCloseState.Action) {
        guard let context else { return }
        switch action {
        case .nothing: break
        case .end: context.close(promise: nil)
        case .sendClose(let code, let reason, let ending):
            closeCode = code ?? .noStatus
            var buffer = unwritten.take() ?? context.channel.allocator.buffer(capacity: 32)
            WebSocketEncoder.close(code, reason: reason, into: &buffer)
            clock.closing(at: .now(), within: ending == .afterAnswer ? .seconds(10) : .seconds(2))
            leave()
            let written = context.writeAndFlush(Self.wrapOutboundOut(buffer))
            let channel = context.channel
            switch ending {
            case .afterAnswer: break
            case .now: written.whenComplete { _ in channel.close(promise: nil) }
            // Closing a socket with unread bytes resets it, and the client would never see why: so only our side is
            // closed, and what still comes is read and dropped.
            case .afterPeer: written.whenComplete { _ in channel.close(mode: .output, promise: nil) }
            }
            readOn()
        }
    }

    /// The client hears nothing more; what it asked for may go on without it.
    private func leave() {
        guard let conversation else { return }
        self.conversation = nil
        if conversation.outlivesClient { loop.keep(conversation, for: held?.session) } else { conversation.end() }
        guard let held, case .hold(let time) = admission.pipeline.entry.onDisconnect else { return }
        guard held.session.detach(held.generation) else { return }
        _ = loop.executor.eventLoop.scheduleTask(in: TimeAmount(time)) { [admission] in
            held.sessions.forget(held.session, of: admission, since: held.generation)
        }
    }

    /// Takes the client's place in a session that is kept, and sends what it missed.
    ///
    /// - Returns: Whether it was greeted as one that comes back.
    private func resume() -> Bool {
        guard var held else { return false }
        let bound = NIOLoopBound(self, eventLoop: loop.executor.eventLoop)
        let place = held.session.attach(bound, after: admission.seen ?? .max)
        held.generation = place.generation
        self.held = held
        guard held.isKnown, let seen = admission.seen else { return false }
        let greeting = ServerFrame.session(id: admission.session.id, isResumed: true, in: admission.format)
        for text in [greeting?.text(sequence: seen)].compactMap(\.self) + place.missed { write(text: text) }
        return true
    }

    /// Another connection has taken the session.
    func giveWay() {
        close(.policyViolation, "the session goes on at another connection")
    }

    private func abort(_ reason: String) {
        logger.info("Closed a connection: \(reason)", metadata: ["session_id": "\(admission.session.id)"])
        context?.close(promise: nil)
    }

    /// Takes no further prompt, lets those that were received end, then says goodbye.
    func drain() {
        isDraining = true
        closeIfDrained()
    }

    func conversationIsIdle() {
        closeIfDrained()
        readOn()
    }

    private func closeIfDrained() {
        if isDraining, !closing.isClosing, conversation?.pending == 0 { close(.goingAway, "the host is stopping") }
    }

    /// Ends the connection now, whatever is in flight.
    func stop() {
        close(.goingAway, "the host is stopping")
        context?.close(promise: nil)
    }

    /// Called about once a second: pings, and closes what is silent, stuck or too old.
    func tick(at now: NIODeadline) {
        switch clock.tick(at: now, waiting: bytesWaiting, isBusy: (conversation?.pending ?? 0) > 0) {
        case .nothing: break
        case .ping:
            write { WebSocketEncoder.ping(ByteBuffer(), into: &$0) }
            flush()
        case .close(let code, let reason): close(code, reason)
        case .abort(let reason): abort(reason)
        }
    }
}
