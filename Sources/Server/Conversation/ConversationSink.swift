import Logging
import NIOCore
import Pipeline
import WebSocketCodec

/// Has a conversation over a WebSocket: text in, numbered frames out, and a session that may be come back to.
final class ConversationSink: AdmittedSink, ConversationClient, ConnectedConversation, RetainedClient {
    private let admission: Admission
    private let loop: LoopConnections
    private let logger: Logger

    private var connection: WebSocketHandler?
    private var conversation: Conversation?
    private var sequence = 0
    private var retained: SessionSeat?
    private var hasRefused = false
    private let begun = NIODeadline.now()

    private var share: SessionShare? {
        retained?.session.shared.map {
            SessionShare(
                sessions: $0.sessions, session: $0, comer: SharedSessions.Comer(admission, isMessage: true) {})
        }
    }

    private var key: SessionKey { SessionKey(admission.pipeline, admission.session) }

    /// - Parameter retained: The client's seat in its session, where that is kept beyond the connection.
    init(_ admission: Admission, retained: SessionSeat?, loop: LoopConnections, logger: Logger) {
        self.admission = admission
        self.retained = retained
        self.loop = loop
        self.logger = logger
    }

    func begin(on connection: WebSocketHandler) {
        // A reload may have come since the handshake.
        do throws(HTTPRejection) { try loop.routes.rules.confirm(admission) } catch {
            return connection.close(.policyViolation, error.reason)
        }
        self.connection = connection
        let conversation = Conversation(
            pipeline: loop.pipeline(admission.pipeline), session: admission.session, format: admission.format,
            executor: loop.executor, logger: logger, isNamed: admission.identity?.username != nil,
            origin: admission.origin, retained: retained?.session, kept: loop.routes.kept, share: share,
            credential: admission.credential, client: self)
        self.conversation = conversation
        // Without it a frame has no `id` to be cancelled by.
        if admission.format == .json {
            loop.routes.connected.add(NIOLoopBound(self, eventLoop: loop.executor.eventLoop), of: key)
        }
        if !resume() { conversation.begin() }
    }

    /// The connection looks itself what has ended once it has decoded what has come.
    func receive(_ text: String) { conversation?.receive(text, tellsIdle: false) }

    /// A client that goes on sending too much is not to fill the log as well.
    func refuse(_ text: String, with error: PipelineError) {
        conversation?.refuse(text, with: error, level: hasRefused ? .debug : nil)
        hasRefused = true
    }

    func receive(_ binary: ByteBuffer) { connection?.close(.unsupportedData, "text is spoken here") }

    var pending: Int { conversation?.pending ?? 0 }

    var pendingBytes: Int { conversation?.pendingBytes ?? 0 }

    var isBackpressured: Bool {
        get { conversation?.isBackpressured ?? false }
        set { conversation?.isBackpressured = newValue }
    }

    func send(_ frame: ServerFrame) {
        if let retained { return retained.session.deliver(frame, for: retained.generation) }
        sequence += 1
        write(NumberedFrame(text: frame.text(sequence: sequence), isPiece: frame.isPiece))
    }

    func write(_ frame: NumberedFrame) {
        if frame.isPiece { connection?.write(soon: frame.text) } else { connection?.write(text: frame.text) }
    }

    func conversationIsIdle() { connection?.messagesHaveEnded() }

    func messageHasEnded() { connection?.messagesHaveEnded() }

    func stop() -> Int { conversation?.stop() ?? 0 }

    /// What the client asked for may go on without it.
    func end() {
        connection = nil
        guard let conversation else { return }
        if conversation.outlivesClient {
            loop.keep(conversation, of: key, for: retained?.session)
        } else {
            conversation.end()
        }
        forget()
    }

    private func forget() {
        conversation = nil
        loop.routes.connected.remove(self, of: key)
        if let retained { retained.session.detach(retained.generation, at: .now()) }
    }

    var credential: ClientCredential? { admission.credential }

    func cancel(unless review: AccessReview) -> Bool {
        guard let conversation, !review.admits(admission.credential) else { return false }
        conversation.cancelAll()
        conversation.end()
        forget()
        return true
    }

    /// It may be one that the client asked for on a connection before, which has gone or is about to.
    func cancelElsewhere(_ clientID: String) {
        let userID = admission.session.userID
        loop.routes.connected.cancel(clientID, of: key, userID: userID)
        loop.routes.kept.unattended.cancel(clientID, of: key, userID: userID)
        if let shared = retained?.session.shared {
            shared.sessions.cancelElsewhere(clientID, of: shared, userID: userID)
        }
    }

    /// Cancels a message for another connection of its session. One that has just ended may have left its messages behind.
    func cancel(_ clientID: String, of userID: String?) {
        guard admission.session.userID.isExactly(userID) else { return }
        if let conversation { return _ = conversation.cancel(clientID) }
        loop.routes.kept.unattended.cancel(clientID, of: key, userID: userID)
    }

    func hasFailed(_ error: any Error) { logger.debug("A connection failed", metadata: ["detail": "\(error)"]) }

    func hasEnded(with code: WebSocketCloseCode?) {
        logger.debug(
            "A WebSocket ended",
            metadata: [
                "session_id": "\(admission.session.id)", "pipeline": "\(admission.pipeline.name)",
                "address": "\(admission.session.address ?? "")", "close": "\(code?.rawValue ?? 1006)",
                "seconds": "\((NIODeadline.now() - begun).nanoseconds / 1_000_000_000)",
            ])
    }

    func willBeCut(because reason: String) {
        logger.info("Closed a connection: \(reason)", metadata: ["session_id": "\(admission.session.id)"])
    }

    /// Takes the client's seat in a retained session, and sends what it missed.
    ///
    /// - Returns: Whether it was greeted as one that comes back.
    private func resume() -> Bool {
        guard var retained else { return false }
        let bound = NIOLoopBound<any RetainedClient>(self, eventLoop: loop.executor.eventLoop)
        let (missed, generation) = retained.session.attach(bound, after: admission.seen ?? .max)
        retained.generation = generation
        self.retained = retained
        guard retained.isKnown, let seen = admission.seen else { return false }
        let greeting = ServerFrame.session(id: admission.session.id, isResumed: true, in: admission.format)
        // The connection lets them leave together once it has begun.
        for text in [greeting?.text(sequence: seen)].compactMap(\.self) + missed { connection?.write(soon: text) }
        return true
    }

    /// Another connection has taken the session.
    func giveWay() { connection?.close(.policyViolation, "the session goes on at another connection") }
}
