package import Pipeline

/// Hears what is said in conversations, on any event loop: what `record` makes tests of.
package protocol ConversationObserver: AnyObject, Sendable {
    /// A client is there.
    func begin(_ session: Session, _ format: Message.Format)

    /// A client has sent a frame.
    func heard(_ frame: String, in session: Session)

    /// A client is sent an answer or an error, but no greeting and no piece of an answer.
    func told(_ frame: ServerFrame, in session: Session)
}
