import Foundation
import Pipeline
import Stages
import Testing

@Suite("PostgreSQL's tables")
struct PostgresTableTests {
    @Test("a table with row-level security, which takes no COPY, takes large batches all the same")
    func rowLevelSecurity() async throws {
        let server = try await PostgresServer.shared
        let table = newTable()
        let owner = Postgres(url: Secret(server.url()))
        try await owner.migrate(table)
        try await server.execute(
            """
            CREATE ROLE \(table) LOGIN; GRANT SELECT, INSERT ON \(table) TO \(table);
            ALTER TABLE \(table) ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON \(table) USING (session_id = 's');
            """)
        try await withOpen(Postgres(url: Secret(server.url(user: table)))) { store in
            try await store.prepare(table: table)
            let rows = (1...100).map { RowStoreConformance.row("\($0)", at: Int64($0)) }
            try await store.insert(rows, into: table)
            #expect(try await store.rows(ofSession: "s", in: table, limit: 200) == rows)
            let foreign = (1...100).map { RowStoreConformance.row("\($0)", session: "other") }
            await #expect(throws: PipelineError.self) { try await store.insert(foreign, into: table) }
        }
    }

    @Test("a table that is missing when the server comes fails the health until it is made")
    func checkedLater() async throws {
        let server = try await PostgresServer()
        try await server.stop()
        try await withOpen(Postgres(url: Secret(server.url()))) { store in
            try await store.prepare(table: "requests")
            try await server.start()
            #expect(
                await eventually(within: .seconds(3)) {
                    store.health.error?.detail?.contains("'requests' does not exist") == true
                })
            try await store.migrate("requests")
            #expect(await eventually(within: .seconds(2)) { store.health == .ready })
            try await store.insert([RowStoreConformance.row("x")], into: "requests")
        }
    }

    @Test("a table that is dropped while it is written to is named, and its rows can be stored once it is back")
    func dropped() async throws {
        let server = try await PostgresServer.shared
        let table = newTable()
        try await withOpen(Postgres(url: Secret(server.url()))) { store in
            try await store.migrate(table)
            try await store.prepare(table: table)
            try await server.execute("DROP TABLE \(table)")
            let error = await #expect(throws: PipelineError.self) {
                try await store.insert([RowStoreConformance.row("x")], into: table)
            }
            #expect(error?.isOutage == true)
            #expect(
                await eventually(within: .seconds(2)) { store.health.error?.detail?.contains("migrate") == true })
            try await store.migrate(table)
            #expect(await eventually(within: .seconds(2)) { store.health == .ready })
            try await store.insert([RowStoreConformance.row("x")], into: table)
        }
    }

    @Test(
        "U+0000 is stored as U+FFFD, in texts and in the metadata's escapes, where half a surrogate pair is that, too")
    func zeros() async throws {
        let server = try await PostgresServer.shared
        let table = newTable()
        try await withOpen(Postgres(url: Secret(server.url()), create: true)) { store in
            try await store.prepare(table: table)
            var row = RowStoreConformance.row("a\u{0}b\u{0}")
            row.metadata =
                #"{"a":"\u0000\\u0000\\\u0000x","\u0000":"\u00000\\","b":"\ud83d \uDE00\ud83d\ud83d\ude00\ud83d"}"#
            try await store.insert([row], into: table)
            let stored = try #require(try await store.rows(ofSession: "s", in: table, limit: 1).first)
            #expect(stored.prompt == "a\u{FFFD}b\u{FFFD}")
            #expect(
                stored.metadata
                    == "{\"a\": \"\u{FFFD}\\\\u0000\\\\\u{FFFD}x\", \"b\": \"\u{FFFD} \u{FFFD}\u{FFFD}😀\u{FFFD}\", \"\u{FFFD}\": \"\u{FFFD}0\\\\\"}"
            )
        }
    }

    @Test(
        "what stands in the table's way is named with what to do",
        arguments: [
            ("CREATE VIEW TABLE_ AS SELECT 1 AS id", "is a view and no table"),
            ("CREATE SEQUENCE TABLE_", "is a sequence and no table"),
            ("CREATE TABLE other_TABLE_ (a int); CREATE INDEX idx_TABLE__username ON other_TABLE_ (a)", "is taken by"),
            ("CREATE VIEW idx_TABLE__session_id AS SELECT 1", "is taken by a view"),
            ("MIGRATE ALTER TABLE TABLE_ DROP CONSTRAINT TABLE__pkey", "ADD PRIMARY KEY (id)"),
            ("MIGRATE ALTER TABLE TABLE_ ADD COLUMN extra text NOT NULL", "'extra'"),
            ("MIGRATE ALTER TABLE TABLE_ ALTER COLUMN created_at TYPE timestamp", "timestamp with time zone is needed"),
            ("MIGRATE ALTER TABLE TABLE_ DROP COLUMN id", "has no column 'id'"),
            ("CREATE TABLE TABLE_ (a int)", "has no column 'session_id'"),
        ])
    func inTheWay(sql: String, words: String) async throws {
        let server = try await PostgresServer.shared
        let table = newTable()
        let store = Postgres(url: Secret(server.url()))
        if sql.hasPrefix("MIGRATE ") { try await store.migrate(table) }
        try await server.execute(sql.replacing("MIGRATE ", with: "").replacing("TABLE_", with: table))
        let problem = await #expect(throws: TableProblem.self) { try await store.migrate(table) }
        #expect(problem?.description.contains(words) == true, "\(problem as Any)")
    }

    @Test("the statements that problems name solve them")
    func remedies() async throws {
        let server = try await PostgresServer.shared
        let table = newTable()
        let store = Postgres(url: Secret(server.url()))
        try await server.execute(
            """
            CREATE TABLE \(table) (id text, prompt text NOT NULL, tokens_used text, created_at timestamp, extra int NOT NULL);
            INSERT INTO \(table) VALUES ('0197c2d4-4e7a-7cc1-a2c5-1f0a4be52e6d', 'x', '3', now(), 1);
            """)
        let problems = try await store.problems(of: table)
        #expect(problems.count == 11)
        for problem in problems {
            let statement = try #require(problem.range(of: "ALTER TABLE")).lowerBound
            try await server.execute(String(problem[statement...]))
        }
        #expect(try await store.problems(of: table) == [])
        try await store.migrate(table)
        #expect(try await store.sessions(in: table, limit: 1).map(\.messages) == [1])
    }

    @Test("tables are found along the search path, and names are taken as they are written")
    func namesAndSchemas() async throws {
        let server = try await PostgresServer.shared
        let schema = newTable()
        try await server.execute("CREATE SCHEMA \(schema)")
        let url = server.url() + "?options=-csearch_path%3D\(schema)"
        let long = "L" + String(repeating: "o", count: 61) + "g"
        try await withOpen(Postgres(url: Secret(url), create: true)) { store in
            for table in ["Requests", "select", long] {
                try await store.prepare(table: table)
                try await store.insert([RowStoreConformance.row("x")], into: table)
                #expect(try await store.sessions(in: table, limit: 10).count == 1)
            }
        }
        #expect(
            try await server.execute("SELECT count(*) FROM pg_indexes WHERE schemaname = '\(schema)'") == "12\n")
    }

    @Test("hosts that start at once all find the table they make")
    func together() async throws {
        let server = try await PostgresServer.shared
        let table = newTable()
        try await withThrowingTaskGroup { group in
            for _ in 1...8 {
                group.addTask {
                    try await withOpen(Postgres(url: Secret(server.url()), create: true, connections: 1)) {
                        try await $0.prepare(table: table)
                        #expect($0.health == .ready)
                        try await $0.insert([RowStoreConformance.row("x")], into: table)
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
