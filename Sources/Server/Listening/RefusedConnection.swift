import NIOCore
import NIOHTTP1
import NIOSSL

/// A connection past a limit of connections: it is told so and closed, within a second whatever the client does. The pages
/// for operators are answered all the same, for which it may ask at once.
final class RefusedConnection: ChannelInboundHandler, RefusedClient {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// How long a request is waited for before it is told unasked.
    private static let patience = TimeAmount.milliseconds(250)
    /// How long the whole may take. Closed at once, a socket with unread bytes is reset, and some systems then drop what
    /// the client has not read.
    private static let longest = TimeAmount.seconds(1)

    private let rejection: HTTPRejection
    private let connections: Connections
    private let loop: LoopConnections
    private var context: ChannelHandlerContext?
    private var hasAnswered = false
    private var timers: [Scheduled<Void>] = []

    init(_ rejection: HTTPRejection, _ connections: Connections, _ loop: LoopConnections) {
        self.rejection = rejection
        self.connections = connections
        self.loop = loop
    }

    var limits: HostLimits { loop.limits }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let eventLoop = context.eventLoop.assumeIsolated()
        timers = [
            eventLoop.scheduleTask(in: Self.patience) { self.refuse() },
            eventLoop.scheduleTask(in: Self.longest) { self.close() },
        ]
    }

    func channelActive(context: ChannelHandlerContext) {
        // Before that nothing can be said to it.
        loop.refused.add(self)
        context.fireChannelActive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        for timer in timers { timer.cancel() }
        loop.refused.remove(self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = Self.unwrapInboundIn(data), !hasAnswered else { return }
        do throws(HTTPRejection) { try head.settleHost() } catch { return answer(HTTPAnswer(error), head) }
        guard HostRoutes.operatorPaths.contains(RequestTarget(head.uri).path) else {
            return answer(HTTPAnswer(rejection), head)
        }
        let sender = loop.routes.rules.access.sender(of: head, peer: context.remoteAddress?.ipAddress)
        answer(loop.routes.answer(head, from: sender, isStopping: connections.isStopping), head)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        if event as? ChannelEvent == .inputClosed { giveWay() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func giveWay() {
        refuse()
        close()
    }

    /// Closes below TLS, which would wait some seconds for the client's `close_notify`.
    private func close() {
        guard let context else { return }
        let tls = try? context.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
        (tls ?? context).close(promise: nil)
    }

    private func refuse() {
        answer(HTTPAnswer(rejection), HTTPRequestHead(version: .http1_1, method: .GET, uri: "/"))
    }

    private func answer(_ answer: HTTPAnswer, _ head: HTTPRequestHead) {
        guard let context, !hasAnswered else { return }
        hasAnswered = true
        if let reason = answer.refusal { loop.metrics.refused(reason) }
        var answer = answer
        answer.headers.add(contentsOf: loop.routes.sharing(head))
        let (responseHead, body) = answer.parts(for: head, isLast: true, allocator: context.channel.allocator)
        context.write(Self.wrapOutboundOut(.head(responseHead)), promise: nil)
        if let body { context.write(Self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
        context.close(mode: .output, promise: nil)
    }
}
