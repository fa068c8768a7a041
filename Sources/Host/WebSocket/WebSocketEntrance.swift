import Logging
import NIOCore
import NIOHTTP1
import Stages

/// What a WebSocket client passes on its way in: its admission, the claim to its session, its place in one that is kept.
struct WebSocketEntrance {
    let gate: ConnectionGate
    let logger: Logger

    var routes: HostRoutes { gate.loop.routes }

    /// - Throws: Why the client is not let in.
    func admit(
        _ head: HTTPRequestHead, from sender: Sender
    ) throws(HTTPRejection) -> (admission: Admission, compression: PermessageDeflate?, headers: HTTPHeaders) {
        if let refusal = gate.refusal { throw refusal }
        return try routes.admit(head, from: sender)
    }

    /// `nil` where the session is the client's at once; otherwise it is once it was looked up.
    func claim(_ admission: Admission, on eventLoop: any EventLoop) throws(HTTPRejection) -> EventLoopFuture<Void>? {
        try gate.connections.owners.claim(
            admission, of: routes.pipelines, within: gate.limits.lookUp, on: eventLoop)
    }

    /// The client's place in its session, where that is kept beyond the connection.
    ///
    /// - Throws: 401 where the client may not come in any more.
    func place(for admission: Admission) throws(HTTPRejection) -> RetainedPlace? {
        try routes.confirm(admission.credential, by: admission.authenticator)
        return try routes.kept.sessions.place(for: admission, limit: gate.limits.outbound.bytes)
    }

    /// The connection of a client that is in.
    func handler(
        for admission: Admission, in place: RetainedPlace?, compression: PermessageDeflate? = nil
    ) -> WebSocketHandler {
        WebSocketHandler(
            ConversationSink(admission, retained: place, loop: gate.loop, logger: logger), loop: gate.loop,
            limits: gate.limits, compression: compression,
            expires: admission.identity?.deadline(now: .now(), at: .now))
    }
}
