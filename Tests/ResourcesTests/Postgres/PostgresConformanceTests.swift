import Foundation
import Pipeline
import PipelineTesting
import Resources
import Testing

@Suite("PostgreSQL does what every store of rows does", .fewAtOnce)
struct PostgresConformanceTests {
    @Test("conformance", arguments: RowStoreConformance.allCases)
    func conforms(_ check: RowStoreConformance) async throws {
        let server = try await PostgresServer.shared
        let store = Postgres(url: Secret(server.url()), connections: 2, timeout: .seconds(30))
        try await store.open(ResourceContext(name: "database"))
        let subject = RowStoreConformance.Subject(store: store, table: newTable()) { _ = try await server.execute($0) }
        let result = await Result { try await check.findings(of: subject) }
        await store.close()
        #expect(try result.get() == [])
    }

    @Test("conformance with create: true", arguments: [RowStoreConformance.missingTable, .missingColumn, .wrongType])
    func creates(_ check: RowStoreConformance) async throws {
        let server = try await PostgresServer.shared
        let store = Postgres(url: Secret(server.url()), create: true, connections: 1, timeout: .seconds(30))
        try await store.open(ResourceContext(name: "database"))
        let subject = RowStoreConformance.Subject(store: store, table: newTable(), makesTables: true) {
            _ = try await server.execute($0)
        }
        let result = await Result { try await check.findings(of: subject) }
        await store.close()
        #expect(try result.get() == [])
    }
}

/// A table's name that no other test has.
func newTable() -> String {
    "t_" + UUID().uuidString.lowercased().filter(\.isHexDigit).prefix(12)
}
