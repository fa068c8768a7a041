import GRDB
import Pipeline

/// Reads stored conversations: through the connection that is open, or through one of its own that can't write or
/// checkpoint, also while a host has the file open.
struct SQLiteReader {
    let path: String
    let connection: DatabaseQueue?

    init(path: String, open connection: DatabaseQueue?) {
        self.path = path
        self.connection = connection
    }

    func sessions(in table: String, limit: Int) async throws -> [StoredSession] {
        try await open().read { database in
            let sql = """
                SELECT session_id, max(username) AS username, count(*) AS messages, max(created_at) AS last \
                FROM \(table) GROUP BY session_id ORDER BY last DESC, session_id LIMIT ?
                """
            return try GRDB.Row.fetchAll(database, sql: sql, arguments: [limit]).map { row in
                StoredSession(
                    id: row["session_id"], username: row["username"] ?? "", messages: row["messages"],
                    lastMessageAt: row["last"])
            }
        }
    }

    func rows(ofSession id: String, in table: String, limit: Int) async throws -> [Pipeline.Row] {
        try await open().read { database in
            let sql = "SELECT * FROM \(table) WHERE session_id = ? ORDER BY created_at DESC, id DESC LIMIT ?"
            return try GRDB.Row.fetchAll(database, sql: sql, arguments: [id, limit]).reversed().compactMap(storedRow)
        }
    }

    func tokensUsed(by user: StoredUser, since time: Timestamp, in table: String) async throws -> Int {
        let (whose, value) =
            user.userID.map { ("user_id = ?", $0) } ?? ("user_id IS NULL AND username = ?", user.username)
        let sql = "SELECT coalesce(sum(tokens_used), 0) FROM \(table) WHERE \(whose) AND created_at >= ?"
        return try await open().read { try Int.fetchOne($0, sql: sql, arguments: [value, time.description]) ?? 0 }
    }

    private func open() throws -> DatabaseQueue {
        if let connection { return connection }
        var configuration = Configuration()
        configuration.readonly = true
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    /// A row that another program wrote without a readable id or time is left out.
    @Sendable private func storedRow(_ row: GRDB.Row) -> Pipeline.Row? {
        guard let id = UniqueID(row["id"] as String), let createdAt = Timestamp(row["created_at"] as String) else {
            return nil
        }
        return Pipeline.Row(
            id: id, sessionID: row["session_id"], prompt: row["prompt"], response: row["response"],
            tokensUsed: row["tokens_used"], metadata: row["metadata"], username: row["username"] ?? "WebUser",
            userID: row["user_id"], createdAt: createdAt)
    }
}
