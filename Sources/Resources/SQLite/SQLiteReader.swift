import GRDB
import Pipeline

/// Reads stored conversations through a connection that can't write or checkpoint, also while a host has the file open: one
/// that is open, or one of its own.
///
/// Values are never taken for what their column's type says: another program may have stored anything. Rows are in the
/// order of the times that they mean, in whatever form these are written.
struct SQLiteReader {
    let path: String
    let connection: DatabaseQueue?
    let unreadable: UnreadableRows

    /// Whether a row is one that ``StoredValues`` can read.
    private static let isReadable = """
        id IS NOT NULL AND typeof(session_id) NOT IN ('null', 'blob') AND typeof(prompt) NOT IN ('null', 'blob') \
        AND typeof(response) NOT IN ('null', 'blob') AND typeof(username) <> 'blob' AND typeof(user_id) <> 'blob' \
        AND (tokens_used IS NULL OR stagecoach_count(tokens_used) IS NOT NULL) \
        AND stagecoach_time(created_at) IS NOT NULL
        """

    func sessions(in table: String, limit: Int) async throws -> [Pipeline.Row.SessionSummary] {
        let sql = """
            SELECT session_id, max(username), count(*), max(stagecoach_time(created_at)) AS last \
            FROM \(SQLiteSchema(table: table).identifier) WHERE \(SQLiteReader.isReadable) \
            GROUP BY session_id ORDER BY last DESC, session_id LIMIT ?
            """
        return try await open().read { database in
            try GRDB.Row.fetchAll(database, sql: sql, arguments: [max(0, limit)]).map { row in
                let (id, username, count, last) = (row.value(0), row.value(1), row.value(2), row.value(3))
                return Pipeline.Row.SessionSummary(
                    id: id.asText ?? "", username: username.asText ?? "",
                    messages: Int(count.asCount ?? 0),
                    lastMessageAt: last.asCount.map { Timestamp(microseconds: $0).description } ?? "")
            }
        }
    }

    /// How many conversations there are, or messages of one.
    func count(ofSession id: String? = nil, in table: String) async throws -> Int {
        let sql = """
            SELECT \(id == nil ? "count(DISTINCT session_id)" : "count(*)") \
            FROM \(SQLiteSchema(table: table).identifier) \
            WHERE \(SQLiteReader.isReadable)\(id == nil ? "" : " AND session_id = ?")
            """
        return try await open().read { database in
            try Int.fetchOne(database, sql: sql, arguments: StatementArguments([id].compactMap(\.self))) ?? 0
        }
    }

    func rows(ofSession id: String, in table: String, limit: Int) async throws -> [Pipeline.Row] {
        let sql = """
            SELECT \(StoredValues.columns.joined(separator: ", ")) FROM \(SQLiteSchema(table: table).identifier) \
            WHERE session_id = ? ORDER BY stagecoach_time(created_at) DESC, id DESC LIMIT ? OFFSET ?
            """
        return try await open().read { [unreadable] database in
            var rows: [Pipeline.Row] = []
            var offset = 0
            // What can't be read makes room for the next. Each look is for as many as all before it together: there may be
            // very many.
            while rows.count < limit {
                let wanted = max(limit - rows.count, offset)
                let found = try GRDB.Row.fetchAll(database, sql: sql, arguments: [id, wanted, offset])
                for values in found.map(StoredValues.init) {
                    if let column = values.unreadableColumn {
                        unreadable.note(table, id: values.id.asID, column: column.name, found: column.value.typeName)
                    } else if let row = values.row(ofSession: id) {
                        rows.append(row)
                    }
                }
                if found.count < wanted { break }
                offset += found.count
            }
            return rows.prefix(max(0, limit)).reversed()
        }
    }

    func row(_ id: UniqueID, ofSession session: String, in table: String) async throws -> Pipeline.Row? {
        let sql = """
            SELECT \(StoredValues.columns.joined(separator: ", ")) FROM \(SQLiteSchema(table: table).identifier) \
            WHERE id = ? AND session_id = ?
            """
        return try await open().read { database in
            try GRDB.Row.fetchOne(database, sql: sql, arguments: [id.description, session])
                .flatMap { StoredValues($0).row(ofSession: session) }
        }
    }

