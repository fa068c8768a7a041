import Logging
import Pipeline
import Synchronization

/// How a database is, as last heard; says in the log when that changes.
final class DatabaseHealth: Sendable {
    private struct State {
        var health = Health.failing(.databaseUnavailable("not opened yet"))
        var logger: Logger?
        /// Whether nothing is heard of the database, rather than that it refuses something.
        var isDown = true
        /// What the log said, and when.
        var said: [String: ContinuousClock.Instant] = [:]
    }

    /// For how long the log does not say a thing again.
    private static let silence: Duration = .seconds(60)

    private let state = Mutex(State())

    /// What is read of the database, which ends once nothing is heard of it.
    let reads = PendingReads()

    var current: Health { state.withLock(\.health) }

    /// Says what works and is perhaps not meant.
    func advise(_ sentence: String) {
        state.withLock(\.logger)?.warning("\(sentence)")
    }

    func begin(_ logger: Logger) {
        state.withLock { $0.logger = logger }
    }

    func end() {
        state.withLock { state in
            state.logger = nil
            state.health = .failing(.databaseUnavailable("the database is closed"))
        }
        // What is read without being open has a connection of its own.
        reads.resume()
    }

    func report(ready: Void) {
        reads.resume()
        let logger: Logger? = state.withLock { state in
            guard state.health != .ready, state.logger != nil else { return nil }
            state.health = .ready
            guard state.isDown else { return nil }
            state.isDown = false
            state.said = [:]
            return state.logger
        }
        logger?.info("The database is connected")
    }

    /// Nothing is heard of the database. What is read of it ends, and is refused until it is heard again.
    func report(silent detail: String) {
        report(failing: detail)
        reads.stop(because: .databaseUnavailable(detail))
    }

    /// - Parameter isDown: False for a database that answers and refuses something.
    func report(failing detail: String, isDown: Bool = true) {
        let error = PipelineError.databaseUnavailable(detail)
        let logger: Logger? = state.withLock { state in
            guard state.logger != nil else { return nil }
            state.health = .failing(error)
            state.isDown = state.isDown || isDown
            let now = ContinuousClock.now
            if let last = state.said[detail], now - last < DatabaseHealth.silence { return nil }
            // What a database says may hold anything, such as a row's id.
            if state.said.count >= 100 { state.said = [:] }
            state.said[detail] = now
            return state.logger
        }
        logger?.warning("\(error.message)", metadata: ["code": "\(error.code)", "detail": "\(detail)"])
    }
}
