import Pipeline

/// What works and is perhaps not meant: of a table, and of what the server promises.
struct PostgresAdvice {
    let table: String

    /// How many bytes PostgreSQL lets an entry of a B-tree have: a third of a page.
    private static let indexed = 2_704

    /// Each in a sentence with what to do; nothing where there is no such table.
    func onTable(in session: PostgresSession) throws -> [String] {
        try columns(in: session) + indexes(in: session) + persistence(in: session)
    }

    private var schema: PostgresSchema { PostgresSchema(table: table) }

    private func columns(in session: PostgresSession) throws -> [String] {
        let result = try session.run(
            """
            SELECT attname, atttypid = 'timestamp'::regtype,
              CASE WHEN atttypmod > 4 AND atttypid = 'varchar'::regtype THEN atttypmod - 4 END
            FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
            """, [Array(schema.identifier.utf8)])
        var advice: [String] = []
        for row in 0..<result.count {
            let column = result.text(row, 0) ?? ""
            guard PostgresSchema.columns.contains(where: { $0.name == column }) else { continue }
            let alter = "ALTER TABLE \(schema.identifier) ALTER COLUMN \(column) TYPE"
            if result.text(row, 1) == "t" { advice.append(schema.adviceWithoutTimeZone(column)) }
            if let width = result.text(row, 2), column != "session_id" {
                advice.append(
                    "the column '\(column)' of the table '\(table)' takes \(width) characters at most; rows with more "
                        + "are refused: \(alter) text;")
            }
        }
        return advice
    }

    /// A B-tree over a column that may have any length refuses long values.
    private func indexes(in session: PostgresSession) throws -> [String] {
        let result = try session.run(
            """
            SELECT i.indexrelid::regclass, a.attname FROM pg_index i
            JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree'
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
            WHERE i.indrelid = to_regclass($1) AND a.attname IN ('prompt', 'response', 'metadata')
            ORDER BY i.indexrelid, a.attnum
            """, [Array(schema.identifier.utf8)])
        var advice: [String] = []
        for row in 0..<result.count {
            let (index, column) = (result.text(row, 0) ?? "", result.text(row, 1) ?? "")
            advice.append(
                "the index \(index) is over '\(column)': rows are refused whose '\(column)' has more than about "
                    + "\(PostgresAdvice.indexed) bytes; a hash or full-text index takes any: DROP INDEX \(index);")
        }
        return advice
    }

    private func persistence(in session: PostgresSession) throws -> [String] {
        let result = try session.run(
            "SELECT 1 FROM pg_class WHERE oid = to_regclass($1) AND relpersistence = 'u'",
            [Array(schema.identifier.utf8)])
        guard result.count > 0 else { return [] }
        return [
            "the table '\(table)' is UNLOGGED: a crash of the server empties it: "
                + "ALTER TABLE \(schema.identifier) SET LOGGED;"
        ]
    }

    /// What the server does not promise of rows that it has taken, as this session has it.
    static func onServer(in session: PostgresSession) throws -> [String] {
        let result = try session.run(
            """
            SELECT current_setting('synchronous_commit', true), current_setting('fsync', true),
              current_setting('full_page_writes', true)
            """)
        var advice: [String] = []
        if result.text(0, 0) == "off" {
            advice.append(
                "the server answers before a row is on its disk (synchronous_commit is off): its crash or a power cut "
                    + "loses the rows of the last moments, although they count as stored")
        }
        if result.text(0, 1) == "off" {
            advice.append(
                "the server does not sync its files (fsync is off): a power cut loses rows that count as stored, or the "
                    + "whole database")
        } else if result.text(0, 2) == "off" {
            advice.append(
                "the server does not write whole pages (full_page_writes is off): a power cut may spoil its files")
        }
        return advice
    }
}
