import Pipeline
import Resources
import Synchronization

/// Runs a call of a model, but waits for the first piece of its answer no longer than `limit`: then the call is ended.
///
/// - Parameter call: Marks the answer as begun with its first piece.
/// - Throws: What the call throws; `model_timeout` after the limit.
func withFirstPiece(
    within limit: Duration, _ call: @escaping @Sendable (FirstPiece) async throws -> Completion
) async throws -> Completion {
    let first = FirstPiece()
    let late = FirstOutcome<Void>()
    // Before the call, which moves the clock of a test.
    let stopTimer = EngineTime.alarm(after: limit) { late.finish(.success(())) }
    defer { stopTimer() }
    return try await withThrowingTaskGroup(of: Completion?.self) { group in
        group.addTask { try await call(first) }
        group.addTask {
            try await late.value()
            if first.hasCome { return nil }
            throw ModelError.timeout("no piece of the answer came within \(limit)")
        }
        defer { group.cancelAll() }
        while let outcome = try await group.next() {
            if let completion = outcome { return completion }
        }
        throw CancellationError()
    }
}

/// Whether an answer has begun.
final class FirstPiece: Sendable {
    private let come = Atomic(false)

    var hasCome: Bool { come.load(ordering: .relaxed) }

    func mark() { come.store(true, ordering: .relaxed) }
}
