/// Runs an operation, but waits for it no longer than `limit`: then it is cancelled and left behind, so that one that
/// ignores cancellation holds nobody up.
///
/// - Parameter late: Made when the limit has passed, before the operation is cancelled.
/// - Throws: What the operation throws; `late` after the limit; `CancellationError` when the caller is cancelled.
package func withTimeout<Result: Sendable>(
    _ limit: Duration, orThrow late: @autoclosure @escaping @Sendable () -> any Error,
    _ operation: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    let race = FirstOutcome<Result>()
    // Before the work, which moves the clock of a test.
    let stopTimer = EngineTime.alarm(after: limit) { race.finish(.failure(late())) }
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
    return try await race.value()
}
