import NIOCore
import Pipeline

/// Stands in for a client that has left, until the last of its messages has ended.
final class DetachedClient: ConversationClient, UnattendedConversation, UnfinishedWork {
    private let conversation: Conversation
    private let loop: LoopConnections
    private let retained: RetainedSession?

    /// - Parameter retained: Takes what the client is told, for when it comes back.
    init(_ conversation: Conversation, _ loop: LoopConnections, retained: RetainedSession?) {
        self.retained = retained
        self.conversation = conversation
        self.loop = loop
    }

    func send(_ frame: ServerFrame) { retained?.deliver(frame) }

    func conversationIsIdle() {
        conversation.end()
        loop.remove(work: self)
        loop.routes.kept.unattended.remove(self)
    }

    var credential: ClientCredential? { conversation.credential }

    func cancel(unless review: AccessReview) {
        if !review.admits(credential) { giveUp(because: .noLongerAdmitted) }
    }

    /// Ends a message, by the client's `id`.
    func cancel(_ clientID: String) { _ = conversation.cancel(clientID) }

    /// Ends the conversation, whatever is in flight: too much goes on for clients who have left.
    func giveUp() { giveUp(because: .tooManyUnattended) }

    private func giveUp(because error: PipelineError) {
        _ = conversation.stop(with: error)
        conversationIsIdle()
    }

    /// Ends the conversation, whatever is in flight.
    ///
    /// - Returns: How many messages had not been begun.
    func stop() -> Int {
        let unbegun = conversation.stop()
        conversationIsIdle()
        return unbegun
    }
}

extension LoopConnections {
    /// Keeps a conversation whose client has left until its last message has ended.
    func keep(_ conversation: Conversation, of key: SessionKey, for retained: RetainedSession? = nil) {
        let client = DetachedClient(conversation, self, retained: retained)
        add(work: client)
        routes.kept.unattended.add(
            NIOLoopBound(client, eventLoop: executor.eventLoop), of: key, userID: conversation.session.userID,
            bytes: conversation.allocated)
        conversation.resume(with: client)
    }
}

extension PipelineError {
    fileprivate static let tooManyUnattended = PipelineError(
        .cancelled, "The message was cancelled",
        detail: "too much is kept for clients who have left: host: {limits: {kept: …}}")
}
