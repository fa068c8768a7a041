import Pipeline

/// What is asked of the rows.
extension RowStoreTrial {
    mutating func sessions() async throws {
        expect(try await store.sessions(in: table, limit: 10), is: [], "the sessions of an empty table")
        try await store.insert(
            [
                row("1", session: "old", at: 1), row("2", session: "new", at: 2),
                row("3", session: "new", at: 3_000_000),
            ], into: table)
        let wanted = [
            Row.SessionSummary(id: "new", username: "ada", messages: 2, lastMessageAt: "1970-01-01T00:00:03.000000Z"),
            Row.SessionSummary(id: "old", username: "ada", messages: 1, lastMessageAt: "1970-01-01T00:00:00.000001Z"),
        ]
        expect(try await store.sessions(in: table, limit: 10), is: wanted, "the sessions")
        expect(try await store.sessions(in: table, limit: 1).map(\.id), is: ["new"], "the latest session")
    }

    mutating func limit() async throws {
        let rows = (1...10).map { row("\($0)", at: Int64($0)) }
        try await store.insert(rows, into: table)
        expect(try await stored(limit: 3), is: Array(rows.suffix(3)), "the last three")
        let nobody = try await store.rows(ofSession: "nobody", in: table, limit: 3)
        expect(nobody, is: [], "the rows of a session that is not there")
    }

    mutating func usage() async throws {
        var rows = (1...5).map { row("\($0)", at: Int64($0)) }
        rows[1].username = "bob"
        rows[2].userID = "ada"
        rows[3].tokensUsed = nil
        try await store.insert(rows, into: table)
        let (store, table) = (self.store, self.table)
        func used(_ session: Session, since microseconds: Int64 = 0) async throws -> Int {
            let time = Timestamp(microseconds: microseconds)
            return try await store.tokensUsed(by: Row.User(session), since: time, in: table)
        }
        expect(try await used(Session(username: "ada")), is: 6, "the tokens of a name")
        expect(try await used(Session(username: "ada"), since: 2), is: 3, "the tokens of a name from a time on")
        expect(try await used(Session(username: "x", userID: "ada")), is: 3, "the tokens of a user")
        expect(try await used(Session(username: "nobody")), is: 0, "the tokens of nobody")
    }

    mutating func oneRow() async throws {
        let rows = (1...3).map { row("\($0)", at: Int64($0)) }
        try await store.insert(rows, into: table)
        expect(try await store.row(rows[1].id, ofSession: "s", in: table), is: rows[1], "the row")
        expect(try await store.row(rows[1].id, ofSession: "other", in: table), is: nil, "the row of another session")
        expect(try await store.row(.random(), ofSession: "s", in: table), is: nil, "a row that is not there")
    }
}

/// What databases with SQL do.
extension RowStoreTrial {
    mutating func badRow() async throws {
        guard subject.isTyped else { return }
        var bad = row("bad", at: 2)
        bad.metadata = "{"
        let rows = [row("first", at: 1), bad, row("last", at: 3)]
        let error = await refusal(of: rows)
        expect(error?.isOutage, is: false, "whether a batch with a bad row is refused as in an outage")
        for row in rows {
            if row == bad {
                let error = await refusal(of: [row])
                expect(error?.code, is: .stageFailed, "the error of a bad row")
                expect(error?.message, is: "The message could not be stored", "its text")
            } else {
                try await store.insert([row], into: table)
            }
        }
        expect(store.health, is: .ready, "the health after a bad row")
        expect(try await stored().map(\.prompt), is: ["first", "last"], "the prompts")
    }

    /// What an insert throws; `nil` where it throws no error of the pipeline.
    private func refusal(of rows: [Row]) async -> PipelineError? {
        do {
            try await store.insert(rows, into: table)
            return nil
        } catch { return error as? PipelineError }
    }

    mutating func missingTable() async throws {
        let problems = try await store.problems(of: table)
        expect(problems.count, is: subject.missesTables ? 1 : 0, "the problems of a missing table")
        for problem in problems {
            expect(
                problem.contains(table) && problem.contains("stagecoach migrate"),
                "the problem names neither the table nor the command: \(problem)")
        }
        if subject.makesTables {
            try await store.prepare(table: table)
            expect(try await store.problems(of: table), is: [], "the problems once the table is prepared")
        } else {
            expect(try await isRefused(), "a missing table is taken")
        }
    }

    mutating func missingColumn() async throws {
        try await subject.execute("ALTER TABLE \(table) DROP COLUMN user_id")
        let problems = try await store.problems(of: table)
        expect(problems.count, is: 1, "the problems of a missing column")
        expect(
            problems.first.map { $0.contains("'user_id'") && $0.contains("ADD COLUMN user_id") } ?? false,
            "the problem names neither the column nor the statement: \(problems)")
        expect(try await isRefused(), "a table without the column is taken")
    }

    mutating func wrongType() async throws {
        guard subject.isTyped else { return }
        try await subject.execute("ALTER TABLE \(table) ALTER COLUMN tokens_used TYPE text")
        let problems = try await store.problems(of: table)
        expect(problems.count, is: 1, "the problems of a column of another type")
        expect(
            problems.first.map { $0.contains("'tokens_used'") && $0.contains("is text where integer is needed") }
                ?? false, "the problem names neither the column nor the types: \(problems)")
        expect(try await isRefused(), "a table with the wrong type is taken")
    }

    mutating func migrationTwice() async throws {
        try await subject.migrate()
        let row = row("kept")
        try await store.insert([row], into: table)
        try await subject.migrate()
        try await subject.execute(store.migration(for: table))
        expect(try await store.problems(of: table), is: [], "the problems after two migrations")
        expect(try await stored(), is: [row], "the rows after two migrations")
    }

    mutating func updatedAt() async throws {
        try await store.insert([row("x")], into: table)
        try await subject.execute("UPDATE \(table) SET updated_at = '2001-01-01T00:00:00.000000Z'")
        try await subject.execute("UPDATE \(table) SET response = 'new'")
        // Only a row that was moved on is found and renamed.
        try await subject.execute(
            "UPDATE \(table) SET prompt = 'moved' WHERE updated_at > '2002-01-01T00:00:00.000000Z'")
        expect(try await stored().map(\.prompt), is: ["moved"], "the prompts")
    }

    /// Whether making the table ready fails. A store that doesn't hear from its database in time looks later, and then
    /// its health says what is wrong.
    private func isRefused() async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            do {
                try await store.prepare(table: table)
                if store.health.error?.detail?.contains("the table '\(table)'") == true { return true }
            } catch is TableProblem {
                return true
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}
