import NIOCore
import NIOHTTP1

/// A handshake that is good: makes a WebSocket of its connection, whatever was asked on it before.
struct WebSocketUpgrade {
    private let admitter: RequestAdmitter
    private let admission: Admission
    private let agreement: UpgradeAgreement

    /// - Throws: Why the client is not let in.
    init(_ head: HTTPRequestHead, from sender: Sender, _ admitter: RequestAdmitter) throws(HTTPRejection) {
        self.admitter = admitter
        (admission, agreement) = try admitter.admitWebSocket(head, from: sender)
    }

    /// Finds out whether the session is the client's, answers the handshake and takes HTTP's handlers out. What the client
    /// sent behind it is held by `feeder` until then.
    ///
    /// - Parameters:
    ///   - requests: What answers requests on the connection.
    ///   - refuse: Called where the session is another's.
    func perform(
        _ context: ChannelHandlerContext, codec: HTTPCodec, feeder: RequestFeeder,
        requests: any RemovableChannelHandler,
        refuse: @escaping (any Error) -> Void
    ) {
        do {
            guard !admission.awaitsToken, let claim = try admitter.claim(admission, on: context.eventLoop) else {
                return try open(context, codec, feeder, requests)
            }
            claim.assumeIsolated().whenComplete { result in
                guard context.channel.isActive else { return }
                do {
                    try result.get()
                    try self.open(context, codec, feeder, requests)
                } catch {
                    refuse(error)
                }
            }
        } catch {
            refuse(error)
        }
    }

    private func open(
        _ context: ChannelHandlerContext, _ codec: HTTPCodec, _ feeder: RequestFeeder,
        _ requests: any RemovableChannelHandler
    ) throws {
        let handler = try handler()
        var response = HTTPResponseHead(version: .http1_1, status: .switchingProtocols)
        response.headers = ["connection": "upgrade", "upgrade": "websocket"]
        response.headers.add(contentsOf: agreement.headers)
        context.writeAndFlush(NIOAny(HTTPServerResponsePart.head(response)), promise: nil)
        let pipeline = context.pipeline.syncOperations
        codec.remove(from: pipeline).assumeIsolated().whenSuccess {
            guard context.channel.isActive else { return }
            do {
                try pipeline.addHandler(handler)
                pipeline.removeHandler(requests, promise: nil)
                pipeline.removeHandler(feeder, promise: nil)
                if handler is WebSocketHandler { BackpressureHandler.moveBehindWebSocket(in: pipeline) }
            } catch {
                context.close(promise: nil)
            }
        }
    }

    /// What speaks on the connection from now on.
    private func handler() throws(HTTPRejection) -> any ChannelHandler {
        if admission.awaitsToken { return TokenHandshake(admission, admitter) }
        let seat = try admitter.seat(for: admission)
        return admitter.handler(for: admission, in: seat, compression: agreement.compression)
    }
}
