import Pipeline

/// A stage that reads rows which a ``StoringStage`` has stored.
protocol TableReader: Stage {
    /// The table that it reads; `nil` where it reads none.
    var tableToRead: String? { get }

    /// What the database is called in the file.
    var databaseNames: [String] { get }
}

extension TableReader {
    /// Why it finds none of the rows that are stored in the same chain; `nil` where it does, or where none are.
    ///
    /// - Parameter stages: All of the chain.
    func missedTable(among stages: [any Stage]) -> String? {
        let all = stages.compactMap { $0 as? any StoringStage }
        guard let table = tableToRead, let first = all.first else { return nil }
        let here = all.filter { [$0.storeName] == databaseNames }
        if here.contains(where: { $0.table == table }) { return nil }
        let name = Self.name
        if let other = here.first {
            return
                "'\(name)' reads the table '\(table)', but '\(type(of: other).name)' stores rows in '\(other.table)'; "
                + "write \(name): {table: \(other.table)}"
        }
        let (own, other) = (databaseNames.joined(separator: ", "), first.storeName)
        // A stage with a mistake in its settings has no store yet.
        guard !other.isEmpty else { return nil }
        return "'\(name)' reads the database '\(own)', but '\(type(of: first).name)' stores rows in '\(other)'; "
            + "write \(name): {resource: \(other)\(first.table == table ? "" : ", table: \(first.table)")}"
    }
}
