import Synchronization

/// Runs an operation, but waits for it no longer than `limit`: then it is cancelled and left behind, so that one that
/// ignores cancellation holds nobody up.
///
/// - Throws: What the operation throws; `late` after the limit; `CancellationError` when the caller is cancelled.
package func withTimeout<Result: Sendable>(
    _ limit: Duration, orThrow late: any Error, _ operation: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    let race = Race<Result>()
    // Before the work, which moves the clock of a test.
    let stopTimer = EngineTime.alarm(after: limit) { race.finish(.failure(late)) }
    let work = Task {
        do {
            race.finish(.success(try await operation()))
        } catch {
            race.finish(.failure(error))
        }
    }
    defer {
        stopTimer()
        work.cancel()
    }
    return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { race.wait($0) }
    } onCancel: {
        race.finish(.failure(CancellationError()))
    }
}

/// The first of several outcomes, for one who waits.
private final class Race<Success: Sendable>: Sendable {
    private enum Phase {
        case running
        case waited(CheckedContinuation<Success, any Error>)
        case finished(Result<Success, any Error>)
    }

    private let phase = Mutex(Phase.running)

    func wait(_ continuation: CheckedContinuation<Success, any Error>) {
        let outcome: Result<Success, any Error>? = phase.withLock { phase in
            if case .finished(let outcome) = phase { return outcome }
            phase = .waited(continuation)
            return nil
        }
        if let outcome { continuation.resume(with: outcome) }
    }

    func finish(_ outcome: Result<Success, any Error>) {
        let waiting: CheckedContinuation<Success, any Error>? = phase.withLock { phase in
            defer { if case .finished = phase {} else { phase = .finished(outcome) } }
            if case .waited(let continuation) = phase { return continuation }
            return nil
        }
        waiting?.resume(with: outcome)
    }
}
