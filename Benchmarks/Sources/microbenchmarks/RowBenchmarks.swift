import FoundationEssentials
import GRDB
import Pipeline
import Resources

/// Rows into SQLite: by `persist`'s own store, and by GRDB bare with the same columns and four indexes.
enum RowBenchmarks {
    private static let batch = 100

    static func all() async throws -> [Microbenchmark] {
        [
            Microbenchmark(name: "grdb-row") { count in
                try await inFolder { folder in
                    let pool = try syncing(folder + "/rows.db")
                    try await pool.write { try $0.execute(sql: schema) }
                    for first in stride(from: 0, to: count, by: batch) {
                        try await insert(min(batch, count - first), into: pool)
                    }
                }
            },
            Microbenchmark(name: "log-and-store-row", atLeast: 100_000) { try await logAndStore($0, together: 1_000) },
            Microbenchmark(name: "log-and-store-row-64", atLeast: 10_000) { try await logAndStore($0, together: 64) },
            Microbenchmark(name: "log-and-store-row-1", atLeast: 500) { try await logAndStore($0, together: 1) },
            Microbenchmark(name: "store-row", baseline: "grdb-row") { count in
                try await inFolder { folder in
                    let path = folder + "/rows.db"
                    let store = SQLite(path: path)
                    try await store.open(ResourceContext(name: "database"))
                    try await store.prepare(table: "requests")
                    for first in stride(from: 0, to: count, by: batch) {
                        try await store.insert(
                            (first..<min(first + batch, count)).map { row($0 % 64) }, into: "requests")
                    }
                    await store.close()
                }
            },
        ]
    }

    /// A file in which each commit is synced. GRDB sets NORMAL after a configuration's preparation, so it is set here.
    private static func syncing(_ path: String) throws -> DatabasePool {
        let pool = try DatabasePool(path: path)
        try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        return pool
    }

    /// What a durable delivery costs at least: rows of as many conversations logged with one synced commit for all of them,
    /// read back, inserted and deleted from the log.
    private static func logAndStore(_ count: Int, together: Int) async throws {
        try await inFolder { folder in
            let path = folder + "/rows.db"
            let log = try syncing(path + ".log")
            let store = try syncing(path)
            try await log.write { try $0.execute(sql: schema.split(separator: ";")[0] + ";") }
            try await store.write { try $0.execute(sql: schema) }
            for first in stride(from: 0, to: count, by: together) {
                try await insert(min(together, count - first), of: together, into: log)
                let logged = try await log.read { database in
                    try GRDB.Row.fetchAll(database, sql: "SELECT * FROM requests").map {
                        StatementArguments($0.databaseValues)
                    }
                }
                try await store.write { database in
                    let statement = try database.cachedStatement(sql: insertion)
                    for row in logged { try statement.execute(arguments: row) }
                }
                try await log.write { try $0.execute(sql: "DELETE FROM requests") }
            }
        }
    }

    private static func insert(_ number: Int, of sessions: Int = 64, into pool: DatabasePool) async throws {
        try await pool.write { database in
            let statement = try database.cachedStatement(sql: insertion)
            for index in 0..<number { try statement.execute(arguments: values(of: row(index % sessions))) }
        }
    }

    /// As many conversations as the loads have, each with its own place in the index.
    private static let sessions = (0..<1_000).map { _ in UniqueID.random().description }

    private static let prompt = String(repeating: "abcdefgh", count: 8)

    private static func row(_ session: Int) -> Pipeline.Row {
        let now = Timestamp.now
        return Pipeline.Row(
            id: .timeOrdered(at: now), sessionID: sessions[session], prompt: prompt,
            response: prompt,
            tokensUsed: 20, metadata: #"{"usage":{"total_tokens":20}}"#, username: "WebUser", createdAt: now)
    }

    private static func values(of row: Pipeline.Row) -> StatementArguments {
        let time = row.createdAt.description
        return [
            row.id.description, row.sessionID, row.prompt, row.response, row.tokensUsed, row.metadata, row.username,
            row.userID, time, time,
        ]
    }

    private static let schema = """
        CREATE TABLE requests (id TEXT PRIMARY KEY NOT NULL, session_id TEXT NOT NULL, prompt TEXT NOT NULL,
          response TEXT NOT NULL, tokens_used INTEGER, metadata TEXT, username TEXT DEFAULT 'WebUser', user_id TEXT,
          created_at TEXT, updated_at TEXT);
        CREATE INDEX idx_requests_session_id ON requests (session_id);
        CREATE INDEX idx_requests_created_at ON requests (created_at);
        CREATE INDEX idx_requests_username ON requests (username);
        """

    private static let insertion = """
        INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
        """
}
