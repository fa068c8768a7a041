import Pipeline
import Resources

/// Sends the pieces of an answer as they come. One reference, as a call that is open for long would have copies of all this.
final class AnswerPieces: PieceReceiver {
    private let message: Message
    private let deltas: Message.DeltaStream?
    private let deadline: ContinuousClock.Instant
    private let first: FirstPiece?

    /// - Parameters:
    ///   - deadline: Until then the client must have taken enough of it.
    ///   - first: Where it is noted that the answer has begun.
    init(of message: Message, until deadline: ContinuousClock.Instant, first: FirstPiece? = nil) {
        (self.message, self.deadline, self.first) = (message, deadline, first)
        deltas = message.deltas
    }

    var hasRoom: Bool { deltas?.hasRoom ?? true }

    func takeAtOnce(_ piece: String) throws -> Bool {
        first?.mark()
        // An empty one says only that the model has begun to think.
        guard let deltas, !piece.isEmpty else { return true }
        return try deltas.sendAtOnce(piece, of: message)
    }

    nonisolated(nonsending) func take(_ piece: String) async throws {
        first?.mark()
        guard let deltas, !piece.isEmpty else { return }
        try await deltas.send(
            piece, of: message, until: deadline,
            orThrow: ModelError.timeout("the client took too little of the answer, or it took too long to come"))
    }
}
