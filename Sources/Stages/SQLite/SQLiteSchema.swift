import GRDB

/// The `requests` table in SQLite: the same columns and index names as in PostgreSQL.
struct SQLiteSchema {
    let table: String

    private static let now = "(strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z')"

    private static let columns =
        [
            "id": "TEXT PRIMARY KEY NOT NULL",
            "session_id": "TEXT NOT NULL",
            "prompt": "TEXT NOT NULL",
            "response": "TEXT NOT NULL",
            "tokens_used": "INTEGER",
            "metadata": "TEXT",
            "username": "TEXT DEFAULT 'WebUser'",
            "user_id": "TEXT",
            "created_at": "TEXT DEFAULT \(now)",
            "updated_at": "TEXT DEFAULT \(now)",
        ] as KeyValuePairs

    /// Makes the table and its indexes where they are missing, then checks that the columns are there.
    ///
    /// - Throws: ``SetupError`` naming the columns that an existing table lacks; `DatabaseError` from SQLite.
    func prepare(_ database: Database) throws {
        let existing = try Set(database.columns(in: table, ifExists: true).map { $0.name.lowercased() })
        if !existing.isEmpty {
            let missing = SQLiteSchema.columns.filter { !existing.contains($0.key) }
            guard missing.isEmpty else {
                throw SetupError.missingColumns(missing.map { ($0.key, $0.value) }, table: table)
            }
        }
        let columns = SQLiteSchema.columns.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        try database.execute(sql: "CREATE TABLE IF NOT EXISTS \(table) (\(columns))")
        for column in ["session_id", "created_at", "username"] {
            try database.execute(sql: "CREATE INDEX IF NOT EXISTS idx_\(table)_\(column) ON \(table) (\(column))")
        }
    }

    /// Storing a row again changes nothing; any other conflict is an error.
    var insertion: String {
        """
        INSERT INTO \(table) (id, session_id, prompt, response, tokens_used, metadata, username, user_id, created_at, \
        updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
        """
    }
}

extension Database {
    fileprivate func columns(in table: String, ifExists: Bool) throws -> [ColumnInfo] {
        try tableExists(table) ? columns(in: table) : []
    }
}

/// What is wrong with a database's tables, and what to do about it. It stops the host.
struct SetupError: Error, CustomStringConvertible {
    let description: String

    static func missingColumns(_ columns: [(name: String, type: String)], table: String) -> SetupError {
        let names = columns.map { "'\($0.name)'" }.joined(separator: ", ")
        // ALTER TABLE takes no default that is an expression.
        let statements = columns.map { column in
            let type = column.type.contains("strftime") ? "TEXT" : column.type
            let needsDefault = type.contains("NOT NULL") ? "\(type) DEFAULT ''" : type
            return "ALTER TABLE \(table) ADD COLUMN \(column.name) \(needsDefault);"
        }
        return SetupError(
            description: "the table '\(table)' has no column \(names); name another table with persist: {table: …} "
                + "or add what is missing: \(statements.joined(separator: " "))")
    }
}
