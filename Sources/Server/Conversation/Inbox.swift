import DequeModule
import Pipeline

/// What a client has sent and waits for its turn, as it came: parsed it may take thirty times as much.
struct Inbox {
    /// A message, or a frame that is none: its turn will tell.
    struct WaitingFrame {
        /// The message's id, by which its answer has a slot in the order.
        let id: UniqueID
        let receivedAt: Timestamp
        let text: String
        /// The client's `id`.
        let clientID: String?
        /// Where it has a `clientID`, what it asks.
        let prompt: PromptMark?

        /// How many bytes it keeps.
        var size: Int { text.utf8.count + (clientID?.utf8.count ?? 0) }
    }

    private var frames = Deque<WaitingFrame>()

    /// How many bytes the frames keep.
    private(set) var bytes = 0

    var count: Int { frames.count }
    var isEmpty: Bool { frames.isEmpty }

    mutating func append(_ frame: WaitingFrame) {
        frames.append(frame)
        bytes += frame.size
    }

    mutating func popFirst() -> WaitingFrame? {
        guard let frame = frames.popFirst() else { return nil }
        bytes -= frame.size
        return frame
    }

    /// Takes out the first with that `id` of the client's.
    mutating func remove(clientID: String) -> WaitingFrame? {
        guard let index = frames.firstIndex(where: { $0.clientID?.isExactly(clientID) == true }) else { return nil }
        let frame = frames.remove(at: index)
        bytes -= frame.size
        return frame
    }

    /// The client's id of a message that waits.
    func clientID(of id: UniqueID) -> String? { frames.first { $0.id == id }?.clientID }

    /// Whether the same message waits already.
    func holds(clientID: String, _ prompt: PromptMark) -> Bool {
        frames.contains { $0.clientID?.isExactly(clientID) == true && $0.prompt == prompt }
    }
}
