import Pipeline

/// What the databases of the pipelines know of a session.
enum StoredSessions {
    /// The user whose it is; `nil` where no row says so.
    static func owner(of id: String, in pipelines: [ServedPipeline]) async throws -> String? {
        for table in tables(of: pipelines) {
            let last = try await table.store.rows(ofSession: id, in: table.name, limit: 1).last
            if let owner = last?.userID { return owner }
        }
        return nil
    }

    /// Its rows, the oldest first.
    static func rows(of id: String, in pipelines: [ServedPipeline], limit: Int) async throws -> [Row] {
        var rows: [Row] = []
        for table in tables(of: pipelines) {
            rows += try await table.store.rows(ofSession: id, in: table.name, limit: limit)
        }
        // Rows of one second, as other programs write them, stay in the table's order.
        let sorted = rows.enumerated().sorted { ($0.element.createdAt, $0.offset) < ($1.element.createdAt, $1.offset) }
        return sorted.suffix(limit).map(\.element)
    }

    private static func tables(of pipelines: [ServedPipeline]) -> [StoredTable] {
        pipelines.flatMap(\.tables)
    }
}
