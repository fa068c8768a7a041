import Pipeline

/// A message on its way through a program, and who waits for it.
final class ProgramJob: Sendable {
    typealias Outcome = Result<ProgramAnswer, any Error>

    /// The line but for its beginning and its number.
    let text: String
    private let outcome = FirstOutcome<ProgramAnswer>()
    private let channel: PieceChannel?

    /// - Parameter channel: Where pieces of the answer wait for their reader; `nil` for an answer that comes whole.
    init(text: String, channel: PieceChannel? = nil) {
        self.text = text
        self.channel = channel
    }

    /// Whether nobody waits any more.
    var isSettled: Bool { channel?.isOver ?? outcome.isThere }

    /// Whether so much waits for its reader that no more should be read for it.
    var isFull: Bool { channel?.isFull ?? false }

    /// Waits for what becomes of it, once `submit` has handed it over.
    func answer(submitting submit: () -> Void) async throws -> ProgramAnswer {
        try await outcome.value(beginning: submit)
    }

    /// Waits for what comes next of an answer in pieces.
    func next() async -> PieceChannel.Step {
        await channel?.next() ?? .end(.failure(CancellationError()))
    }

    /// Takes what a process wrote, or what became of it. What comes after the end does not count.
    func deliver(_ outcome: Outcome) {
        guard let channel else { return self.outcome.finish(outcome) }
        if case .success(let answer) = outcome {
            if case .string(let piece)? = answer.delta, !piece.isEmpty { channel.add(piece) }
            guard answer.isEnd else { return }
        }
        channel.finish(outcome)
    }

    /// Nobody waits any more: what has come is dropped.
    func abandon() { channel?.abandon() }
}
