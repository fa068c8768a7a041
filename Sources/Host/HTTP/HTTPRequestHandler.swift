import Logging
import NIOCore
import NIOHTTP1

/// Answers HTTP requests one after the other, and closes a connection that takes too long to make one.
final class HTTPRequestHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let gate: ConnectionGate
    private let routes: HostRoutes
    private let logger: Logger
    private var head: HTTPRequestHead?
    /// A message that comes by `POST`, and what there is of it.
    private var admission: Admission?
    private var body = ByteBuffer()
    private var exchange: HTTPExchange?
    private var deadline: Scheduled<Void>?
    private var hasAnswered = false

    init(gate: ConnectionGate, routes: HostRoutes, logger: Logger) {
        self.logger = logger
        self.gate = gate
        self.routes = routes
    }

    func handlerAdded(context: ChannelHandlerContext) {
        expectRequest(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            // A handshake that was refused: its answer need not wait for a body that it should not have.
            if head.headers.contains(name: "upgrade") {
                answer(head, context, isLast: true)
            } else if gate.refusal == nil {
                admission = routes.admission(toPost: head, from: context.remoteAddress?.ipAddress)
            }
        case .body(var piece):
            guard admission != nil, let head else { return }
            body.writeBuffer(&piece)
            guard body.readableBytes > gate.limits.message.bytes else { return }
            admission = nil
            let limit = gate.limits.message.bytes
            let rejection = HTTPRejection(.payloadTooLarge, "a message has at most \(limit) bytes")
            answer(HTTPAnswer(rejection), head, context, isLast: true)
        case .end:
            guard let head else { return }
            if let admission {
                begin(admission, head, context)
            } else {
                answer(head, context, isLast: !head.isKeepAlive)
            }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        exchange?.leave()
        exchange = nil
        context.fireChannelInactive()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        exchange?.isHeld = !context.channel.isWritable
        context.fireChannelWritabilityChanged()
    }

    /// Works on a message that came whole. Its stages have their own time limits.
    private func begin(_ admission: Admission, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        deadline?.cancel()
        let text = body.withUnsafeReadableBytes { String(strictUTF8: $0) }
        (self.head, self.admission, body) = (nil, nil, ByteBuffer())
        hasAnswered = true
        guard let text else {
            return answer(HTTPAnswer(HTTPRejection(.badRequest, "the body is not UTF-8")), head, context, isLast: true)
        }
        let begun = HTTPExchange(admission, head, context, loop: gate.loop, logger: logger) { [self] in
            exchange = nil
            expectRequest(context)
        }
        exchange = begun
        begun.begin(text)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A handshake that was refused comes by here as an error; its request follows and is answered.
        if !(error is HTTPRejection) { context.close(promise: nil) }
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext, isLast: Bool) {
        let isForOperators = HostRoutes.operatorPaths.contains(RequestTarget(head.uri).path)
        let refusal = isForOperators ? nil : gate.refusal
        let answer =
            refusal.map(HTTPAnswer.init) ?? routes.answer(head, isStopping: gate.connections.isStopping)
        self.answer(answer, head, context, isLast: isLast)
    }

    private func answer(
        _ answer: HTTPAnswer, _ head: HTTPRequestHead, _ context: ChannelHandlerContext, isLast: Bool
    ) {
        self.head = nil
        hasAnswered = true
        note(answer, to: head, context)
        let isLast = isLast || gate.refusal != nil
        let (responseHead, body) = answer.parts(for: head, isLast: isLast, allocator: context.channel.allocator)
        context.write(Self.wrapOutboundOut(.head(responseHead)), promise: nil)
        if let body { context.write(Self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        let channel = context.channel
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil))).whenComplete { _ in
            if isLast { channel.close(promise: nil) }
        }
        expectRequest(context)
    }

    /// The time runs for the whole request and is not extended by its bytes.
    private func expectRequest(_ context: ChannelHandlerContext) {
        deadline?.cancel()
        guard gate.limits.handshake > .zero else { return }
        let channel = context.channel
        // One that has had an answer only stayed for a further request.
        let metrics = hasAnswered ? nil : gate.connections.metrics
        deadline = context.eventLoop.scheduleTask(in: TimeAmount(gate.limits.handshake)) {
            metrics?.refused(.handshakeTimeout)
            channel.close(promise: nil)
        }
    }

    /// Counts a refusal, and says in the log who asked for what. The query is left out: it may hold a secret.
    private func note(_ answer: HTTPAnswer, to head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        if let reason = answer.refusal { gate.connections.metrics.refused(reason) }
        logger.debug(
            "Answered a request",
            metadata: [
                "method": "\(head.method)", "path": "\(RequestTarget(head.uri).path.prefix(200))",
                "status": "\(answer.status.code)", "reason": "\(answer.refusal?.rawValue ?? "none")",
                "address": "\(context.remoteAddress?.ipAddress ?? "")",
            ])
    }
}
