import Pipeline
import Synchronization

/// Gives a failing API a rest: after five failures in a row nothing calls it for 30 s, then one call at a time tries.
final class CircuitBreaker: Sendable {
    private struct State {
        var failures = 0
        var openUntil: ContinuousClock.Instant?
        var isTrying = false
    }

    private static let limit = 5
    private static let rest: Duration = .seconds(30)

    private let state = Mutex(State())

    static let error = PipelineError(
        .modelUnavailable, "The model is not available", isRetryable: true,
        detail: "it failed five times in a row and rests")

    /// Whether no call is made now.
    var isOpen: Bool {
        state.withLock { state in
            guard let until = state.openUntil else { return false }
            return state.isTrying || until > EngineTime.now
        }
    }

    /// Makes a call, where it is time for one, and notes what became of it.
    ///
    /// - Throws: What the call throws; ``error`` where it is not made.
    func run<Value>(isOn: Bool, _ call: () async throws -> Value) async throws -> Value {
        guard isOn else { return try await call() }
        let mayCall = state.withLock { state in
            guard let until = state.openUntil else { return true }
            guard until <= EngineTime.now, !state.isTrying else { return false }
            state.isTrying = true
            return true
        }
        guard mayCall else { throw CircuitBreaker.error }
        do {
            let value = try await call()
            state.withLock { $0 = State() }
            return value
        } catch let error as PipelineError where [.modelUnavailable, .modelTimeout].contains(error.code) {
            state.withLock { state in
                state.failures += 1
                state.isTrying = false
                if state.failures >= CircuitBreaker.limit { state.openUntil = EngineTime.now + CircuitBreaker.rest }
            }
            throw error
        } catch {
            // A refusal is an answer; a call that was cancelled says nothing.
            state.withLock { state in
                if error is PipelineError { state = State() } else { state.isTrying = false }
            }
            throw error
        }
    }
}
