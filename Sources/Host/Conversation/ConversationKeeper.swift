/// Stands in for a client that has left, until the last of its messages has ended.
final class ConversationKeeper: ConversationClient {
    private let conversation: Conversation
    private let loop: LoopConnections
    private let held: HeldSession?

    /// - Parameter held: Takes what the client is told, for when it comes back.
    init(_ conversation: Conversation, _ loop: LoopConnections, held: HeldSession?) {
        self.held = held
        self.conversation = conversation
        self.loop = loop
    }

    func send(_ frame: ServerFrame) { held?.deliver(frame) }

    func conversationIsIdle() {
        conversation.end()
        loop.remove(self)
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
