import Pipeline
import Synchronization

/// Reads that wait for a database. None of them waits out its own time limit once nothing is heard of the database, and
/// none begins until it is heard again.
final class PendingReads: Sendable {
    private struct State {
        /// Why nothing is read now.
        var silence: PipelineError?
        var fail: [Int: @Sendable (any Error) -> Void] = [:]
        var last = 0
    }

    private let state = Mutex(State())

    /// Whether none begins now.
    var areStopped: Bool { state.withLock { $0.silence != nil } }

    /// Reads.
    ///
    /// - Throws: What `read` throws; `database_unavailable` at once where nothing is heard of the database, and as soon as
    ///   that is known. `read` is cancelled then, and nobody waits for it.
    func run<Value: Sendable>(_ read: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let answer = FirstOutcome<Value>()
        let ticket = try state.withLock { state in
            if let silence = state.silence { throw silence }
            state.last += 1
            state.fail[state.last] = { answer.finish(.failure($0)) }
            return state.last
        }
        let reading = Task {
            do {
                answer.finish(.success(try await read()))
            } catch {
                answer.finish(.failure(error))
            }
        }
        defer {
            _ = state.withLock { $0.fail.removeValue(forKey: ticket) }
            reading.cancel()
        }
        return try await answer.value()
    }

    /// Nothing is heard of the database: no read waits for it.
    func stop(because error: PipelineError) {
        let waiting = state.withLock { state in
            state.silence = error
            defer { state.fail = [:] }
            return state.fail
        }
        for fail in waiting.values { fail(error) }
    }

    /// The database is heard again, whatever it says.
    func resume() {
        state.withLock { $0.silence = nil }
    }
}
