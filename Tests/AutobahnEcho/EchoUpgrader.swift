import Server
import NIOCore
import NIOHTTP1
import Pipeline
import WebSocketCodec

/// Turns an HTTP connection into an echo, by the host's own check of the handshake.
final class EchoUpgrader: HTTPServerProtocolUpgrader {
    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []

    private let loop: LoopConnections
    private var compression: PermessageDeflate?

    private static var limits: HostLimits {
        var limits = HostLimits()
        limits.message = .mebibytes(64)
        limits.outbound = .mebibytes(128)
        limits.fragments = .max
        limits.ping = .zero
        return limits
    }

    init(_ eventLoop: any EventLoop) {
        loop = LoopConnections(eventLoop, limits: Self.limits)
        loop.open(readingSocketsOf: 1)
    }

    func buildUpgradeResponse(
        channel: any Channel, upgradeRequest: HTTPRequestHead, initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        channel.eventLoop.makeCompletedFuture {
            guard case .accept(var headers) = WebSocketHandshake.check(upgradeRequest) else {
                throw ChannelError.operationUnsupported
            }
            headers.add(contentsOf: initialResponseHeaders)
            compression = try PermessageDeflate.negotiate(upgradeRequest.headers)
            if let compression { headers.add(name: "sec-websocket-extensions", value: compression.answer) }
            return headers
        }
    }

    func upgrade(context: ChannelHandlerContext, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<Void> {
        context.eventLoop.makeCompletedFuture {
            let handler = WebSocketHandler(EchoSink(), loop: loop, limits: Self.limits, compression: compression)
            try context.pipeline.syncOperations.addHandler(handler)
        }
    }
}
