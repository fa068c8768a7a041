package import Pipeline

/// A table that a pipeline stores in, and the database that has it.
package struct StoredTable: Sendable {
    package let store: any RowStore
    package let name: String
    /// The stage that stores there.
    package let stage: String
    package let place: SourceRange?

    /// Each table once, in the order of the stages.
    package static func all(in chain: Chain) -> [StoredTable] {
        var seen: Set<String> = []
        let stages = zip(chain.stages, zip(chain.labels, chain.places))
        return stages.compactMap { stage, naming in
            guard let stage = stage as? any StoringStage else { return nil }
            let table = StoredTable(store: stage.store, name: stage.table, stage: naming.0, place: naming.1)
            let kind = type(of: table.store).name
            return seen.insert("\(kind) \(stage.storeName) \(table.name)").inserted ? table : nil
        }
    }

    /// The file of a store that has one and is not there yet: most often the command runs in another folder than the host.
    package var missingFile: String? { (store as? any FileStore)?.missingFile }

    /// What works and is perhaps not meant, of the table and of its server, each in a sentence.
    package func advice() async throws -> [String] {
        try await store.advice(on: name) + store.serverAdvice()
    }

    /// Waits for the connection, which a resource makes by itself.
    ///
    /// - Parameter limit: For who only looks, as long as what a resource says of its health may be old.
    /// - Throws: What the database says where there is none after `limit`.
    package func waitUntilReady(within limit: Duration = .seconds(2)) async throws {
        let deadline = ContinuousClock.now + limit
        while let error = store.health.error {
            if ContinuousClock.now >= deadline { throw error }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