    func tokensUsed(by user: Pipeline.Row.User, since time: Timestamp, in table: String) async throws -> Int {
        let (whose, value) =
            user.userID.map { ("user_id = ?", $0) } ?? ("user_id IS NULL AND username = ?", user.username)
        // A sum of integers can overflow, `total` can't. Of a calendar date in the extended form the text says well enough
        // that it is two days older, whatever its offset, so that most rows need no call.
        let sql = """
            SELECT total(max(0, stagecoach_count(tokens_used))) FROM \(SQLiteSchema(table: table).identifier) \
            WHERE \(whose) \
            AND (created_at >= ? OR created_at NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-*') \
            AND stagecoach_time(created_at) >= ?
            """
        let twoDays: Int64 = 2 * 86_400_000_000
        let earliest = Timestamp(microseconds: max(0, time.microseconds) - twoDays).description.prefix(10)
        return try await open().read { database in
            let arguments: StatementArguments = [value, String(earliest), time.microseconds]
            let total = try GRDB.Row.fetchOne(database, sql: sql, arguments: arguments)?.value(0)
            guard case .double(let total) = total?.storage else { return 0 }
            return Int(exactly: total.rounded()) ?? .max
        }
    }

    private func open() throws -> DatabaseQueue { try connection ?? SQLiteReader.connect(to: path) }

    /// A connection that only reads.
    static func connect(to path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.readonly = true
        // Nobody keeps readers of a WAL file out for longer, but for a program that wants the file for itself.
        configuration.busyMode = .timeout(0.5)
        configuration.prepareDatabase { SQLiteFunctions.add(to: $0) }
        return try DatabaseQueue(path: path, configuration: configuration)
    }
}

/// The values of a row, in the order of its columns.
struct StoredValues {
    static let columns = [
        "id", "prompt", "response", "tokens_used", "metadata", "username", "user_id", "created_at",
    ]

    let id: DatabaseValue
    private let prompt: DatabaseValue
    private let response: DatabaseValue
    private let tokensUsed: DatabaseValue
    private let metadata: DatabaseValue
    private let username: DatabaseValue
    private let userID: DatabaseValue
    private let createdAt: DatabaseValue

    init(_ row: GRDB.Row) {
        (id, prompt, response, tokensUsed) = (row.value(0), row.value(1), row.value(2), row.value(3))
        (metadata, username, userID, createdAt) = (row.value(4), row.value(5), row.value(6), row.value(7))
    }

    /// The first column that has no value which a row can have.
    var unreadableColumn: (name: String, value: DatabaseValue)? {
        if id.asID == nil { return ("id", id) }
        if prompt.asText == nil { return ("prompt", prompt) }
        if response.asText == nil { return ("response", response) }
        if !tokensUsed.isNull, tokensUsed.asCount == nil { return ("tokens_used", tokensUsed) }
        if !username.isNull, username.asText == nil { return ("username", username) }
        if !userID.isNull, userID.asText == nil { return ("user_id", userID) }
        return createdAt.asTime == nil ? ("created_at", createdAt) : nil
    }

    /// The row; `nil` where a column can't be read.
    func row(ofSession session: String) -> Pipeline.Row? {
        guard unreadableColumn == nil, let id = id.asID, let prompt = prompt.asText, let response = response.asText,
            let createdAt = createdAt.asTime
        else { return nil }
        return Pipeline.Row(
            storedID: id, sessionID: session, prompt: prompt, response: response,
            tokensUsed: tokensUsed.asCount.map(Int.init), metadata: metadata.asText,
            username: username.asText ?? "WebUser", userID: userID.asText, createdAt: createdAt)
    }
}

extension GRDB.Row {
    /// A value by its place, of whatever type: subscripts that name a type end the process where it is another.
    func value(_ index: Int) -> DatabaseValue {
        index < count ? self[index] : .null
    }
}
