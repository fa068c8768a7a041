import Logging
import NIOCore
import NIOHTTP1
import Stages

/// Turns an HTTP connection into a WebSocket, where ``HostRoutes`` admits the client. One for each connection.
final class WebSocketUpgrader: HTTPServerProtocolUpgrader {
    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []

    private let entrance: WebSocketEntrance
    private let requests: HTTPRequestHandler
    private let feeder: RequestFeeder
    private var admission: Admission?
    private var compression: PermessageDeflate?
    private var retained: RetainedPlace?

    init(gate: ConnectionGate, requests: HTTPRequestHandler, feeder: RequestFeeder, logger: Logger) {
        self.requests = requests
        self.feeder = feeder
        entrance = WebSocketEntrance(gate: gate, logger: logger)
    }

    /// A client that is not admitted gets its answer from ``HTTPRequestHandler``, which sees the request next.
    func buildUpgradeResponse(
        channel: any Channel, upgradeRequest: HTTPRequestHead, initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        do {
            let (admission, compression, headers) = try entrance.admit(
                upgradeRequest, peer: channel.remoteAddress?.ipAddress)
            self.admission = admission
            self.compression = compression
            var responseHeaders = initialResponseHeaders
            responseHeaders.add(contentsOf: headers)
            if admission.awaitsToken { return channel.eventLoop.makeSucceededFuture(responseHeaders) }
            guard let claim = try entrance.claim(admission, on: channel.eventLoop) else {
                retained = try entrance.place(for: admission)
                return channel.eventLoop.makeSucceededFuture(responseHeaders)
            }
            return claim.assumeIsolated().flatMapThrowing { [responseHeaders] in
                self.retained = try self.entrance.place(for: admission)
                return responseHeaders
            }.nonisolated()
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
    }

    func upgrade(context: ChannelHandlerContext, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<Void> {
        guard let admission else { return context.eventLoop.makeFailedFuture(ChannelError.operationUnsupported) }
        let pipeline = context.pipeline.syncOperations
        do {
            if admission.awaitsToken, let authenticator = entrance.routes.authenticator {
                try pipeline.addHandler(WebSocketDoor(admission, authenticator, entrance))
            } else {
                try pipeline.addHandler(entrance.handler(for: admission, in: retained, compression: compression))
            }
            return pipeline.removeHandler(feeder).assumeIsolated().flatMap { [requests] in
                pipeline.removeHandler(requests)
            }.nonisolated()
        } catch {
            return context.eventLoop.makeFailedFuture(error)
        }
    }
}
