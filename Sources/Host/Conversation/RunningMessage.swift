import Pipeline

/// A message that waits in a stage.
struct RunningMessage {
    let message: UniqueID
    let clientID: String?
    /// Where it has a `clientID`, what the client asked.
    let prompt: PromptMark?
    /// What the client sent.
    let size: Int
    var task: Task<Void, Never>?

    /// A message before its first stage.
    init(_ message: Message, size: Int) {
        self.message = message.id
        self.size = size
        clientID = message.clientID
        prompt = clientID == nil ? nil : PromptMark(message.prompt)
    }
}
