import Pipeline
import PipelineTesting
import Resources
import Testing

// One at a time: the stand-in is one Python process, and a project whose answers are late counts as down.
@Suite("Supabase does what every store of rows does", .serialized, .fewAtOnce)
struct SupabaseConformanceTests {
    @Test("conformance", arguments: RowStoreConformance.allCases)
    func conforms(_ check: RowStoreConformance) async throws {
        try await run(check, key: PostgRESTServer.serviceKey)
    }

    @Test(
        "conformance with the anon key", arguments: [RowStoreConformance.storingTwiceStoresOnce, .wrongType, .sessions])
    func conformsAsAnybody(_ check: RowStoreConformance) async throws {
        try await run(check, key: PostgRESTServer.anonKey)
    }

    private func run(_ check: RowStoreConformance, key: String) async throws {
        let server = try await PostgRESTServer.shared
        let store = Supabase(url: server.url, key: Secret(key), timeout: .seconds(30))
        try await store.open(ResourceContext(name: "database"))
        #expect(await eventually(within: .seconds(20)) { store.health == .ready })
        let subject = RowStoreConformance.Subject(store: store, table: newTable()) {
            _ = try await server.database.execute($0)
        }
        let result = await Result { try await check.findings(of: subject) }
        await store.close()
        #expect(try result.get() == [])
    }
}
