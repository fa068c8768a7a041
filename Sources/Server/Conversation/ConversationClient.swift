/// Where a conversation's frames go. Called on the event loop.
package protocol ConversationClient: AnyObject {
    /// Writes a frame, after those before it.
    func send(_ frame: ServerFrame)

    /// The last message that was received has ended.
    func conversationIsIdle()

    /// A message has ended that waited for something; others have not.
    func messageHasEnded()

    /// A message is to be cancelled that this conversation does not know.
    func cancelElsewhere(_ clientID: String)
}

extension ConversationClient {
    package func messageHasEnded() {}

    package func cancelElsewhere(_ clientID: String) {}
}
