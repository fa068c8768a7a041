public import Pipeline
import Synchronization

/// A database in memory that keeps what is stored for a test to look at, and fails where the test says so.
public struct RecordedRows: RowStore {
    public static let name = "recorded_rows"
    public static let summary = "Keeps rows in memory for a test."

    /// What becomes of an insert.
    public enum Outcome: Sendable {
        /// The rows are kept.
        case kept
        /// It fails.
        case failing(PipelineError)
    }

    @State private var storage = Storage()

    /// Keeps everything.
    public init() {}

    /// What was stored, in that order, without what ``begin(with:)`` gave.
    public var stored: [(table: String, row: Row)] { storage.state.withLock(\.stored) }

    /// Has rows that were stored before the test, in every table.
    public func begin(with rows: [Row]) { storage.state.withLock { $0.earlier = rows } }

    /// What becomes of the next inserts, in order; those after them are kept.
    public func script(_ outcomes: [Outcome]) { storage.state.withLock { $0.outcomes = outcomes } }

    /// Whether it can be reached.
    public func setDown(_ isDown: Bool) { storage.state.withLock { $0.isDown = isDown } }

    /// Calls `note` whenever rows are kept.
    package func onStore(_ note: @escaping @Sendable () -> Void) { storage.state.withLock { $0.note = note } }

    public var health: Health { storage.state.withLock(\.isDown) ? .failing(.scripted(.databaseUnavailable)) : .ready }

    public func prepare(table: String) async throws {}

    public func insert(_ rows: [Row], into table: String) async throws {
        let note = try storage.insert(rows, into: table)
        note?()
    }

    public func sessions(in table: String, limit: Int) async throws -> [Row.SessionSummary] {
        let bySession = Dictionary(grouping: try storage.rows(of: table), by: \.sessionID)
        let sessions = bySession.values.compactMap { rows -> Row.SessionSummary? in
            guard let last = rows.max(by: { $0.createdAt < $1.createdAt }) else { return nil }
            return Row.SessionSummary(
                id: last.sessionID, username: last.username, messages: rows.count,
                lastMessageAt: last.createdAt.description)
        }
        return Array(sessions.sorted { $0.lastMessageAt > $1.lastMessageAt }.prefix(limit))
    }

    public func rows(ofSession id: String, in table: String, limit: Int) async throws -> [Row] {
        let rows = try storage.rows(of: table).filter { $0.sessionID.isExactly(id) }
        return rows.sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }.suffix(limit)
    }

    public func tokensUsed(by user: Row.User, since time: Timestamp, in table: String) async throws -> Int {
        try storage.rows(of: table).filter { row in
            row.createdAt >= time
                && (user.userID.map { $0.isExactly(row.userID ?? "") } ?? row.username.isExactly(user.username))
        }.reduce(0) { $0 + ($1.tokensUsed ?? 0) }
    }

    public func delete(_ ids: [UniqueID], from table: String) async throws {
        storage.state.withLock { state in state.stored.removeAll { $0.table == table && ids.contains($0.row.id) } }
    }

    public func problems(of table: String) async throws -> [String] { [] }

    public func migration(for table: String) -> String { "" }

    public func migrate(_ table: String) async throws {}

    private final class Storage: Sendable {
        struct State {
            var earlier: [Row] = []
            var stored: [(table: String, row: Row)] = []
            var outcomes: [Outcome] = []
            var isDown = false
            var note: (@Sendable () -> Void)?
        }

        let state = Mutex(State())

        func insert(_ rows: [Row], into table: String) throws -> (@Sendable () -> Void)? {
            try state.withLock { state in
                if state.isDown { throw PipelineError.scripted(.databaseUnavailable) }
                if !state.outcomes.isEmpty, case .failing(let error) = state.outcomes.removeFirst() { throw error }
                for row in rows {
                    let known = state.stored.firstIndex { $0.table == table && $0.row.id == row.id }
                    if known.map({ state.stored[$0].row.isPartial }) ?? true {
                        if let known { state.stored.remove(at: known) }
                        state.stored.append((table, row))
                    }
                }
                return state.note
            }
        }

        func rows(of table: String) throws -> [Row] {
            try state.withLock { state in
                if state.isDown { throw PipelineError.scripted(.databaseUnavailable) }
                return state.earlier + state.stored.filter { $0.table == table }.map(\.row)
            }
        }
    }
}

/// A queue in memory in place of those on disk.
package struct QueueInMemory: QueueStore {
    package static let name = "queue_in_memory"
    package init() {}

    package var guarantee: Queue.Guarantee { .memory(capacity: MemoryQueue.defaultCapacity) }

    package func queue(for consumer: String, _ options: Queue.Options) async throws -> any MessageQueue {
        MemoryQueue(options)
    }
}

/// A queue in memory in place of those on servers, by which hosts share what they know: a test has one host.
package struct SharedQueueInMemory: QueueStore, SharedStore {
    package static let name = "shared_queue_in_memory"
    package init() {}

    package var guarantee: Queue.Guarantee { QueueInMemory().guarantee }

    package var link: (any SharedLink)? { nil }

    package func queue(for consumer: String, _ options: Queue.Options) async throws -> any MessageQueue {
        MemoryQueue(options)
    }
}

extension StandIns {
    /// Scripted models, recorded rows, queues in memory.
    package static let scripted = StandIns(
        model: ScriptedModel.self, database: RecordedRows.self, queue: QueueInMemory.self,
        shared: SharedQueueInMemory.self)
}
