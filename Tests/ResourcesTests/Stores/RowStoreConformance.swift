import Foundation
import Pipeline
import Testing

/// A store as the conformance tests see it: ready, with a table of its own that nobody has made yet.
struct RowStoreSubject: Sendable {
    let store: any RowStore
    let table: String
    /// Whether the database refuses a value that is not of its column's type.
    var isTyped = true
    /// Whether preparing a table that is missing makes it.
    var makesTables = false
    /// Whether a table that is missing is a problem until then.
    var missesTables = true
    /// Another way into the database, to change it behind the store's back.
    let execute: @Sendable (String) async throws -> Void

    /// By the store, or by hand where it can't.
    func migrate() async throws {
        do {
            try await store.migrate(table)
        } catch is MigrationUnsupported {
            try await execute(store.migration(for: table))
        }
    }
}

/// What every store of rows must do, whatever its database.
enum RowStoreConformance: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case storingTwiceStoresOnce = "storing a row twice stores it once"
    case orderOfASession = "a conversation comes back in its order"
    case unusualText = "any text comes back byte for byte"
    case optionalColumns = "columns with and without a value"
    case metadata = "metadata comes back as the same JSON"
    case times = "times keep their microseconds"
    case sessions = "conversations are listed with the latest first"
    case limit = "a limit takes the last rows"
    case usage = "the tokens of a user are added up from a time on"
    case deletion = "rows are removed by their ids"
    case oneRow = "a row is found by its id and conversation"
    case partialAnswers = "a part of an answer gives way to what comes under its id, and nothing else does"
    case badRow = "a bad row fails alone"
    case largeBatch = "a batch of 2,500 rows is stored whole"
    case knownRows = "a batch with rows that are there already stores the others"
    case nothing = "an empty batch is stored, too"
    case missingTable = "a missing table is named or made"
    case missingColumn = "a missing column is named"
    case wrongType = "a column of another type is named"
    case migrationTwice = "the migration may run twice"
    case updatedAt = "a change moves updated_at"

    var testDescription: String { rawValue }

    func run(on subject: RowStoreSubject) async throws {
        let (store, table) = (subject.store, subject.table)
        if ![.missingTable, .migrationTwice].contains(self) {
            try await subject.migrate()
            try await store.prepare(table: table)
        }
        switch self {
        case .storingTwiceStoresOnce:
            var row = Self.row("once")
            try await store.insert([row, row], into: table)
            row.prompt = "twice"
            try await store.insert([row], into: table)
            #expect(try await store.rows(ofSession: "s", in: table, limit: 10).map(\.prompt) == ["once"])

        case .orderOfASession:
            let rows = (1...50).map { Self.row("\($0)", at: Int64($0 / 3 + 1)) }.sorted {
                ($0.createdAt, $0.id) < ($1.createdAt, $1.id)
            }
            try await store.insert(rows.reversed(), into: table)
            try await store.insert([Self.row("another", session: "other")], into: table)
            #expect(try await store.rows(ofSession: "s", in: table, limit: 100) == rows)

        case .unusualText:
            let rows = Self.unusualTexts.enumerated().map { index, text in
                var row = Self.row(text, at: Int64(index + 1))
                row.response = text
                row.username = text
                row.userID = text
                return row
            }
            try await store.insert(rows, into: table)
            let read = try await store.rows(ofSession: "s", in: table, limit: 100)
            #expect(read == rows)
            // Strings are equal where they only look the same.
            #expect(read.map { Array($0.prompt.utf8) } == rows.map { Array($0.prompt.utf8) })
            for text in Self.unusualTexts where !text.isEmpty {
                let row = Self.row("x", session: text)
                try await store.insert([row], into: table)
                #expect(try await store.rows(ofSession: text, in: table, limit: 10) == [row])
            }

        case .optionalColumns:
            var bare = Self.row("bare", at: 1)
            (bare.tokensUsed, bare.metadata, bare.userID) = (nil, nil, nil)
            var full = Self.row("full", at: 2)
            (full.tokensUsed, full.metadata, full.userID) = (2_147_483_647, "{}", "user")
            var zero = Self.row("zero", at: 3)
            (zero.tokensUsed, zero.userID) = (0, "")
            zero.metadata = nil
            try await store.insert([bare, full, zero], into: table)
            #expect(try await store.rows(ofSession: "s", in: table, limit: 10) == [bare, full, zero])

        case .metadata:
            let texts = [
                #"{"a":1,"b":[true,null,"\"x\\"],"c":{"d":1.5}}"#, #"{"é":"\u00e9\n😀","'":"{},\\"}"#, "[]", "\"text\"",
            ]
            let rows = texts.enumerated().map { index, text in
                var row = Self.row("x", at: Int64(index + 1))
                row.metadata = text
                return row
            }
            try await store.insert(rows, into: table)
            let read = try await store.rows(ofSession: "s", in: table, limit: 10).map(\.metadata)
            #expect(try read.map(Self.json) == texts.map(Self.json))

        case .times:
            let moments: [Int64] = [1, 999_999, 1_769_860_800_123_456, 1_769_860_800_123_457, 4_102_444_799_999_999]
            let rows = moments.map { Self.row("x", at: $0) }
            try await store.insert(rows, into: table)
            #expect(try await store.rows(ofSession: "s", in: table, limit: 10) == rows)
            #expect(
                try await store.sessions(in: table, limit: 1).map(\.lastMessageAt) == ["2099-12-31T23:59:59.999999Z"])

        case .sessions:
            #expect(try await store.sessions(in: table, limit: 10) == [])
            try await store.insert(
                [
                    Self.row("1", session: "old", at: 1), Self.row("2", session: "new", at: 2),
                    Self.row("3", session: "new", at: 3_000_000),
                ], into: table)
            let sessions = try await store.sessions(in: table, limit: 10)
            #expect(
                sessions == [
                    StoredSession(
                        id: "new", username: "ada", messages: 2, lastMessageAt: "1970-01-01T00:00:03.000000Z"),
                    StoredSession(
                        id: "old", username: "ada", messages: 1, lastMessageAt: "1970-01-01T00:00:00.000001Z"),
                ])
            #expect(try await store.sessions(in: table, limit: 1).map(\.id) == ["new"])

        case .limit:
            let rows = (1...10).map { Self.row("\($0)", at: Int64($0)) }
            try await store.insert(rows, into: table)
            #expect(try await store.rows(ofSession: "s", in: table, limit: 3) == Array(rows.suffix(3)))
            #expect(try await store.rows(ofSession: "nobody", in: table, limit: 3) == [])

        case .usage:
            var rows = (1...5).map { Self.row("\($0)", at: Int64($0)) }
            rows[1].username = "bob"
            rows[2].userID = "ada"
            rows[3].tokensUsed = nil
            try await store.insert(rows, into: table)
            func used(_ session: Session, since microseconds: Int64 = 0) async throws -> Int {
                let time = Timestamp(microseconds: microseconds)
                return try await store.tokensUsed(by: StoredUser(session), since: time, in: table)
            }
            #expect(try await used(Session(username: "ada")) == 6)
            #expect(try await used(Session(username: "ada"), since: 2) == 3)
            #expect(try await used(Session(username: "x", userID: "ada")) == 3)
            #expect(try await used(Session(username: "nobody")) == 0)

        case .deletion:
            let rows = (1...3).map { Self.row("\($0)", at: Int64($0)) }
            try await store.insert(rows, into: table)
            try await store.delete([rows[0].id, rows[2].id, .random()], from: table)
            try await store.delete([], from: table)
            #expect(try await store.rows(ofSession: "s", in: table, limit: 10) == [rows[1]])

        case .oneRow:
            let rows = (1...3).map { Self.row("\($0)", at: Int64($0)) }
            try await store.insert(rows, into: table)
            #expect(try await store.row(rows[1].id, ofSession: "s", in: table) == rows[1])
            #expect(try await store.row(rows[1].id, ofSession: "other", in: table) == nil)
            #expect(try await store.row(.random(), ofSession: "s", in: table) == nil)

        case .partialAnswers:
            func row(_ number: UInt64, _ response: String, _ metadata: String?) -> Row {
                let id = UniqueID(digest: (number, number))
                return Row(
                    id: id, sessionID: "s", prompt: "p", response: response, tokensUsed: 7, metadata: metadata,
                    username: "ada", createdAt: Timestamp(microseconds: Int64(number)))
            }
            let odd = [#"{"partial":false}"#, #"{"partial":"true"}"#, #"{"a":{"partial":true}}"#, "[]", nil]
            let kept = odd.enumerated().map { row(UInt64($0.offset + 10), "kept", $0.element) }
            let parts = [row(1, "p", #"{"partial":true}"#), row(2, "p", #"{"partial": true}"#)]
            try await store.insert(parts + kept, into: table)
            let other = (kept + [row(1, "", nil)]).map { former in
                var row = former
                (row.response, row.metadata) = ("whole", #"{"id":"x"}"#)
                return row
            }
            try await store.insert(other + [row(2, "more", #"{"partial":true}"#)], into: table)
            let read = try await store.rows(ofSession: "s", in: table, limit: 100)
            #expect(read.map(\.response).dropFirst(2) == ["kept", "kept", "kept", "kept", "kept"])
            #expect(read.first?.response == "whole" && read.first?.metadata.map { $0.contains("partial") } == false)
            // The whole answer stays, whatever comes.
            try await store.insert([row(1, "part", #"{"partial":true}"#), row(1, "again", nil)], into: table)
            #expect(try await store.row(row(1, "", nil).id, ofSession: "s", in: table)?.response == "whole")

        case .badRow:
            guard subject.isTyped else { return }
            var bad = Self.row("bad", at: 2)
            bad.metadata = "{"
            let rows = [Self.row("first", at: 1), bad, Self.row("last", at: 3)]
            let error = await #expect(throws: PipelineError.self) { try await store.insert(rows, into: table) }
            #expect(error?.isOutage == false)
            for row in rows {
                if row == bad {
                    let error = await #expect(throws: PipelineError.self) { try await store.insert([row], into: table) }
                    #expect(error?.code == .stageFailed)
                    #expect(error?.message == "The message could not be stored")
                } else {
                    try await store.insert([row], into: table)
                }
            }
            #expect(store.health == .ready)
            #expect(try await store.rows(ofSession: "s", in: table, limit: 10).map(\.prompt) == ["first", "last"])

        case .largeBatch:
            let rows = (1...2_500).map { Self.row(String(repeating: "x", count: 1_000) + "\($0)", at: Int64($0)) }
            try await store.insert(rows, into: table)
            #expect(try await store.rows(ofSession: "s", in: table, limit: 5_000) == rows)

        case .knownRows:
            let rows = (1...60).map { Self.row("\($0)", at: Int64($0)) }
            try await store.insert([rows[3], rows[50]], into: table)
            try await store.insert(rows, into: table)
            #expect(try await store.rows(ofSession: "s", in: table, limit: 100) == rows)

        case .nothing:
            try await store.insert([], into: table)
            #expect(try await store.sessions(in: table, limit: 10) == [])

        case .missingTable:
            let problems = try await store.problems(of: table)
            #expect(problems.count == (subject.missesTables ? 1 : 0))
            for problem in problems {
                #expect(problem.contains(table))
                #expect(problem.contains("stagecoach migrate"))
            }
            if subject.makesTables {
                try await store.prepare(table: table)
                #expect(try await store.problems(of: table) == [])
            } else {
                #expect(try await isRefused(table, by: store))
            }

        case .missingColumn:
            try await subject.execute("ALTER TABLE \(table) DROP COLUMN user_id")
            let problems = try await store.problems(of: table)
            #expect(problems.count == 1)
            #expect(problems.first?.contains("'user_id'") == true)
            #expect(problems.first?.contains("ADD COLUMN user_id") == true)
            #expect(try await isRefused(table, by: store))
            // One that is used for something else is no table to add columns to.
            try await subject.execute("DROP TABLE \(table)")
            try await subject.execute("CREATE TABLE \(table) (id integer PRIMARY KEY, role text, content text)")
            let foreign = try await store.problems(of: table)
            #expect(foreign.count == 1)
            #expect(foreign.first?.contains("name another table") == true, "\(foreign)")

        case .wrongType:
            guard subject.isTyped else { return }
            try await subject.execute("ALTER TABLE \(table) ALTER COLUMN tokens_used TYPE text")
            let problems = try await store.problems(of: table)
            #expect(problems.count == 1)
            #expect(problems.first?.contains("'tokens_used'") == true)
            #expect(problems.first?.contains("is text where integer is needed") == true)
            #expect(try await isRefused(table, by: store))

        case .migrationTwice:
            try await subject.migrate()
            let row = Self.row("kept")
            try await store.insert([row], into: table)
            try await subject.migrate()
            try await subject.execute(store.migration(for: table))
            #expect(try await store.problems(of: table) == [])
            #expect(try await store.rows(ofSession: "s", in: table, limit: 10) == [row])

        case .updatedAt:
            try await store.insert([Self.row("x")], into: table)
            try await subject.execute("UPDATE \(table) SET updated_at = '2001-01-01T00:00:00.000000Z'")
            try await subject.execute("UPDATE \(table) SET response = 'new'")
            // Only a row that was moved on is found and renamed.
            try await subject.execute(
                "UPDATE \(table) SET prompt = 'moved' WHERE updated_at > '2002-01-01T00:00:00.000000Z'")
            #expect(try await store.rows(ofSession: "s", in: table, limit: 10).map(\.prompt) == ["moved"])
        }
    }

    /// Whether making the table ready fails. A store that doesn't hear from its database in time looks later, and then
    /// its health says what is wrong.
    private func isRefused(_ table: String, by store: any RowStore) async throws -> Bool {
        try await eventually(within: .seconds(20)) {
            do {
                try await store.prepare(table: table)
                return store.health.error?.detail?.contains("the table '\(table)'") == true
            } catch is TableProblem {
                return true
            }
        }
    }

    static let unusualTexts = [
        "", " ", "NULL", "null", "\"", "'", "\\", "\\\\\"", "{}", "{a,b}", "a,b", "\n\r\n\t", "😀👩‍👩‍👧", "é", "e\u{301}",
        "'; DROP TABLE requests; --", "$1", "%s", "\u{1}\u{7F}", "\u{FFFD}", "\\N", "\\u0000", "(1,2)", "ß\u{202E}x",
    ]

    static func row(_ prompt: String, session: String = "s", at microseconds: Int64 = 1) -> Row {
        let time = Timestamp(microseconds: microseconds)
        return Row(
            id: .timeOrdered(at: time), sessionID: session, prompt: prompt, response: "r", tokensUsed: 3,
            metadata: "{}", username: "ada", userID: nil, createdAt: time)
    }

    private static func json(_ text: String?) throws -> JSONValue? {
        try text.map { try JSONDecoder().decode(JSONValue.self, from: Data($0.utf8)) }
    }
}
