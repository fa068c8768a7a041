import Logging
import Pipeline
import Synchronization

/// How the database is, as last heard; says in the log when that changes.
final class PostgresHealth: Sendable {
    private struct State {
        var health = Health.failing(.databaseUnavailable("not opened yet"))
        var logger: Logger?
        /// What the log said since the database was last connected, so that it says each thing once.
        var said: Set<String> = []
    }

    private let state = Mutex(State())

    var current: Health { state.withLock(\.health) }

    func begin(_ logger: Logger) {
        state.withLock { $0.logger = logger }
    }

    func end() {
        state.withLock { state in
            state.logger = nil
            state.health = .failing(.databaseUnavailable("the database is closed"))
        }
    }

    func report(ready: Void) {
        let logger: Logger? = state.withLock { state in
            guard state.health != .ready, state.logger != nil else { return nil }
            state.health = .ready
            state.said = []
            return state.logger
        }
        logger?.info("The database is connected")
    }

    func report(failing detail: String) {
        let error = PipelineError.databaseUnavailable(detail)
        let logger: Logger? = state.withLock { state in
            guard state.logger != nil else { return nil }
            state.health = .failing(error)
            return state.said.insert(detail).inserted ? state.logger : nil
        }
        logger?.warning("\(error.message)", metadata: ["code": "\(error.code)", "detail": "\(detail)"])
    }
}
