import Logging
import NIOCore
import NIOHTTP1
import Stages

/// Turns an HTTP connection into a WebSocket, where ``HostRoutes`` admits the client. One for each connection.
final class WebSocketUpgrader: HTTPServerProtocolUpgrader {
    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []

    private let gate: ConnectionGate
    private let routes: HostRoutes
    private let requests: HTTPRequestHandler
    private let logger: Logger
    private var admission: Admission?
    private var compression: PermessageDeflate?
    private var held: (session: HeldSession, isKnown: Bool)?

    init(gate: ConnectionGate, routes: HostRoutes, requests: HTTPRequestHandler, logger: Logger) {
        self.gate = gate
        self.routes = routes
        self.requests = requests
        self.logger = logger
    }

    /// A client that is not admitted gets its answer from ``HTTPRequestHandler``, which sees the request next.
    func buildUpgradeResponse(
        channel: any Channel, upgradeRequest: HTTPRequestHead, initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        do {
            if let refusal = gate.refusal { throw refusal }
            let (admission, compression, headers) = try routes.admit(
                upgradeRequest, from: channel.remoteAddress?.ipAddress)
            if case .hold = admission.pipeline.entry.onDisconnect {
                held = try gate.connections.held.session(for: admission, limit: gate.limits.outbound.bytes)
            }
            self.admission = admission
            self.compression = compression
            var responseHeaders = initialResponseHeaders
            responseHeaders.add(contentsOf: headers)
            return channel.eventLoop.makeSucceededFuture(responseHeaders)
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
    }

    func upgrade(context: ChannelHandlerContext, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<Void> {
        guard let admission else { return context.eventLoop.makeFailedFuture(ChannelError.operationUnsupported) }
        let pipeline = context.pipeline.syncOperations
        do {
            let place = held.map {
                HeldPlace(session: $0.session, isKnown: $0.isKnown, sessions: gate.connections.held)
            }
            let handler = WebSocketHandler(
                ConversationSink(admission, held: place, loop: gate.loop, logger: logger),
                loop: gate.loop, limits: gate.limits, compression: compression)
            try pipeline.addHandler(handler)
            return pipeline.removeHandler(requests)
        } catch {
            return context.eventLoop.makeFailedFuture(error)
        }
    }
}
