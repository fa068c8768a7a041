import Pipeline

/// What is known of a message before its first stage.
struct AskedMessage {
    /// How many bytes the client sent.
    let size: Int
    /// Where it came with an `id` of the client's, what was asked.
    var prompt: PromptMark?
    /// Whether its answer may be in the table already.
    var isStored = false
}

/// A message that waits in a stage.
struct RunningMessage {
    let message: UniqueID
    let clientID: String?
    let prompt: PromptMark?
    let size: Int
    var task: Task<Void, Never>?

    init(_ message: Message, _ asked: AskedMessage) {
        self.message = message.id
        clientID = message.clientID
        (prompt, size) = (asked.prompt, asked.size)
    }
}

/// A message whose answer comes from somebody else's work on the same.
struct AwaitedAnswer {
    /// `nil` once it was cancelled.
    var message: Message?
    let asked: AskedMessage
    let key: RememberedAnswers.Key
}
