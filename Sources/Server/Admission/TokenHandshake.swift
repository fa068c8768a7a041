import NIOCore
import NIOHTTP1
import Pipeline
import WebSocketCodec

/// A WebSocket connection whose client has yet to say who it is: its first message is `{"type": "auth", "token": "…"}`,
/// within the time of a handshake. Then ``WebSocketHandler`` replaces it; until then nothing else is worked on, and what
/// the client sends is bounded as its header fields were.
final class TokenHandshake: ChannelDuplexHandler, RemovableChannelHandler, OpenConnection {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    private let admission: Admission
    private let admitter: RequestAdmitter
    private var gate: ConnectionGate { admitter.gate }
    private var decoder: WebSocketDecoder
    /// What came, as it came: what follows the first message is the next handler's.
    private var received = ByteBuffer()
    private var context: ChannelHandlerContext?
    private let began = NIODeadline.now()
    private var deadline: Scheduled<Void>?
    private var state = State.waiting
    private var holdsRead = false
    /// Bytes that the client may still send before its token is whole.
    private var room: Int
    /// Whether a pong is on its way to the client; and what a later one is to say, of several the last.
    private var isPongLeaving = false
    private var nextPong: ByteBuffer?

    private enum State {
        case waiting
        /// Somebody has shown a good token; the session is looked up.
        case deciding
        /// The connection goes on, or ends.
        case over
    }

    init(_ admission: Admission, _ admitter: RequestAdmitter) {
        self.admission = admission
        self.admitter = admitter
        // A token is no longer than the headers that it would otherwise stand in.
        let longest = admitter.gate.limits.headers.bytes
        decoder = WebSocketDecoder(limits: .init(maxMessageBytes: longest))
        room = 2 * longest
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        gate.loop.add(stranger: self)
        limitsChanged()
        if gate.loop.isDraining { drain() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        gate.loop.remove(stranger: self)
        deadline?.cancel()
    }

    /// The token is waited for in the time of a handshake.
    func limitsChanged() {
        let limit = gate.limits.handshake
        guard let context, state != .over else { return }
        deadline?.cancel()
        deadline = nil
        guard limit > .zero else { return }
        deadline = context.eventLoop.assumeIsolated().scheduleTask(deadline: began + TimeAmount(limit)) {
            self.refuse(context, "no token came in time")
        }
    }

    /// A stop waits for no token. Who has shown one is told by ``WebSocketHandler``.
    func drain() {
        if let context, state == .waiting { end(context, .goingAway, "the host is stopping") }
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        if event as? ChannelEvent == .inputClosed { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    /// Nothing more is read while the session is looked up.
    func read(context: ChannelHandlerContext) {
        if state == .deciding { holdsRead = true } else { context.read() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Self.unwrapInboundIn(data)
        guard state == .waiting else {
            if state == .deciding { received.writeImmutableBuffer(bytes) }
            return
        }
        room -= bytes.readableBytes
        decoder.append(bytes)
        while state == .waiting, let event = decoder.next() { handle(event, context) }
        // What follows the token is the next handler's.
        if state == .deciding { received = decoder.takeInput() ?? ByteBuffer() }
        if state == .waiting, room < 0 { refuse(context, "the first message must be the token") }
    }

    private func handle(_ event: WebSocketDecoder.Event, _ context: ChannelHandlerContext) {
        switch event {
        case .text(let text): judge(PresentedToken.find(in: text), context)
        case .ping(let payload): answer(payload, context)
        case .pong: break
        case .close(let code, _): end(context, code ?? .normal, "")
        case .violation(let violation): end(context, violation.code, violation.reason)
        case .binary: end(context, .unsupportedData, "text is spoken here")
        }
    }

    /// One pong at a time is on its way: a client that pings and does not read makes nothing grow.
    private func answer(_ ping: ByteBuffer, _ context: ChannelHandlerContext) {
        if isPongLeaving {
            nextPong = ping
            return
        }
        isPongLeaving = true
        write(context) { WebSocketEncoder.pong(ping, into: &$0) }.assumeIsolated().whenSuccess {
            self.isPongLeaving = false
            if self.state == .waiting, let next = self.nextPong.take() { self.answer(next, context) }
        }
    }

    private func judge(_ token: String?, _ context: ChannelHandlerContext) {
        guard let token else { return refuse(context, "the first message must be {\"type\":\"auth\",\"token\":…}") }
        state = .deciding
        guard let question = admitter.rules.authenticator?.question(about: token) else {
            return identify(by: token, context)
        }
        context.eventLoop.answer(to: question, within: gate.limits.lookUp).whenComplete { _ in
            if context.channel.isActive, self.state == .deciding { self.identify(by: token, context) }
        }
    }

    private func identify(by token: String, _ context: ChannelHandlerContext) {
        do {
            // Authentication as it is now: a reload may have changed it since the handshake.
            let authenticator = admitter.rules.authenticator
            let admission = admission.identified(by: try authenticator?.credential(for: token), authenticator)
            // What followed the message is only known after this turn.
            let claim =
                try admitter.claim(admission, on: context.eventLoop) ?? context.eventLoop.submit {}
            claim.assumeIsolated().flatMapThrowing { try self.open(for: admission, context) }
                .whenFailure { self.refuse(context, $0) }
        } catch {
            refuse(context, error)
        }
    }

    /// Steps aside for the connection's own handler.
    private func open(for admission: Admission, _ context: ChannelHandlerContext) throws {
        guard context.channel.isActive, state == .deciding else { return }
        let handler = admitter.handler(for: admission, in: try admitter.seat(for: admission))
        try context.pipeline.syncOperations.addHandler(handler, position: .after(self))
        if received.readableBytes > 0 {
            context.fireChannelRead(Self.wrapInboundOut(received))
            context.fireChannelReadComplete()
        }
        state = .over
        if holdsRead { context.read() }
        let pipeline = context.pipeline.syncOperations
        pipeline.removeHandler(self, promise: nil)
        BackpressureHandler.moveBehindWebSocket(in: pipeline)
    }

    private func refuse(_ context: ChannelHandlerContext, _ error: any Error) {
        let rejection = error as? HTTPRejection ?? (error as? AuthFailure).map { HTTPRejection($0) }
        guard let rejection, rejection.status != .serviceUnavailable else {
            return end(context, .tryAgainLater, rejection?.reason ?? "try again later")
        }
        refuse(context, rejection.reason)
    }

    private func refuse(_ context: ChannelHandlerContext, _ reason: String) {
        end(context, .policyViolation, reason)
    }

    /// Says why, closes our side, and the whole once the client has closed its own or two seconds later: closing a
    /// socket with unread bytes would reset it, and the client would never see why.
    private func end(_ context: ChannelHandlerContext, _ code: WebSocketCloseCode, _ reason: String) {
        guard state != .over else { return }
        state = .over
        deadline?.cancel()
        _ = write(context) { WebSocketEncoder.close(code, reason: reason, into: &$0) }
        context.close(mode: .output, promise: nil)
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(2)) { context.close(promise: nil) }
        context.read()
    }

    private func write(
        _ context: ChannelHandlerContext, _ encode: (inout ByteBuffer) -> Void
    ) -> EventLoopFuture<Void> {
        var buffer = context.channel.allocator.buffer(capacity: 64)
        encode(&buffer)
        return context.writeAndFlush(Self.wrapOutboundOut(buffer))
    }
}
