import Pipeline

extension PostgresSchema {
    /// Checks the table, after making it where it is missing and `creates` says so.
    ///
    /// A table that is there is left alone: at a start of many hosts nobody wants to wait for its locks.
    ///
    /// - Throws: ``TableProblem`` with what to do; ``PostgresFailure``.
    func prepare(_ session: PostgresSession, creates: Bool) throws {
        if creates, try kind(in: session) == nil { return try migrate(session) }
        if let problem = TableProblem(try problems(in: session)) { throw problem }
    }

    /// Runs the migration.
    ///
    /// - Throws: ``TableProblem`` where what is there stands in its way; ``PostgresFailure``.
    func migrate(_ session: PostgresSession) throws {
        let isThere = try kind(in: session) != nil
        if let problem = TableProblem(try takenNames(in: session) + (isThere ? problems(in: session) : [])) {
            throw problem
        }
        try session.run(script: migration)
        if let problem = TableProblem(try problems(in: session)) { throw problem }
    }

    /// What the table lacks, each in a sentence with what to do.
    func problems(in session: PostgresSession) throws -> [String] {
        guard let kind = try kind(in: session) else {
            return [
                "the table '\(table)' does not exist; run 'stagecoach migrate PIPELINE', "
                    + "or let the start make it with postgres: {create: true}"
            ]
        }
        // Ordinary and partitioned tables.
        guard ["r", "p"].contains(kind) else {
            return [
                "'\(table)' is \(noun(kind)) and no table; name another table with persist: {table: …}, or rename it"
            ]
        }
        let names = try columnNames(in: session)
        if let problem = ForeignTable.problem(table, isMissing: { !names.contains($0) }) { return [problem] }
        return try columnProblems(in: session) + keyProblems(in: session)
    }

    private func columnNames(in session: PostgresSession) throws -> Set<String> {
        let result = try session.run(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
            [Array(identifier.utf8)])
        return Set((0..<result.count).compactMap { result.text($0, 0) })
    }

    private func columnProblems(in session: PostgresSession) throws -> [String] {
        let result = try session.run(
            """
            SELECT attname, format_type(atttypid, NULL),
              attnotnull AND NOT atthasdef AND attidentity = '' AND attgenerated = '', attgenerated <> '',
              CASE WHEN atttypmod > 4 AND atttypid = 'varchar'::regtype THEN atttypmod - 4 END
            FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
            """, [Array(identifier.utf8)])
        var types: [String: String] = [:]
        var problems: [String] = []
        for row in 0..<result.count {
            let column = result.text(row, 0) ?? ""
            types[column] = result.text(row, 1)
            if result.text(row, 3) == "t", PostgresSchema.columns.contains(where: { $0.name == column }) {
                problems.append(
                    "the column '\(column)' of the table '\(table)' is computed, so that nothing can be stored in it: "
                        + "ALTER TABLE \(identifier) ALTER COLUMN \(column) DROP EXPRESSION;")
            }
            if let width = result.text(row, 4).flatMap({ Int($0) }), width < PostgresSchema.least[column] ?? 0 {
                problems.append(
                    "the column '\(column)' of the table '\(table)' takes \(width) characters at most, where every row "
                        + "has more: ALTER TABLE \(identifier) ALTER COLUMN \(column) TYPE text;")
            }
            let isKnown = PostgresSchema.columns.contains { $0.name == column && $0.name != "updated_at" }
            if !isKnown, result.text(row, 2) == "t" {
                problems.append(
                    "the column '\(column)' of the table '\(table)' must be filled and Stagecoach has nothing for it: "
                        + "ALTER TABLE \(identifier) ALTER COLUMN \"\(column)\" DROP NOT NULL;")
            }
        }
        for column in PostgresSchema.columns {
            guard let type = types[column.name] else {
                problems.append(problem(missing: column))
                continue
            }
            if !PostgresSchema.isGood(type, for: column.type) { problems.append(problem(column, is: type)) }
        }
        return problems
    }

    /// How many characters every row has in a column.
    private static let least = ["session_id": 36, "username": 7]

