import Pipeline
import Testing

@testable import Resources

@Suite("Connections to PostgreSQL", .fewAtOnce)
struct PostgresPoolTests {
    private func withPool(_ body: (PostgresPool) async throws -> Void) async throws {
        let server = try await PostgresServer.shared
        let pool = PostgresPool(
            PostgresSettings(
                address: PostgresAddress(Secret(server.url())), creates: false, connections: 1, timeout: .seconds(30))
        ) { _ in }
        do {
            try await body(pool)
        } catch {
            await close(pool)
            throw error
        }
        await close(pool)
    }

    private func close(_ pool: PostgresPool) async {
        await withCheckedContinuation { continuation in
            pool.close(by: .now + .seconds(30)) { continuation.resume() }
        }
    }

    /// The server's process behind the pool's one connection.
    private func process(_ pool: PostgresPool) async throws -> String? {
        try await pool.run { try $0.run("SELECT pg_backend_pid()").text(0, 0) }
    }

    @Test("is not used again once the server fell silent: it may be heard on new ones alone")
    func silence() async throws {
        try await withPool { pool in
            let first = try #require(try await process(pool))
            #expect(try await process(pool) == first)
            pool.fellSilent(PostgresFailure(kind: .timeout, detail: "the server did not answer in time"))
            let second = try #require(try await process(pool))
            #expect(second != first)
            #expect(try await process(pool) == second)
        }
    }
}
