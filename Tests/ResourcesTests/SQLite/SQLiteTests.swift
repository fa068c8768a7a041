import Foundation
import Pipeline
import Resources
import Testing

@Suite("The SQLite store")
struct SQLiteTests {
    /// A store in a folder of its own, which is deleted afterwards.
    private func withStore(_ body: (SQLite, String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "stagecoach-\(UUID().uuidString)")
        let path = folder.appending(path: "deep/er/test.db").path
        let store = SQLite(path: path)
        try await store.open(ResourceContext(name: "database"))
        do {
            try await body(store, path)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
        try FileManager.default.removeItem(at: folder)
    }

    private func row(_ prompt: String, session: String = "s", at microseconds: Int64 = 1) -> Pipeline.Row {
        let time = Timestamp(microseconds: microseconds)
        return Row(
            id: .timeOrdered(at: time), sessionID: session, prompt: prompt, response: "r", tokensUsed: 3,
            metadata: "{\"a\":1}", username: "ada", userID: nil, createdAt: time)
    }

    @Test("missing folders are made, and what is stored is read back")
    func roundTrip() async throws {
        try await withStore { store, _ in
            try await store.prepare(table: "requests")
            let rows = ["first", "sécond\n", "'; drop table requests; --"].enumerated().map { index, prompt in
                row(prompt, at: Int64(index + 1))
            }
            try await store.insert(rows, into: "requests")
            #expect(try await store.rows(ofSession: "s", in: "requests", limit: 10) == rows)
        }
    }

    @Test("storing a row again changes nothing")
    func idempotent() async throws {
        try await withStore { store, _ in
            try await store.prepare(table: "requests")
            var row = row("once")
            try await store.insert([row, row], into: "requests")
            row.prompt = "twice"
            try await store.insert([row], into: "requests")
            #expect(try await store.rows(ofSession: "s", in: "requests", limit: 10).map(\.prompt) == ["once"])
        }
    }

    @Test("preparing twice, and preparing a second table, is fine")
    func tables() async throws {
        try await withStore { store, _ in
            for table in ["requests", "requests", "archive"] { try await store.prepare(table: table) }
            try await store.insert([row("x")], into: "archive")
            #expect(try await store.sessions(in: "requests", limit: 10) == [])
            #expect(try await store.sessions(in: "archive", limit: 10).map(\.id) == ["s"])
        }
    }

    @Test("sessions are listed with the latest first")
    func sessions() async throws {
        try await withStore { store, _ in
            try await store.prepare(table: "requests")
            try await store.insert(
                [row("1", session: "old", at: 1), row("2", session: "new", at: 2), row("3", session: "new", at: 3)],
                into: "requests")
            let sessions = try await store.sessions(in: "requests", limit: 10)
            #expect(sessions.map(\.id) == ["new", "old"])
            #expect(sessions.map(\.messages) == [2, 1])
            #expect(try await store.sessions(in: "requests", limit: 1).count == 1)
        }
    }

    @Test("a store that can't be opened says so in its health and in every insert")
    func unreachable() async throws {
        let store = SQLite(path: "/dev/null/test.db")
        try await store.open(ResourceContext(name: "database"))
        try await store.prepare(table: "requests")
        #expect(store.health.error?.code == .databaseUnavailable)
        #expect(store.health.error?.message == "Database not connected")
        await #expect(throws: PipelineError.self) { try await store.insert([row("x")], into: "requests") }
        await store.close()
    }
}
