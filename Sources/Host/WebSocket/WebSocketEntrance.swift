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
        _ head: HTTPRequestHead, peer: String?
    ) throws(HTTPRejection) -> (admission: Admission, compression: PermessageDeflate?, headers: HTTPHeaders) {
        let sender = routes.access.sender(of: head, peer: peer)
        gate.received(from: sender)
        if let refusal = gate.refusal { throw refusal }
        return try routes.admit(head, from: sender)
    }

    /// `nil` where the session is the client's at once; otherwise it is once it was looked up.
    func claim(_ admission: Admission, on eventLoop: any EventLoop) throws(HTTPRejection) -> EventLoopFuture<Void>? {
        try gate.connections.owners.claim(admission, of: routes.pipelines, on: eventLoop)
    }

    /// The client's place among the sessions that are kept, where its pipeline keeps them.
    func place(for admission: Admission) throws(HTTPRejection) -> HeldPlace? {
        guard case .hold = admission.pipeline.entry.onDisconnect else { return nil }
        let sessions = gate.connections.held
        let held = try sessions.session(for: admission, limit: gate.limits.outbound.bytes)
        return HeldPlace(session: held.session, isKnown: held.isKnown, sessions: sessions)
    }

    /// The connection of a client that is in.
    func handler(
        for admission: Admission, in place: HeldPlace?, compression: PermessageDeflate? = nil
    ) -> WebSocketHandler {
        WebSocketHandler(
            ConversationSink(admission, held: place, loop: gate.loop, logger: logger), loop: gate.loop,
            limits: gate.limits, compression: compression,
            expires: admission.identity?.deadline(now: .now(), at: .now))
    }
}
