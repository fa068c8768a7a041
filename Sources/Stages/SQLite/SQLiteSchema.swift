import GRDB
import Pipeline

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

    /// Makes the table, its indexes and its trigger where they are missing, then checks that the columns are there.
    ///
    /// - Throws: ``TableProblem`` naming the columns that an existing table lacks; `DatabaseError` from SQLite.
    func prepare(_ database: Database) throws {
        if let problem = TableProblem(try problems(in: database)) { throw problem }
        try database.execute(sql: migration)
    }

    /// What an existing table lacks; one that is missing is made at the first start. SQLite takes any value in any
    /// column, so that types are no concern.
    func problems(in database: Database) throws -> [String] {
        guard try database.tableExists(table) else { return [] }
        let existing = try Set(database.columns(in: table).map { $0.name.lowercased() })
        let missing = SQLiteSchema.columns.filter { !existing.contains($0.key) }
        guard !missing.isEmpty else { return [] }
        let names = missing.map { "'\($0.key)'" }.joined(separator: ", ")
        // ALTER TABLE takes no default that is an expression.
        let statements = missing.map { column in
            let type = column.value.contains("strftime") ? "TEXT" : column.value
            let needsDefault = type.contains("NOT NULL") ? "\(type) DEFAULT ''" : type
            return "ALTER TABLE \(table) ADD COLUMN \(column.key) \(needsDefault);"
        }
        return [
            "the table '\(table)' has no column \(names); name another table with persist: {table: …} "
                + "or add what is missing: \(statements.joined(separator: " "))"
        ]
    }

    /// Everything, where it is missing.
    var migration: String {
        let columns = SQLiteSchema.columns.map { "  \($0.key) \($0.value)" }.joined(separator: ",\n")
        let indexes = ["session_id", "created_at", "username"].map { column in
            "CREATE INDEX IF NOT EXISTS idx_\(table)_\(column) ON \(table) (\(column));\n"
        }
        return """
            CREATE TABLE IF NOT EXISTS \(table) (
            \(columns)
            );
            \(indexes.joined())\
            CREATE TRIGGER IF NOT EXISTS trg_\(table)_updated_at AFTER UPDATE ON \(table)
            WHEN new.updated_at IS old.updated_at
            BEGIN
              UPDATE \(table) SET updated_at = \(SQLiteSchema.now) WHERE id = new.id;
            END;
            """
    }

    /// Storing a row again changes nothing; any other conflict is an error.
    var insertion: String {
        """
        INSERT INTO \(table) (id, session_id, prompt, response, tokens_used, metadata, username, user_id, created_at, \
        updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
        """
    }
}
