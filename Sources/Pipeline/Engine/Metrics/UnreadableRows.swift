import CoreMetrics
import Logging
import Synchronization

/// Notes rows that a store leaves out as it can't read them: each is logged once, without its text, and counted whenever
/// it is left out.
package final class UnreadableRows: Sendable {
    private struct State {
        var resource = "database"
        var logger = Logger.engine
        var known: Set<Int> = []
        /// By column.
        var counters: [String: any CounterHandler] = [:]
    }

    /// How many are logged: more of them are a problem of the table, which these have shown.
    private static let logged = 100

    private let state = Mutex(State())

    /// Nothing noted yet.
    package init() {}

    /// Takes the name and the log of the resource.
    package func begin(_ context: ResourceContext) {
        state.withLock { state in
            state.resource = context.name
            state.logger = context.logger
        }
    }

    /// Notes a row that was left out.
    ///
    /// - Parameters:
    ///   - table: The table's name.
    ///   - id: The row's id as far as it is known; only a short one is shown.
    ///   - column: One of the table's columns, which can't be read.
    ///   - found: What is in it in its place, never its text: `NULL`, `text`.
    package func note(_ table: String, id: String?, column: String, found: String) {
        let (counter, isNew, isLast, logger) = state.withLock { state in
            let counter =
                state.counters[column]
                ?? MetricsSystem.factory.makeCounter(
                    label: EngineMetric.unreadableRows.rawValue,
                    dimensions: [("resource", state.resource), ("column", column)])
            state.counters[column] = counter
            var hasher = Hasher()
            for text in [table, column, id ?? ""] { hasher.combine(text) }
            let hash = hasher.finalize()
            let isNew = state.known.count < UnreadableRows.logged && state.known.insert(hash).inserted
            return (counter, isNew, isNew && state.known.count == UnreadableRows.logged, state.logger)
        }
        counter.increment(by: 1)
        guard isNew else { return }
        let metadata: Logger.Metadata = [
            "table": "\(table)", "column": "\(column)", "found": "\(found)", "row": "\(UnreadableRows.shown(id))",
        ]
        logger.warning("A row can't be read and is left out", metadata: metadata)
        if isLast { logger.warning("Further rows that can't be read are only counted") }
    }

    /// An id that may be anything is not shown.
    private static func shown(_ id: String?) -> String {
        guard let id else { return "without an id" }
        let isPlain = id.utf8.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit || $0 == UInt8(ascii: "-") }
        return isPlain && id.utf8.count <= 36 ? id : "with another id"
    }
}
