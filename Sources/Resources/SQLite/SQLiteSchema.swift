import GRDB
import GRDBSQLite
import Pipeline

/// The `requests` table in SQLite: the same columns and index names as in PostgreSQL.
struct SQLiteSchema {
    let table: String

    /// The table's name as an identifier, in quotes where it is a word of SQL.
    var identifier: String {
        sqlite3_keyword_check(table, CInt(table.utf8.count)) == 0 ? table : SQLiteSchema.quoted(table)
    }

    private static let now = "(strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z')"

    static let columns =
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

    /// A name as SQL takes it.
    static func quoted(_ name: String) -> String {
        "\"\(name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\""))\""
    }

    /// Makes the table, its indexes and its trigger where they are missing, after a look at a table that is there.
    ///
    /// - Throws: ``TableProblem`` with what keeps rows out of an existing table; `DatabaseError` from SQLite.
    func prepare(_ database: Database) throws {
        if let problem = TableProblem(try problems(in: database)) { throw problem }
        try database.execute(sql: migration)
    }

    /// Everything, where it is missing.
    var migration: String {
        let columns = SQLiteSchema.columns.map { "  \($0.key) \($0.value)" }.joined(separator: ",\n")
        let indexes = ["session_id", "created_at", "username"].map { column in
            "CREATE INDEX IF NOT EXISTS idx_\(table)_\(column) ON \(identifier) (\(column));\n"
        }
        return """
            CREATE TABLE IF NOT EXISTS \(identifier) (
            \(columns)
            );
            \(indexes.joined())\
            CREATE TRIGGER IF NOT EXISTS trg_\(table)_updated_at AFTER UPDATE ON \(identifier)
            WHEN new.updated_at IS old.updated_at
            BEGIN
              UPDATE \(identifier) SET updated_at = \(SQLiteSchema.now) WHERE id = new.id;
            END;
            """
    }

    /// Storing a row again changes nothing, unless what is stored is a part of an answer; any other conflict is an error.
    var insertion: String {
        let columns = SQLiteSchema.columns.map(\.key)
        let replaced = columns.dropFirst().map { "\($0) = excluded.\($0)" }.joined(separator: ", ")
        let metadata = "\(identifier).metadata"
        // `CASE` keeps the functions of JSON, which fail for anything else, from what another program stored.
        return """
            INSERT INTO \(identifier) (\(columns.joined(separator: ", "))) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
            ON CONFLICT (id) DO UPDATE SET \(replaced) WHERE CASE WHEN typeof(\(metadata)) = 'text' THEN \
            CASE WHEN json_valid(\(metadata)) THEN json_type(\(metadata), '$.partial') = 'true' END END
            """
    }
}
