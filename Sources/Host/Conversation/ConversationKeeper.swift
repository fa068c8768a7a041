/// Stands in for a client that has left, until the last of its messages has ended.
final class ConversationKeeper: ConversationClient {
    private let conversation: Conversation
    private let loop: LoopConnections

    init(_ conversation: Conversation, _ loop: LoopConnections) {
        self.conversation = conversation
        self.loop = loop
    }

    func send(_ frame: ServerFrame) {}

    func conversationIsIdle() { stop() }

    /// Ends the conversation, whatever is in flight.
    func stop() {
        conversation.end()
        loop.remove(self)
    }
}
