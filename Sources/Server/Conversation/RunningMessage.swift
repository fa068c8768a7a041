import Pipeline

/// What is known of a message before its first stage.
struct AskedMessage {
    /// How many bytes the client sent.
    let size: Int
    /// What its metadata take now that they are read.
    var allocated = 0
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
    let allocated: Int
    var task: Task<Void, Never>?

    init(_ message: Message, _ asked: AskedMessage) {
        self.message = message.id
        clientID = message.clientID
        (prompt, size, allocated) = (asked.prompt, asked.size, asked.allocated)
    }
}

/// The messages of a conversation that wait in stages, in the order in which they began.
struct RunningMessages {
    private var messages: [RunningMessage] = []

    /// How many bytes the client sent of them.
    private(set) var bytes = 0

    /// What they take now that they are read.
    private(set) var allocated = 0

    var count: Int { messages.count }
    var isEmpty: Bool { messages.isEmpty }
    var all: [RunningMessage] { messages }

    mutating func append(_ message: RunningMessage) {
        messages.append(message)
        bytes += message.size
        allocated += message.size + message.allocated
    }

    mutating func remove(_ id: UniqueID) {
        guard let index = messages.firstIndex(where: { $0.message == id }) else { return }
        let message = messages.remove(at: index)
        bytes -= message.size
        allocated -= message.size + message.allocated
    }

    /// Notes what works on a message that has not ended meanwhile.
    mutating func set(_ task: Task<Void, Never>, for id: UniqueID) {
        guard let index = messages.lastIndex(where: { $0.message == id }) else { return }
        messages[index].task = task
    }
}

/// A message whose answer comes from somebody else's work on the same.
struct AwaitedAnswer {
    /// `nil` once it was cancelled.
    var message: Message?
    let asked: AskedMessage
    let key: RememberedAnswers.Key
    /// Whether it is another host that is to say what becomes of it.
    var asksHost = false
}
