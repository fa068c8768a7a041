import Synchronization

/// The first of several outcomes, for the one who waits for it, before or after it is there; later ones are ignored.
package final class FirstOutcome<Success: Sendable>: Sendable {
    private enum Phase {
        case open
        case awaited(CheckedContinuation<Success, any Error>)
        case there(Result<Success, any Error>)
        case over
    }

    private let phase = Mutex(Phase.open)

    package init() {}

    /// Whether it is there already.
    package var isThere: Bool {
        phase.withLock { phase in
            switch phase {
            case .open, .awaited: false
            case .there, .over: true
            }
        }
    }

    /// Gives an outcome.
    package func finish(_ outcome: Result<Success, any Error>) {
        let waiting: CheckedContinuation<Success, any Error>? = phase.withLock { phase in
            switch phase {
            case .open:
                phase = .there(outcome)
                return nil
            case .awaited(let continuation):
                phase = .over
                return continuation
            case .there, .over: return nil
            }
        }
        waiting?.resume(with: outcome)
    }

    /// Waits for it. Whoever is cancelled no longer waits; what was begun may go on. Called once.
    ///
    /// - Parameter begin: What leads to an outcome, begun once this waits.
    /// - Throws: What the outcome is; `CancellationError`.
    package func value(beginning begin: () -> Void = {}) async throws -> Success {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                wait(continuation)
                begin()
            }
        } onCancel: {
            finish(.failure(CancellationError()))
        }
    }

    private func wait(_ continuation: CheckedContinuation<Success, any Error>) {
        let outcome: Result<Success, any Error>? = phase.withLock { phase in
            if case .there(let outcome) = phase {
                phase = .over
                return outcome
            }
            phase = .awaited(continuation)
            return nil
        }
        if let outcome { continuation.resume(with: outcome) }
    }
}
