import GRDB
import Pipeline

extension SQLiteSchema {
    /// A column as `PRAGMA table_xinfo` has it.
    private struct Column {
        let name: String
        /// As it was declared, in upper case.
        let type: String
        let isNotNull: Bool
        let hasDefault: Bool
        /// Its place in the primary key, from 1 on; 0 where it is not in it.
        let keyPlace: Int64
        /// Whether it is computed from others.
        let isGenerated: Bool

        init(_ row: GRDB.Row) {
            name = row.value(1).asText ?? ""
            type = (row.value(2).asText ?? "").uppercased()
            isNotNull = row.value(3).asCount == 1
            hasDefault = !row.value(4).isNull
            keyPlace = row.value(5).asCount ?? 0
            isGenerated = (row.value(6).asCount ?? 0) >= 2
        }

        /// Whether text that looks like a number becomes one: https://www.sqlite.org/datatype3.html#type_affinity
        var isNumeric: Bool {
            if type.contains("INT") { return true }
            let others = ["CHAR", "CLOB", "TEXT", "BLOB"]
            return !(type.isEmpty || type == "ANY" || others.contains { type.contains($0) })
        }
    }

    /// What `PRAGMA table_list` says of the table.
    private struct Kind {
        let name: String
        let isWithoutRowID: Bool
        let isStrict: Bool
    }

    /// What keeps rows out of an existing table, each in a sentence with what to do; one that is missing is made at the
    /// first start.
    func problems(in database: Database) throws -> [String] {
        guard let kind = try kind(in: database) else { return [] }
        guard kind.name == "table" else {
            let noun = kind.name == "view" ? "a view" : "a \(kind.name) table"
            return [
                "'\(table)' is \(noun), which takes no rows that may be there already; name another table with "
                    + "persist: {table: …}, or rename it"
            ]
        }
        let rows = try GRDB.Row.fetchAll(database, sql: "PRAGMA main.table_xinfo(\(identifier))")
        let columns = rows.map(Column.init)
        let names = Set(columns.map { $0.name.lowercased() })
        if let problem = ForeignTable.problem(table, isMissing: { !names.contains($0) }) { return [problem] }
        let missing = SQLiteSchema.columns.filter { !names.contains($0.key) }
        var problems = missing.map { problem(missing: $0.key, $0.value) }
        let isKeyOne = columns.filter { $0.keyPlace > 0 }.count == 1
        for column in columns {
            let isRowID = column.keyPlace > 0 && isKeyOne && column.type == "INTEGER" && !kind.isWithoutRowID
            if SQLiteSchema.columns.contains(where: { $0.key == column.name.lowercased() }) {
                problems += problem(own: column, kind, isRowID: isRowID).map { [$0] } ?? []
            } else if column.isNotNull || (kind.isWithoutRowID && column.keyPlace > 0), !column.hasDefault,
                !column.isGenerated, !isRowID
            {
                problems.append(
                    "the column '\(column.name)' of the table '\(table)' must be filled and Stagecoach has nothing for "
                        + "it; name another table with persist: {table: …}, or make this one anew with a default for it"
                )
            }
        }
        return try problems + keyProblems(names, in: database)
    }

    private func problem(missing column: String, _ definition: String) -> String {
        // ALTER TABLE takes neither a default that is an expression nor a key.
        let type = definition.contains("strftime") || column == "id" ? "TEXT" : definition
        let rest = type.contains("NOT NULL") ? "\(type) DEFAULT ''" : type
        return "the table '\(table)' has no column '\(column)': ALTER TABLE \(identifier) ADD COLUMN \(column) \(rest);"
    }

    /// What keeps values out of a column that rows have.
    private func problem(own column: Column, _ kind: Kind, isRowID: Bool) -> String? {
        let name = column.name.lowercased()
        let another = "name another table with persist: {table: …}, or make this one anew with '\(column.name)' as TEXT"
        let what = "the column '\(column.name)' of the table '\(table)' is"
        if column.isGenerated { return "\(what) computed, so that nothing can be stored in it; \(another)" }
        if name == "id", isRowID { return "\(what) INTEGER PRIMARY KEY, which takes no UUID; \(another)" }
        let isText = name != "tokens_used"
        if kind.isStrict, isText, !["TEXT", "ANY"].contains(column.type) {
            return "\(what) \(column.type), which takes no text as the table is STRICT; \(another)"
        }
        if kind.isStrict, !isText, !["INT", "INTEGER", "REAL", "ANY"].contains(column.type) {
            return "\(what) \(column.type), which takes no number as the table is STRICT; "
                + "name another table with persist: {table: …}"
        }
        if ["prompt", "response", "username", "user_id"].contains(name), column.isNumeric {
            return "\(what) \(column.type), so that SQLite would store the text '007' as the number 7; \(another)"
        }
        return nil
    }

    /// Storing a row once needs something that keeps ids apart.
    private func keyProblems(_ columns: Set<String>, in database: Database) throws -> [String] {
        guard columns.contains("id") else { return [] }
        let indexes = try GRDB.Row.fetchAll(database, sql: "PRAGMA main.index_list(\(identifier))")
        for index in indexes where index.value(2).asCount == 1 && index.value(4).asCount == 0 {
            let name = SQLiteSchema.quoted(index.value(1).asText ?? "")
            let parts = try GRDB.Row.fetchAll(database, sql: "PRAGMA main.index_info(\(name))")
            if parts.count == 1, parts[0].value(2).asText?.lowercased() == "id" { return [] }
        }
        // The table's rowid has no index of its own.
        let info = try GRDB.Row.fetchAll(database, sql: "PRAGMA main.table_xinfo(\(identifier))").map(Column.init)
        let keys = info.filter { $0.keyPlace > 0 }
        if keys.count == 1, keys[0].name.lowercased() == "id" { return [] }
        return [
            "the table '\(table)' has no key on 'id': CREATE UNIQUE INDEX \(SQLiteSchema.quoted("idx_\(table)_id")) "
                + "ON \(identifier) (id);"
        ]
    }

    /// What has the table's name; `nil` where nothing has.
    private func kind(in database: Database) throws -> Kind? {
        let sql = "SELECT type, wr, strict FROM pragma_table_list WHERE schema = 'main' AND lower(name) = lower(?)"
        guard let row = try GRDB.Row.fetchOne(database, sql: sql, arguments: [table]) else { return nil }
        return Kind(
            name: row.value(0).asText ?? "", isWithoutRowID: row.value(1).asCount == 1,
            isStrict: row.value(2).asCount == 1)
    }

    /// What a trial finds: constraints and triggers that may refuse rows. The row is taken back.
    ///
    /// Others than that one may be taken, so this is no problem that keeps a host from starting.
    func advice(in database: Database) throws -> [String] {
        guard try kind(in: database) != nil, try problems(in: database).isEmpty else { return [] }
        var refusal: DatabaseError?
        try database.inSavepoint {
            do {
                var insert = try SQLiteInsert(insertion, in: database)
                let now = Timestamp.now
                let id = UniqueID.timeOrdered(at: now).description
                for text in [id, UniqueID.random().description, "Is anyone there?", "Yes."] { insert.add(text) }
                insert.add(1)
                for text in ["{}", "WebUser", nil, now.description, now.description] { insert.add(text) }
                try insert.execute()
            } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
                refusal = error
            }
            return .rollback
        }
        guard let refusal else { return [] }
        return [
            "the table '\(table)' refused a row on trial (\(refusal.message ?? "a constraint")): messages whose rows it "
                + "refuses are answered and not stored; name another table with persist: {table: …}, or take away the "
                + "constraint or trigger"
        ]
    }
}
