import Foundation
import Pipeline
import PipelineTesting
import Resources
import Testing

@Suite("PostgreSQL's tables", .fewAtOnce)
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
            ("MIGRATE ALTER TABLE TABLE_ ALTER COLUMN created_at TYPE date USING now()", "time zone is needed"),
            (
                "MIGRATE ALTER TABLE TABLE_ DROP username; ALTER TABLE TABLE_ ADD username text GENERATED ALWAYS AS (prompt) STORED",
                "DROP EXPRESSION"
            ),
            ("MIGRATE ALTER TABLE TABLE_ ALTER COLUMN session_id TYPE varchar(30)", "takes 30 characters at most"),
            ("MIGRATE ALTER TABLE TABLE_ DROP COLUMN id", "has no column 'id'"),
            ("CREATE TABLE TABLE_ (a int)", "has no column 'session_id'"),
            ("CREATE TABLE TABLE_ (id serial PRIMARY KEY, role text, content text)", "persist: {table: …}"),
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
            CREATE TABLE \(table) (id text, prompt text NOT NULL, tokens_used text, created_at text, extra int NOT NULL);
            INSERT INTO \(table) VALUES ('0197c2d4-4e7a-7cc1-a2c5-1f0a4be52e6d', 'x', '3', '2026-01-31 12:00', 1);
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

    @Test("where ids and times are numbers, the statements that problems name solve them, too")
    func numbers() async throws {
        let server = try await PostgresServer.shared
        let table = newTable()
        let store = Postgres(url: Secret(server.url()))
        try await server.execute(
            """
            CREATE TABLE \(table) (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, session_id text, prompt text,
              response text, tokens_used int, metadata json, username text, user_id text,
              created_at bigint DEFAULT extract(epoch FROM now()), updated_at double precision);
            INSERT INTO \(table) (session_id, prompt, response, username, created_at)
              VALUES ('s', 'p', 'r', 'ada', 1769860800), ('s', 'q', 'r', 'ada', 1769860801);
            """)
        let problems = try await store.problems(of: table)
        #expect(problems.count == 3)
        for problem in problems {
            let statement = try #require(problem.range(of: "ALTER TABLE")).lowerBound
            try await server.execute(String(problem[statement...]))
        }
        try await withOpen(store) { store in
            try await store.prepare(table: table)
            let rows = try await store.rows(ofSession: "s", in: table, limit: 9)
            #expect(
                rows.map(\.createdAt.description) == ["2026-01-31T12:00:00.000000Z", "2026-01-31T12:00:01.000000Z"])
            try await store.insert([RowStoreConformance.row("x")], into: table)
        }
    }

    /// The table as the documents have it, its times without a time zone.
    private static func documented(_ table: String) -> String {
        """
        CREATE TABLE \(table) (id uuid PRIMARY KEY, session_id text NOT NULL, prompt text NOT NULL, response text NOT NULL,
          tokens_used integer, metadata jsonb, username text DEFAULT 'WebUser', user_id text,
          created_at timestamp DEFAULT now(), updated_at timestamp DEFAULT now());
        """
    }

    @Test(
        "the table of the documents is taken, in UTC whatever the server's time zone is",
        arguments: ["America/New_York", "Asia/Kolkata", "UTC"])
    func withoutTimeZone(zone: String) async throws {
        let server = try await PostgresServer.shared
        let table = newTable()
        try await server.execute(
            """
            CREATE ROLE \(table) LOGIN SUPERUSER; ALTER ROLE \(table) SET timezone TO '\(zone)';
            \(Self.documented(table))
            INSERT INTO \(table) VALUES (gen_random_uuid(), 's', 'theirs', 'r', 2, NULL, 'ada', NULL, '2026-01-31 12:00:00.25');
            """)
        try await withOpen(Postgres(url: Secret(server.url(user: table)))) { store in
            try await store.prepare(table: table)
            #expect(store.health == .ready)
            let noon = try #require(Timestamp("2026-01-31T12:00:00.250000Z"))
            let first = RowStoreConformance.row("before", at: noon.microseconds - 1)
            let many = (1...40).map { RowStoreConformance.row("\($0)", at: noon.microseconds + Int64($0)) }
            // One by INSERT, many by COPY.
            try await store.insert([first], into: table)
            try await store.insert(many, into: table)
            let rows = try await store.rows(ofSession: "s", in: table, limit: 100)
            #expect(rows.map(\.prompt) == ["before", "theirs"] + many.map(\.prompt))
            #expect(rows.map(\.createdAt) == [first.createdAt, noon] + many.map(\.createdAt))
            #expect(
                try await store.sessions(in: table, limit: 1).map(\.lastMessageAt) == ["2026-01-31T12:00:00.250040Z"])
            let user = Row.User(Session(username: "ada"))
            #expect(try await store.tokensUsed(by: user, since: noon, in: table) == 2 + 3 * 40)
            #expect(try await store.tokensUsed(by: user, since: first.createdAt, in: table) == 3 + 2 + 3 * 40)
            #expect(
                try await server.execute("SELECT created_at FROM \(table) WHERE prompt = 'before'")
                    == "2026-01-31 12:00:00.249999\n")
            // A row that is changed has its time in UTC, too.
            try await store.migrate(table)
            try await server.execute(
                "SET timezone TO '\(zone)'; UPDATE \(table) SET response = 'x' WHERE prompt = 'before'")
            #expect(
                try await server.execute(
                    "SELECT count(*) FROM \(table) WHERE abs(extract(epoch FROM updated_at - (now() AT TIME ZONE 'UTC'))) < 60"
                ) == "42\n")
            // The change is offered, nothing else: it gives the same times.
            let before = try await store.rows(ofSession: "s", in: table, limit: 100)
            let advice = try await store.advice(on: table)
            #expect(advice.filter { $0.contains("has no time zone") }.count == 2)
            for sentence in advice {
                let statement = try #require(sentence.range(of: "ALTER TABLE")).lowerBound
                try await server.execute(String(sentence[statement...]))
            }
            #expect(try await store.advice(on: table) == [])
            #expect(try await store.rows(ofSession: "s", in: table, limit: 100) == before)
        }
    }

    @Test("rows without a time or with something in its place are left out, and make room for the next")
    func oddRows() async throws {
        let server = try await PostgresServer.shared
        let table = newTable()
        let store = Postgres(url: Secret(server.url()))
        try await store.migrate(table)
        try await server.execute(
            """
            ALTER TABLE \(table) ALTER tokens_used TYPE numeric, ALTER prompt DROP NOT NULL;
            INSERT INTO \(table) (id, session_id, prompt, response, tokens_used, created_at)
            SELECT gen_random_uuid(), 's', CASE WHEN n <> 1 THEN n::text END, 'r',
              CASE n WHEN 2 THEN 'NaN' WHEN 3 THEN '1e300' WHEN 4 THEN 7.5 WHEN 5 THEN 12.00 ELSE n END::numeric,
              CASE n WHEN 6 THEN NULL WHEN 7 THEN 'infinity' WHEN 8 THEN '-infinity' WHEN 9 THEN '20000-01-01'
              ELSE timestamptz '2026-01-31 12:00Z' + n * interval '1 s' END
            FROM generate_series(1, 12) n
            """)
        let rows = try await store.rows(ofSession: "s", in: table, limit: 3)
        #expect(rows.map(\.prompt) == ["10", "11", "12"])
        #expect(try await store.rows(ofSession: "s", in: table, limit: 100).map(\.tokensUsed) == [12, 10, 11, 12])
        // NaN and what no number holds count as nothing, a fraction is cut off at the end.
        let used = try await store.tokensUsed(
            by: Row.User(Session(username: "WebUser")), since: Timestamp(microseconds: 0), in: table)
        #expect(used == 1 + 7 + 12 + 7 + 9 + 10 + 11 + 12)
        #expect(try await store.sessions(in: table, limit: 10).count == 1)
    }

    @Test("what may refuse or lose rows is said")
    func advice() async throws {
        let server = try await PostgresServer.shared
        let table = newTable()
        let store = Postgres(url: Secret(server.url()))
        try await store.migrate(table)
        #expect(try await store.advice(on: table) == [])
        try await server.execute(
            """
            ALTER TABLE \(table) SET UNLOGGED; ALTER TABLE \(table) ALTER response TYPE varchar(255);
            CREATE INDEX by_prompt_\(table) ON \(table) (prompt);
            """)
        let advice = try await store.advice(on: table)
        #expect(advice.count == 3)
        for words in ["UNLOGGED", "255 characters", "by_prompt_\(table)"] {
            #expect(advice.contains { $0.contains(words) }, "\(words): \(advice)")
        }
    }

    @Test("a server that answers before its disk has a row says so")
    func synchronousCommit() async throws {
        let server = try await PostgresServer.shared
        // The tests' server does not sync at all, for their sake.
        #expect(
            try await Postgres(url: Secret(server.url())).serverAdvice().map { $0.contains("fsync is off") } == [true])
        let url = server.url() + "?options=-csynchronous_commit%3Doff"
        let advice = try await Postgres(url: Secret(url)).serverAdvice()
        #expect(advice.count == 2 && advice[0].contains("synchronous_commit is off"))
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
