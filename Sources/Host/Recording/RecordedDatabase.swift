import Pipeline
import PipelineTesting
import Server

/// A database that has a recorder take down what it stores.
struct RecordedDatabase: RowStore {
    static let name = "recorded_database"

    @State private var inner: any RowStore = RecordedRows()
    @State private var recorder = Recorder()

    init() {}

    init(_ inner: any RowStore, by recorder: Recorder) {
        (self.inner, self.recorder) = (inner, recorder)
    }

    var health: Health { inner.health }

    var isHealthFresh: Bool { inner.isHealthFresh }

    func refreshHealth() async { await inner.refreshHealth() }

    var longestRefresh: Duration { inner.longestRefresh }

    var longestInsert: Duration? { inner.longestInsert }

    func open(_ context: ResourceContext) async throws { try await inner.open(context) }

    func close() async { await inner.close() }

    func prepare(table: String) async throws { try await inner.prepare(table: table) }

    func insert(_ rows: [Row], into table: String) async throws {
        do {
            try await inner.insert(rows, into: table)
            recorder.stored(rows, in: table, .ok)
        } catch {
            let code = (error as? PipelineError)?.code
            recorder.stored(rows, in: table, code == .databaseUnavailable ? .databaseUnavailable : .stageFailed)
            throw error
        }
    }

    func sessions(in table: String, limit: Int) async throws -> [Row.SessionSummary] {
        try await inner.sessions(in: table, limit: limit)
    }

    func rows(ofSession id: String, in table: String, limit: Int) async throws -> [Row] {
        let rows = try await inner.rows(ofSession: id, in: table, limit: limit)
        recorder.found(rows, ofSession: id)
        return rows
    }

    func row(_ id: UniqueID, ofSession session: String, in table: String) async throws -> Row? {
        let row = try await inner.row(id, ofSession: session, in: table)
        if let row { recorder.found([row], ofSession: session) }
        return row
    }

    func tokensUsed(by user: Row.User, since time: Timestamp, in table: String) async throws -> Int {
        try await inner.tokensUsed(by: user, since: time, in: table)
    }

    func delete(_ ids: [UniqueID], from table: String) async throws { try await inner.delete(ids, from: table) }

    func problems(of table: String) async throws -> [String] { try await inner.problems(of: table) }

    func migration(for table: String) -> String { inner.migration(for: table) }

    func migrate(_ table: String) async throws { try await inner.migrate(table) }
}
