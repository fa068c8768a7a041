import Pipeline
import Synchronization

/// A message on its way through a program, and who waits for it.
final class ProgramJob: Sendable {
    typealias Outcome = Result<ProgramAnswer, any Error>

    private enum Phase {
        case new
        case awaited(CheckedContinuation<ProgramAnswer, any Error>)
        case settled(Outcome)
    }

    /// The line but for its beginning and its number.
    let text: String
    private let phase = Mutex(Phase.new)

    init(text: String) {
        self.text = text
    }

    /// Whether nobody waits any more.
    var isSettled: Bool {
        phase.withLock { phase in
            if case .settled = phase { true } else { false }
        }
    }

    func wait(_ continuation: CheckedContinuation<ProgramAnswer, any Error>) {
        let outcome: Outcome? = phase.withLock { phase in
            if case .settled(let outcome) = phase { return outcome }
            phase = .awaited(continuation)
            return nil
        }
        if let outcome { continuation.resume(with: outcome) }
    }

    /// The first outcome counts.
    func settle(_ outcome: Outcome) {
        let continuation: CheckedContinuation<ProgramAnswer, any Error>? = phase.withLock { phase in
            switch phase {
            case .settled: return nil
            case .new:
                phase = .settled(outcome)
                return nil
            case .awaited(let continuation):
                phase = .settled(outcome)
                return continuation
            }
        }
        continuation?.resume(with: outcome)
    }
}
