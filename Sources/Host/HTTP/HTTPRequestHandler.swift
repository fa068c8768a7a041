import Logging
import NIOCore
import NIOHTTP1

/// Answers HTTP requests one after the other, and closes a connection that takes too long to make one.
final class HTTPRequestHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let gate: ConnectionGate
    private let routes: HostRoutes
    private var head: HTTPRequestHead?
    private var deadline: Scheduled<Void>?

    init(gate: ConnectionGate, routes: HostRoutes) {
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
            if head.headers.contains(name: "upgrade") { answer(head, context, isLast: true) }
        case .body: break
        case .end:
            if let head { answer(head, context, isLast: !head.isKeepAlive) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A handshake that was refused comes by here as an error; its request follows and is answered.
        if !(error is HTTPRejection) { context.close(promise: nil) }
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext, isLast: Bool) {
        self.head = nil
        let answer =
            gate.refusal.map(HTTPAnswer.init) ?? routes.answer(head, isStopping: gate.connections.isStopping)
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
        deadline = context.eventLoop.scheduleTask(in: TimeAmount(gate.limits.handshake)) { channel.close(promise: nil) }
    }
}
