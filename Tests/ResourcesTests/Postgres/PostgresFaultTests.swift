import Foundation
import Pipeline
import PipelineTesting
import Resources
import Synchronization
import TestPatience
import Testing

@Suite("PostgreSQL in trouble", .fewAtOnce)
struct PostgresFaultTests {
    /// What has become of rows so far.
    private final class Counts: Sendable {
        let stored = Atomic(0)
        let refused = Atomic(0)
    }

    /// Whether a count grows.
    private func grows(_ count: () -> Int) async -> Bool {
        let before = count()
        return await eventually(within: .seconds(20)) { count() > before }
    }

    @Test("a server that stops and comes back is noticed within 2 s each, and no row is lost or doubled")
    func restart() async throws {
        let server = try await PostgresServer()
        try await withOpen(Postgres(url: Secret(server.url()), create: true)) { store in
            try await store.prepare(table: "requests")
            let isOver = Atomic(false)
            let counts = Counts()
            async let writing = {
                var rows: [Row] = []
                while !isOver.load(ordering: .relaxed) {
                    let row = RowStoreConformance.row("\(rows.count)", at: Int64(rows.count + 1))
                    rows.append(row)
                    while case .failure(let error) = await Result({ try await store.insert([row], into: "requests") }) {
                        #expect((error as? PipelineError)?.code == .databaseUnavailable)
                        counts.refused.add(1, ordering: .relaxed)
                        try await Task.sleep(for: .milliseconds(20))
                    }
                    counts.stored.add(1, ordering: .relaxed)
                }
                return rows
            }()
            #expect(await grows { counts.stored.load(ordering: .relaxed) })
            for _ in 1...2 {
                try await server.stop()
                #expect(await eventually(within: .seconds(2)) { store.health != .ready })
                #expect(store.health.error?.message == "Database not connected")
                #expect(await grows { counts.refused.load(ordering: .relaxed) })
                try await server.start()
                #expect(await eventually(within: .seconds(2)) { store.health == .ready })
                #expect(await grows { counts.stored.load(ordering: .relaxed) })
            }
            isOver.store(true, ordering: .relaxed)
            let written = try await writing
            let rows = try await store.rows(ofSession: "s", in: "requests", limit: 1_000_000)
            #expect(rows.map(\.prompt) == written.map(\.prompt))
            #expect(rows.count > 2)
        }
    }

    @Test("an idle server that stops is noticed within 2 s by nobody's message")
    func idleRestart() async throws {
        let server = try await PostgresServer()
        try await withOpen(Postgres(url: Secret(server.url()))) { store in
            #expect(store.health == .ready)
            try await server.stop()
            #expect(await eventually(within: .seconds(2)) { store.health != .ready })
            try await server.start()
            #expect(await eventually(within: .seconds(2)) { store.health == .ready })
        }
    }

