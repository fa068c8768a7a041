import Pipeline
import Resources

/// Sends the pieces of an answer as they come. One reference, as a call that is open for long would have copies of all this.
final class AnswerPieces: Sendable {
    private let message: Message
    private let deadline: ContinuousClock.Instant

    /// - Parameter deadline: Until then the client must have taken enough of it.
    init(of message: Message, until deadline: ContinuousClock.Instant) {
        (self.message, self.deadline) = (message, deadline)
    }

    func send(_ delta: String) async throws {
        // It says only that the model has begun to think.
        if delta.isEmpty { return }
        try await message.deltas?.send(
            delta, of: message, until: deadline,
            orThrow: ModelError.timeout("the client took too little of the answer, or it took too long to come"))
    }
}
