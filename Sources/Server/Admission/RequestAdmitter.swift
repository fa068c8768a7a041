import Logging
import NIOCore
import NIOHTTP1
import Pipeline
import WebSocketCodec

/// Lets a request in, or says why not. Whatever is asked for, the steps are these, in this order:
///
/// 1. Address: who sends it, and for whom its connection counts (``sender(of:on:mayStay:)``, ``AddressSlots``).
/// 2. Limits: whether the host, and the address, may have one more (``ConnectionGate/refusal``).
/// 3. Host and origin (``AccessRules``).
/// 4. Token (``Authenticator``). ``TokenQuestions`` keeps a request back whose token can't be judged yet.
/// 5. Session: whether it is the client's (``claim(_:on:)``), and its seat where it is retained (``seat(for:)``).
/// 6. Upgrade, where a WebSocket is asked for (``WebSocketUpgrade``). A client without a token shows it then by its first
///    message: ``TokenHandshake`` has steps 4 and 5.
///
/// Steps 3 and 4 need nothing but the request: ``AdmissionRules``.
struct RequestAdmitter {
    let gate: ConnectionGate
    let logger: Logger

    var rules: AdmissionRules { gate.loop.routes.rules }

    /// Step 1: where a request comes from. Its connection counts for that client from now on.
    ///
    /// - Parameter mayStay: Whether the connection may become a WebSocket's.
    func sender(of head: HTTPRequestHead, on channel: any Channel, mayStay: Bool) -> Sender {
        let sender = rules.access.sender(of: head, peer: channel.remoteAddress?.ipAddress)
        gate.received(from: sender, mayStay: mayStay)
        return sender
    }

    /// Steps 2 to 4 for a message by `POST`.
    func admitMessage(_ head: HTTPRequestHead, from sender: Sender) throws(HTTPRejection) -> Admission {
        if let refusal = gate.refusal { throw refusal }
        return try rules.admitMessage(head, from: sender)
    }

    /// Steps 2 to 4 for a WebSocket, and what step 6 needs of the request.
    func admitWebSocket(
        _ head: HTTPRequestHead, from sender: Sender
    ) throws(HTTPRejection) -> (admission: Admission, agreement: UpgradeAgreement) {
        if let refusal = gate.refusal { throw refusal }
        return try rules.admitWebSocket(head, from: sender)
    }

    /// Step 5: takes the session for the client.
    ///
    /// - Parameter isMessage: Whether the client comes for one message, which leaves the session where it is.
    /// - Returns: `nil` where it is the client's at once; otherwise it is once it was looked up.
    /// - Throws: 403 where it is another user's, 503 where that can't be told.
    func claim(
        _ admission: Admission, isMessage: Bool = false, on eventLoop: any EventLoop
    ) throws(HTTPRejection) -> EventLoopFuture<Void>? {
        guard let shared = gate.loop.routes.kept.shared[admission.pipeline], admission.isSessionGiven else {
            return try gate.connections.owners.claim(
                admission, of: rules.pipelines, within: gate.limits.lookUp, on: eventLoop)
        }
        return try shared.claim(
            comer(admission, isMessage: isMessage, on: eventLoop), within: gate.limits.lookUp, on: eventLoop)
    }

    private func comer(_ admission: Admission, isMessage: Bool, on eventLoop: any EventLoop) -> SharedSessions.Comer {
        let (owners, pipelines, limit) = (gate.connections.owners, rules.pipelines, gate.limits.lookUp)
        return SharedSessions.Comer(admission, isMessage: isMessage) {
            try await owners.claim(admission, of: pipelines, within: limit, on: eventLoop)?.get()
        }
    }

    /// Step 5 for a message by `POST`: its part in a session that hosts share; `nil` where it is this host's alone.
    ///
    /// - Throws: As ``seat(for:)``.
    func share(for admission: Admission) throws(HTTPRejection) -> SessionShare? {
        let kept = gate.loop.routes.kept
        guard let shared = kept.shared[admission.pipeline] else { return nil }
        if !admission.isSessionGiven { _ = try seat(for: admission) }
        let comer = SharedSessions.Comer(admission, isMessage: true) {}
        let session = kept.sessions.session(comer.key)
        if let session, !session.userID.isExactly(comer.userID) { throw .foreignSession }
        return SessionShare(sessions: shared, session: session?.shared, comer: comer)
    }

    /// Step 5: the client's seat in its session, where that is kept beyond the connection.
    ///
    /// - Throws: 401 where the client may not come in any more, 403 where the session is another user's.
    func seat(for admission: Admission) throws(HTTPRejection) -> SessionSeat? {
        try rules.confirm(admission)
        return try gate.loop.routes.kept.sessions.seat(
            in: SessionKey(admission.pipeline, admission.session), userID: admission.session.userID,
            by: admission.credential, retainedFor: admission.pipeline.retention, limit: gate.limits.outbound.bytes,
            with: gate.loop.routes.kept.shared[admission.pipeline], isExpected: admission.isSessionGiven)
    }

    /// Step 6: the connection of a client that is in.
    func handler(
        for admission: Admission, in seat: SessionSeat?, compression: PermessageDeflate? = nil
    ) -> WebSocketHandler {
        WebSocketHandler(
            ConversationSink(admission, retained: seat, loop: gate.loop, logger: logger), loop: gate.loop,
            limits: gate.limits, compression: compression,
            expires: admission.identity?.deadline(now: .now(), at: .now))
    }
}