    @Test("idle connections that are killed are made anew without anyone noticing")
    func idleConnectionsKilled() async throws {
        let server = try await PostgresServer.shared
        let table = newTable()
        let url = server.url() + "?application_name=\(table)"
        try await withOpen(Postgres(url: Secret(url), create: true)) { store in
            try await store.prepare(table: table)
            for round in 0..<10 {
                try await store.insert([RowStoreConformance.row("\(round)", at: Int64(round))], into: table)
                // Those alone that have run something and wait for more.
                try await server.execute(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE application_name = '\(table)' AND state = 'idle' AND query <> ''
                    """)
                #expect(store.health == .ready)
            }
            // The watch has looked since, by a connection of its own.
            let now = try await server.execute("SELECT now()").split(separator: "\n").joined()
            let looks = """
                SELECT count(*) FROM pg_stat_activity
                WHERE application_name = '\(table)' AND query <> '' AND query_start > '\(now)'
                """
            #expect(
                try await eventually(within: .seconds(20)) {
                    try await server.execute(looks).split(separator: "\n").joined() != "0"
                })
            #expect(store.health == .ready)
            #expect(try await store.rows(ofSession: "s", in: table, limit: 100).count == 10)
        }
    }

    @Test("a server that accepts and never answers is given up, and closing doesn't wait for it")
    func silentFromTheStart() async throws {
        let listener = try SilentListener()
        let store = Postgres(url: Secret("host=127.0.0.1 port=\(listener.port) user=x password=hunter2 dbname=x"))
        let began = ContinuousClock.now
        try await store.open(ResourceContext(name: "database"))
        #expect(.now - began < .patience(.seconds(20)))
        #expect(store.health.error?.code == .databaseUnavailable)
        #expect(store.health.error?.detail?.contains("in time") == true)
        try await store.prepare(table: "requests")
        let error = await #expect(throws: PipelineError.self) {
            try await store.insert([RowStoreConformance.row("x")], into: "requests")
        }
        #expect(error?.code == .databaseUnavailable)
        #expect(!"\(error as Any)".contains("hunter2"))
        let closing = ContinuousClock.now
        await store.close()
        #expect(.now - closing < .patience(.seconds(20)))
    }

    @Test("a server that goes silent fails a row at the time limit and the health within 2 s, and comes back")
    func silentLater() async throws {
        let server = try await PostgresServer.shared
        let table = newTable()
        let url = server.url() + "?application_name=\(table)"
        let store = Postgres(url: Secret(url), create: true, connections: 1, timeout: .seconds(3))
        try await withOpen(store) { store in
            try await store.prepare(table: table)
            let pids = try await server.execute("SELECT pid FROM pg_stat_activity WHERE application_name = '\(table)'")
                .split(separator: "\n").joined(separator: " ")
            try await shell("kill -STOP \(pids)")
            let began = ContinuousClock.now
            let cancelled = Task {
                try await store.insert([RowStoreConformance.row("cancelled", at: 1)], into: table)
            }
            cancelled.cancel()
            let wasCancelled = await cancelled.result
            #expect(throws: CancellationError.self) { try wasCancelled.get() }
            #expect(.now - began < .patience(.milliseconds(2_500)), "it waited for the time limit of the statement")
            let error = await #expect(throws: PipelineError.self) {
                try await store.insert([RowStoreConformance.row("x", at: 2)], into: table)
            }
            #expect(error?.code == .databaseUnavailable)
            #expect(.now - began < .patience(.seconds(20)))
            // The server takes new connections, so that health may be good again at once.
            #expect(await eventually(within: .seconds(2)) { store.health == .ready })
            try await store.insert([RowStoreConformance.row("y", at: 3)], into: table)
            try await shell("kill -CONT \(pids)")
        }
    }

    @Test("a wrong password fails the health with a clear detail that doesn't hold it")
    func wrongPassword() async throws {
        let server = try await PostgresServer.shared
        try await server.execute("CREATE ROLE careful LOGIN PASSWORD 'right:/@ word'")
        try await withOpen(Postgres(url: Secret(server.url(user: "careful", password: "hunter2")))) { store in
            #expect(store.health.error?.detail?.contains("password authentication failed") == true)
            #expect(store.health.error?.detail?.contains("hunter2") == false)
            #expect(store.health.error?.message == "Database not connected")
        }
        try await withOpen(Postgres(url: Secret(server.url(user: "careful", password: "right%3A%2F%40%20word")))) {
            #expect($0.health == .ready)
        }
    }

    @Test(
        "a text that is no connection string is not shown",
        arguments: [
            "", "  \n", "hunter2", "postgresql://u:hunter2%zz@127.0.0.1/x", "postgresql://u:hunter2@[::1/x",
            "host=127.0.0.1 pasword=hunter2", "postgresql://u:hunter2@127.0.0.1:1/x?nonsense=hunter2",
            "postgresql://u:hunter2@127.0.0.1:1/x", "postgresql://hunter2:hunter2@127.0.0.1:1/hunter2",
            "host='/tmp/hunter2' password=hunter2", "postgresql+asyncpg://u:hunter2@127.0.0.1/x",
            "postgresql://u:p/hunter2@127.0.0.1/x", "postgresql://u:p?hunter2=x@127.0.0.1/x",
            "postgresql://u:p@hunter2@127.0.0.1/x", "host=127.0.0.1 password=p hunter2", "password=p hunter=hunter2x",
            "hunter2://u@127.0.0.1/x", "postgresql://u:p/hunter2@127.0.0.1:5432/x?sslmode=disable",
        ])
    func badAddress(url: String) async throws {
        try await withOpen(Postgres(url: Secret(url))) { store in
            #expect(store.health.error?.code == .databaseUnavailable)
            #expect(store.health.error?.detail?.isEmpty == false)
            #expect(store.health.error?.detail?.contains("hunter2") == false)
            let error = await #expect(throws: PipelineError.self) { try await store.problems(of: "requests") }
            #expect(error?.isOutage == true)
            #expect(!"\(error as Any) \(store)".contains("hunter2"))
        }
    }

    @Test("more connections than the server gives are no reason to fail a row")
    func connectionLimit() async throws {
        let server = try await PostgresServer.shared
        let table = newTable()
        try await server.execute("CREATE ROLE \(table) LOGIN CONNECTION LIMIT 3")
        try await withOpen(Postgres(url: Secret(server.url(user: table)), create: true, connections: 8)) { store in
            try await store.prepare(table: table)
            try await withThrowingTaskGroup { group in
                for number in 0..<200 {
                    group.addTask {
                        try await store.insert([RowStoreConformance.row("\(number)", at: Int64(number))], into: table)
                    }
                }
                try await group.waitForAll()
            }
            #expect(store.health == .ready)
            #expect(try await store.sessions(in: table, limit: 1).map(\.messages) == [200])
        }
    }

    @Test("where every connection is lost and the server refuses new ones, nobody waits for his time limit")
    func allConnectionsLost() async throws {
        let server = try await PostgresServer()
        let store = Postgres(url: Secret(server.url()), create: true, connections: 3, timeout: .seconds(120))
        try await withOpen(store) { store in
            try await store.prepare(table: "requests")
            // Each takes a connection of its own.
            try await withThrowingTaskGroup { group in
                for number in 0..<60 {
                    group.addTask {
                        try await store.insert(
                            [RowStoreConformance.row("\(number)", at: Int64(number))], into: "requests")
                    }
                }
                try await group.waitForAll()
            }
            try await server.stop()
            let began = ContinuousClock.now
            for _ in 0..<3 {
                await #expect(throws: PipelineError.self) { try await store.sessions(in: "requests", limit: 1) }
            }
            #expect(.now - began < .patience(.seconds(10)))
        }
    }

    @Test("a store that was never opened reads, checks and migrates, and doesn't store")
    func notOpened() async throws {
        let server = try await PostgresServer.shared
        let store = Postgres(url: Secret(server.url()))
        let table = newTable()
        #expect(try await store.problems(of: table).count == 1)
        try await store.migrate(table)
        #expect(try await store.problems(of: table) == [])
        #expect(try await store.sessions(in: table, limit: 10) == [])
        #expect(try await store.rows(ofSession: "s", in: table, limit: 10) == [])
        try await store.delete([.random()], from: table)
        await #expect(throws: PipelineError.self) {
            try await store.insert([RowStoreConformance.row("x")], into: table)
        }
        await store.close()
    }
}

/// Opens a store and closes it whatever happens.
func withOpen(_ store: Postgres, _ body: (Postgres) async throws -> Void) async throws {
    try await store.open(ResourceContext(name: "database"))
    let result = await Result { try await body(store) }
    await store.close()
    try result.get()
}
