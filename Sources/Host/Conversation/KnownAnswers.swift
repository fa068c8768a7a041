import DequeModule
import Pipeline

/// The answers of a session by the clients' own ids, so that a message which comes twice is worked on once.
///
/// Errors are not kept: the same message may be tried again.
struct KnownAnswers {
    /// What to do with a message.
    enum Finding {
        /// It is new.
        case new
        /// It is being worked on.
        case inFlight
        /// It was answered.
        case answered(ServerFrame)
    }

    /// How much is kept of a session: the oldest answers go first.
    private static let bytes = 256 << 10

    /// Another prompt under the same id is another message.
    private struct Key: Hashable {
        let id: ExactText
        let prompt: PromptMark
    }

    private var inFlight: [UniqueID: Key] = [:]
    private var answers: [Key: ServerFrame] = [:]
    private var keys = Deque<Key>()
    private var kept = 0

    /// Notes a message that came, before any stage has changed it.
    mutating func begin(_ message: Message) -> Finding {
        guard let id = message.clientID else { return .new }
        let key = Key(id: ExactText(id), prompt: PromptMark(message.prompt))
        if let answer = answers[key] { return .answered(answer) }
        if inFlight.values.contains(key) { return .inFlight }
        inFlight[message.id] = key
        return .new
    }

    /// Notes what a message was told.
    mutating func end(_ message: UniqueID, with frame: ServerFrame?) {
        guard let key = inFlight.removeValue(forKey: message), let frame, frame.kind == .response else { return }
        answers[key] = frame
        keys.append(key)
        kept += frame.size
        while kept > KnownAnswers.bytes, let oldest = keys.popFirst() {
            kept -= answers.removeValue(forKey: oldest)?.size ?? 0
        }
    }
}
