import Foundation
import Pipeline
import PipelineTesting
import Resources
import Testing

@Suite("SQLite does what every store of rows does")
struct SQLiteConformanceTests {
    @Test("conformance", arguments: RowStoreConformance.allCases)
    func conforms(_ check: RowStoreConformance) async throws {
        let path = "/tmp/stagecoach-sqlite-\(UUID().uuidString).db"
        let store = SQLite(path: path)
        try await store.open(ResourceContext(name: "database"))
        let subject = RowStoreConformance.Subject(
            store: store, table: "requests", isTyped: false, makesTables: true, missesTables: false
        ) { sql in
            try await shell("sqlite3 -bail -cmd '.timeout 20000' \(path) <<'END OF SQL'\n\(sql)\nEND OF SQL\n")
        }
        let result = await Result { try await check.findings(of: subject) }
        await store.close()
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
        #expect(try result.get() == [])
    }
}

extension Result where Failure == any Error {
    /// What an asynchronous function gives or throws.
    init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