    func problem(missing column: Column) -> String {
        // Rows that are there already need a value.
        let rest = column.rest == " NOT NULL" ? " NOT NULL DEFAULT ''" : column.rest
        return "the table '\(table)' has no column '\(column.name)': "
            + "ALTER TABLE \(identifier) ADD COLUMN \(column.name) \(column.type)\(rest);"
    }

    func problem(_ column: Column, is type: String) -> String {
        let what = "the column '\(column.name)' of the table '\(table)' is \(type) where \(column.type) is needed"
        let change = "ALTER COLUMN \(column.name) TYPE \(column.type) USING"
        // PostgreSQL makes neither ids nor times of numbers.
        if PostgresSchema.numbers.contains(type), column.type == "uuid" {
            return "\(what); name another table with persist: {table: …}, or give every row a new one: "
                + "ALTER TABLE \(identifier) ALTER COLUMN id DROP IDENTITY IF EXISTS; "
                + "ALTER TABLE \(identifier) ALTER COLUMN id DROP DEFAULT, \(change) gen_random_uuid();"
        }
        if PostgresSchema.numbers.contains(type), column.type == "timestamp with time zone" {
            return "\(what); if it has seconds since 1970: ALTER TABLE \(identifier) "
                + "ALTER COLUMN \(column.name) DROP DEFAULT, \(change) to_timestamp(\(column.name));"
        }
        return "\(what): ALTER TABLE \(identifier) \(change) \(column.name)::\(column.type);"
    }

    private static let numbers: Set = ["smallint", "integer", "bigint", "numeric", "real", "double precision"]

    /// Storing a row once needs something that keeps ids apart.
    private func keyProblems(in session: PostgresSession) throws -> [String] {
        let result = try session.run(
            """
            SELECT 1 FROM pg_index i
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] AND a.attname = 'id'
            WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indimmediate AND i.indisvalid
              AND i.indnkeyatts = 1 AND i.indpred IS NULL
            UNION ALL
            SELECT 1 WHERE NOT EXISTS (
              SELECT FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'id' AND NOT attisdropped)
            """, [Array(identifier.utf8)])
        return result.count > 0
            ? [] : ["the table '\(table)' has no key on 'id': ALTER TABLE \(identifier) ADD PRIMARY KEY (id);"]
    }

    /// Names that the migration needs for indexes and that something else has: it would be silent about them.
    private func takenNames(in session: PostgresSession) throws -> [String] {
        var names = PostgresArray()
        for index in indexes { names.append(index.name) }
        let result = try session.run(
            """
            SELECT c.relname, c.relkind, (SELECT indrelid::regclass FROM pg_index WHERE indexrelid = c.oid)
            FROM pg_class c
            WHERE c.relname = ANY ($2::text[]) AND c.relnamespace = coalesce(
                (SELECT relnamespace FROM pg_class WHERE oid = to_regclass($1)), current_schema()::regnamespace)
              AND NOT EXISTS (SELECT FROM pg_index WHERE indexrelid = c.oid AND indrelid = to_regclass($1))
            ORDER BY c.relname
            """, [Array(identifier.utf8), names.finished()])
        var problems: [String] = []
        for row in 0..<result.count {
            let name = result.text(row, 0) ?? ""
            let what = result.text(row, 2).map { "an index of the table \($0)" } ?? noun(result.text(row, 1) ?? "")
            problems.append(
                "the name '\(name)', which an index of the table '\(table)' needs, is taken by \(what); "
                    + "rename that, or name another table with persist: {table: …}")
        }
        return problems
    }

    /// What has the table's name: PostgreSQL's letter for it.
    private func kind(in session: PostgresSession) throws -> String? {
        let result = try session.run(
            "SELECT relkind FROM pg_class WHERE oid = to_regclass($1)", [Array(identifier.utf8)])
        return result.count > 0 ? result.text(0, 0) : nil
    }

    private func noun(_ kind: String) -> String {
        switch kind {
        case "v": "a view"
        case "m": "a materialized view"
        case "i", "I": "an index"
        case "S": "a sequence"
        case "f": "a foreign table"
        case "c": "a type"
        case "r", "p": "a table"
        default: "something else"
        }
    }
}
