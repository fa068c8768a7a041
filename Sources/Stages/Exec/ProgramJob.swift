import Pipeline

/// A message on its way through a program, and who waits for it.
final class ProgramJob: Sendable {
    typealias Outcome = Result<ProgramAnswer, any Error>

    /// The line but for its beginning and its number.
    let text: String
    private let outcome = FirstOutcome<ProgramAnswer>()

    init(text: String) {
        self.text = text
    }

    /// Whether nobody waits any more.
    var isSettled: Bool { outcome.isThere }

    /// Waits for what becomes of it, once `submit` has handed it over.
    func answer(submitting submit: () -> Void) async throws -> ProgramAnswer {
        try await outcome.value(beginning: submit)
    }

    /// The first outcome counts.
    func settle(_ outcome: Outcome) { self.outcome.finish(outcome) }
}
