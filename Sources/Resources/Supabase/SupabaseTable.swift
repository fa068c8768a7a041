import Pipeline

/// Looks at a table through an API that describes none to the `anon` key: a filter with a value that only text takes
/// makes PostgreSQL name the column's type.
struct SupabaseTable {
    private enum Column {
        case missing
        /// PostgreSQL's name for it; `nil` where it did not say.
        case type(String?)
    }

    private let table: String
    private let api: SupabaseAPI

    init(_ table: String, _ api: SupabaseAPI) {
        self.table = table
        self.api = api
    }

    /// What PostgreSQL needs, then what the REST API needs: to hear of it.
    static func migration(for table: String) -> String {
        let schema = PostgresSchema(table: table)
        return """
            \(schema.migration)
            -- Who has the project's anon key may read and write this table. Where Stagecoach has the service_role key, keep
            -- others out with: ALTER TABLE \(schema.identifier) ENABLE ROW LEVEL SECURITY;
            -- Times without a time zone, as tables of before may have them, are taken as UTC. To give them one:
            --   \(schema.withTimeZone("created_at"))
            --   \(schema.withTimeZone("updated_at"))
            NOTIFY pgrst, 'reload schema';
            """
    }

    /// - Throws: ``TableProblem``; ``SupabaseFailure``.
    func check() async throws {
        if let problem = TableProblem(try await problems()) { throw problem }
    }

    /// What the table lacks, each in a sentence with what to do.
    func problems() async throws -> [String] {
        do {
            try await api.probe(table)
        } catch {
            if error.isOfAMissingTable { return [error.detail(for: table)] }
            // Which column is missing is seen below.
            guard error.isOfAMissingColumn else { throw error }
        }
        let found = try await withThrowingTaskGroup(of: (String, Column).self) { group in
            for (name, _, _) in PostgresSchema.columns { group.addTask { (name, try await look(at: name)) } }
            var found: [String: Column] = [:]
            for try await (name, column) in group { found[name] = column }
            return found
        }
        let isMissing = { (name: String) in if case .missing = found[name] { true } else { false } }
        if let problem = ForeignTable.problem(table, isMissing: isMissing) { return [problem] }
        return PostgresSchema.columns.compactMap { column in found[column.name].flatMap { problem(column, $0) } }
    }

    /// What works and is perhaps not meant, each in a sentence with what to do.
    func advice() async throws -> [String] {
        var advice: [String] = []
        for column in ["created_at", "updated_at"] {
            if case .type("timestamp without time zone") = try await look(at: column) {
                advice.append(PostgresSchema(table: table).adviceWithoutTimeZone(column))
            }
        }
        return advice
    }

    private func problem(_ column: PostgresSchema.Column, _ found: Column) -> String? {
        let schema = PostgresSchema(table: table)
        switch found {
        case .missing:
            return schema.problem(missing: column)
        case .type(let type):
            guard let type, !PostgresSchema.isGood(type, for: column.type) else { return nil }
            return schema.problem(column, is: type)
        }
    }

    private func look(at column: String) async throws -> Column {
        do {
            _ = try await api.select(from: table, [("select", column), (column, "eq.~"), ("limit", "1")])
            return .type("text")
        } catch {
            if error.isOfAMissingColumn { return .missing }
            guard error.isOfTheRows || error.code == "42883" else { throw error }
            return .type(SupabaseTable.type(in: error.said))
        }
    }

    /// `invalid input syntax for type timestamp with time zone: "~"`, or `operator does not exist: json = unknown`.
    static func type(in message: String) -> String? {
        if let start = message.firstRange(of: "for type ")?.upperBound {
            let type = String(message[start...].prefix { $0 != ":" })
            // A value of type jsonb is read as json is.
            return ["json": "jsonb", "timestamp": "timestamp without time zone"][type] ?? type
        }
        if let start = message.firstRange(of: "operator does not exist: ")?.upperBound {
            return message[start...].split(separator: " = ").first.map(String.init)
        }
        return nil
    }
}
