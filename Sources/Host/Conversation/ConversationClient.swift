/// Where a conversation's frames go. Called on the event loop.
protocol ConversationClient: AnyObject {
    /// Writes a frame, after those before it.
    func send(_ frame: ServerFrame)

    /// The last message that was received has ended.
    func conversationIsIdle()

    /// A message has ended that waited for something; others have not.
    func messageHasEnded()
}

extension ConversationClient {
    func messageHasEnded() {}
}
