import Pipeline
import Synchronization

/// Something to do with a connection, and who waits for it.
struct PostgresJob: Sendable {
    /// When it is too late to begin.
    let deadline: ContinuousClock.Instant
    /// Does it, and says so to who waits. What it throws is not said yet.
    let run: @Sendable (PostgresSession) throws -> Void
    /// Says to who waits that it failed.
    let fail: @Sendable (any Error) -> Void

    /// Hands a job to a thread and waits for its end without holding a thread. A cancelled task no longer waits, while
    /// the statement may go on.
    static func perform<Value: Sendable>(
        within patience: Duration, _ body: @escaping @Sendable (PostgresSession) throws -> Value,
        handingTo take: (PostgresJob) -> Void
    ) async throws -> Value {
        let answer = PostgresAnswer<Value>()
        let job = PostgresJob(deadline: .now + patience) { session in
            answer.give(.success(try body(session)))
        } fail: { error in
            answer.give(.failure(error))
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                answer.ask(continuation)
                take(job)
            }
        } onCancel: {
            answer.give(.failure(CancellationError()))
        }
    }
}

/// A result that is given once, before or after somebody waits for it; later ones are ignored.
private final class PostgresAnswer<Value: Sendable>: Sendable {
    private enum State {
        case open
        case asked(CheckedContinuation<Value, any Error>)
        case given(Result<Value, any Error>)
        case done
    }

    private let state = Mutex(State.open)

    func ask(_ continuation: CheckedContinuation<Value, any Error>) {
        let given: Result<Value, any Error>? = state.withLock { state in
            if case .given(let result) = state {
                state = .done
                return result
            }
            state = .asked(continuation)
            return nil
        }
        if let given { continuation.resume(with: given) }
    }

    func give(_ result: Result<Value, any Error>) {
        let continuation: CheckedContinuation<Value, any Error>? = state.withLock { state in
            switch state {
            case .open:
                state = .given(result)
                return nil
            case .asked(let continuation):
                state = .done
                return continuation
            case .given, .done: return nil
            }
        }
        continuation?.resume(with: result)
    }
}
