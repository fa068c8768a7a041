import Foundation
import GRDB
import Pipeline
import Synchronization
import TestRandom
import Testing

@testable import Resources

@Suite("SQLite tables that other programs write")
struct SQLiteOddRowsTests {
    /// A file with a table whose columns take anything as it is, and a store that only reads it.
    private func withTable(_ body: (DatabaseQueue, SQLite) async throws -> Void) async throws {
        let path = "/tmp/stagecoach-odd-\(UUID().uuidString).db"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let queue = try DatabaseQueue(path: path)
        try await queue.write { database in
            try database.execute(
                sql: """
                    CREATE TABLE requests (id, session_id, prompt, response, tokens_used, metadata, username, user_id,
                      created_at, updated_at)
                    """)
        }
        try await body(queue, SQLite(path: path))
    }

    private func insert(
        _ values: [any DatabaseValueConvertible], as columns: String, into queue: DatabaseQueue
    ) async throws {
        let marks = values.map { _ in "?" }.joined(separator: ", ")
        let arguments = StatementArguments(values.map { $0.databaseValue })
        try await queue.write {
            try $0.execute(sql: "INSERT INTO requests (\(columns)) VALUES (\(marks))", arguments: arguments)
        }
    }

    @Test("rows are ordered by the times they mean, in whatever form these are written")
    func order() async throws {
        let times: [any DatabaseValueConvertible] = [
            "2026-01-31T12:00:00.000001Z", "2026-01-31T13:00:01+01:00", "2026-01-31 12:00:02", "2026-01-31T12:00:03",
            1_769_860_804, "1769860805", 1_769_860_806.5, "2026-01-31T07:00:07-05:00", 1_769_860_808_000,
            2_461_072.000104166667, "2461072.000115741", "20260131T120011Z", "2026-W05-6T12:00:12Z",
            "2026-031T12:00:13Z",
            1_769_860_814_000_000, "2026-01-31 12:00:15 UTC", 1_769_860_816_000_000_000,
        ]
        try await withTable { queue, store in
            for (index, time) in times.enumerated().reversed() {
                try await insert(
                    [index, "s", "\(index)", "r", index, "ada", time],
                    as: "id, session_id, prompt, response, tokens_used, username, created_at", into: queue)
            }
            let rows = try await store.rows(ofSession: "s", in: "requests", limit: 100)
            #expect(rows.map(\.prompt) == times.indices.map(String.init))
            #expect(rows.map(\.idText) == times.indices.map(String.init))
            #expect(try await store.rows(ofSession: "s", in: "requests", limit: 2).map(\.prompt) == ["15", "16"])
            let sessions = try await store.sessions(in: "requests", limit: 10)
            #expect(sessions.map(\.lastMessageAt) == ["2026-01-31T12:00:16.000000Z"])
            #expect(sessions.map(\.messages) == [times.count])
            let since = try #require(Timestamp("2026-01-31T12:00:05.000000Z"))
            let used = try await store.tokensUsed(
                by: Pipeline.Row.User(Session(username: "ada")), since: since, in: "requests")
            #expect(used == (5..<times.count).reduce(0, +))
        }
    }

    @Test("rows that can't be read, however many, cost few looks at the table")
    func manyUnreadable() async throws {
        let looks = Counter()
        var configuration = Configuration()
        configuration.prepareDatabase { database in
            SQLiteFunctions.add(to: database)
            database.trace { _ in looks.number.add(1, ordering: .relaxed) }
        }
        let queue = try DatabaseQueue(configuration: configuration)
        try await queue.write { database in
            try database.execute(
                sql: """
                    CREATE TABLE requests (id, session_id, prompt, response, tokens_used, metadata, username, user_id,
                      created_at);
                    INSERT INTO requests VALUES (0, 's', 'first', 'r', 1, NULL, 'ada', NULL, 1769860800);
                    INSERT INTO requests WITH RECURSIVE numbers(n) AS (SELECT 1 UNION SELECT n + 1 FROM numbers LIMIT 1000)
                      SELECT n, 's', 'later', 'r', 'n/a', NULL, 'ada', NULL, 1769860800 + n FROM numbers;
                    """)
        }
        let before = looks.number.load(ordering: .relaxed)
        let reader = SQLiteReader(path: "", connection: queue, unreadable: UnreadableRows())
        #expect(try await reader.rows(ofSession: "s", in: "requests", limit: 1).map(\.prompt) == ["first"])
        #expect(looks.number.load(ordering: .relaxed) - before < 50)
    }

    private final class Counter: Sendable {
        let number = Atomic<Int>(0)
    }

    @Test("rows of one second stay in the order of their numbers")
    func sameSecond() async throws {
        try await withTable { queue, store in
            for id in 1...12 {
                try await insert(
                    [id, "s", "\(id)", "r", "2026-01-31 12:00:00"],
                    as: "id, session_id, prompt, response, created_at", into: queue)
            }
            let rows = try await store.rows(ofSession: "s", in: "requests", limit: 10)
            #expect(rows.map(\.prompt) == (3...12).map(String.init))
        }
    }

    @Test("a row that can't be read is left out and makes room for the next")
    func leftOut() async throws {
        try await withTable { queue, store in
            let null = DatabaseValue.null
            let odd: [[any DatabaseValueConvertible]] = [
                [null, "p", "r", 1, "ada", null, "2026-01-31T12:00:10Z"],
                ["2", null, "r", 1, "ada", null, "2026-01-31T12:00:10Z"],
                ["3", "p", Data([1]), 1, "ada", null, "2026-01-31T12:00:10Z"],
                ["4", "p", "r", "n/a", "ada", null, "2026-01-31T12:00:10Z"],
                ["5", "p", "r", 1.5, "ada", null, "2026-01-31T12:00:10Z"],
                ["6", "p", "r", 1, Data([1]), null, "2026-01-31T12:00:10Z"],
                ["7", "p", "r", 1, "ada", Data([1]), "2026-01-31T12:00:10Z"],
                ["8", "p", "r", 1, "ada", null, null], ["9", "p", "r", 1, "ada", null, "yesterday"],
                ["10", "p", "r", 1, "ada", null, -1e300], ["11", "p", "r", 1, "ada", null, Int64.min],
                ["12", "p", "r", 1, "ada", null, 7], ["13", "p", "r", 1, "ada", null, Data("2026-01-31".utf8)],
            ]
            let good: [[any DatabaseValueConvertible]] = [
                ["good 1", "p", "r", null, null, null, "2026-01-31T12:00:00Z"],
                [Data(repeating: 0xAB, count: 16), 7, "r", "12", "ada", 5, "2026-01-31T12:00:01Z"],
                [1.5, "p", 2.5, 3.0, 4, null, "2026-01-31T12:00:02Z"],
            ]
            for row in odd + good {
                try await insert(
                    ["s"] + row, as: "session_id, id, prompt, response, tokens_used, username, user_id, created_at",
                    into: queue)
            }
            let rows = try await store.rows(ofSession: "s", in: "requests", limit: 3)
            #expect(rows.map(\.idText) == ["good 1", "abababab-abab-abab-abab-abababababab", "1.5"])
            #expect(rows.map(\.prompt) == ["p", "7", "p"])
            #expect(rows.map(\.response) == ["r", "r", "2.5"])
            #expect(rows.map(\.tokensUsed) == [nil, 12, 3])
            #expect(rows.map(\.username) == ["WebUser", "ada", "4"])
            #expect(rows.map(\.userID) == [nil, "5", nil])
            #expect(try await store.rows(ofSession: "s", in: "requests", limit: 1).map(\.idText) == ["1.5"])
            #expect(try await store.sessions(in: "requests", limit: 10).map(\.messages) == [3])
        }
    }

    @Test("sums that no integer holds are larger than any budget, and what is less than nothing counts as nothing")
    func sums() async throws {
        try await withTable { queue, store in
            let counts: [any DatabaseValueConvertible] = [Int64.max, Int64.max, "n/a", -5, Int64.min, 1e300, "12"]
            for (index, count) in counts.enumerated() {
                try await insert(
                    [index, "s", count, "ada", "2026-01-31T12:00:00Z"],
                    as: "id, session_id, tokens_used, username, created_at", into: queue)
            }
            let user = Pipeline.Row.User(Session(username: "ada"))
            let all = try await store.tokensUsed(by: user, since: Timestamp(microseconds: 0), in: "requests")
            #expect(all == .max)
            try await queue.write { try $0.execute(sql: "DELETE FROM requests WHERE id < 2") }
            let some = try await store.tokensUsed(by: user, since: Timestamp(microseconds: 0), in: "requests")
            #expect(some == 12)
        }
    }

    /// 5,000 rows; `STAGECOACH_ODD_ROWS` names another number for a night.
    private static let count = ProcessInfo.processInfo.environment["STAGECOACH_ODD_ROWS"].flatMap { Int($0) } ?? 5_000

    @Test("no value in any column ends the process, and every reader sees the same rows")
    func anyRows() async throws {
        let perTable = min(Self.count, 10_000)
        for seed in 0..<max(1, Self.count / perTable) {
            try await withTable { queue, store in
                let sessions = ["s1", "s2", "7", "ü"]
                try await queue.write { database in
                    var odd = OddValues(seed: UInt64(seed))
                    let columns =
                        "id, session_id, prompt, response, tokens_used, metadata, username, user_id, created_at"
                    for _ in 0..<perTable {
                        let values = [
                            odd.next(), odd.oneOf(sessions), odd.next(), odd.next(), odd.next(), odd.next(),
                            odd.next(), odd.next(), odd.next(),
                        ]
                        let expressions = values.map(\.sql).joined(separator: ", ")
                        try database.execute(
                            sql: "INSERT INTO requests (\(columns)) VALUES (\(expressions))",
                            arguments: StatementArguments(values.map(\.value)))
                    }
                }
                var read = 0
                for session in sessions {
                    let rows = try await store.rows(ofSession: session, in: "requests", limit: perTable)
                    let times = rows.map(\.createdAt)
                    #expect(times == times.sorted())
                    read += rows.count
                    let last = try await store.rows(ofSession: session, in: "requests", limit: 5)
                    #expect(last == Array(rows.suffix(5)))
                    for row in rows.prefix(200) {
                        #expect(!row.json(metadata: "null").isEmpty)
                        let user = Pipeline.Row.User(Session(username: row.username, userID: row.userID))
                        #expect(try await store.tokensUsed(by: user, since: row.createdAt, in: "requests") >= 0)
                    }
                }
                #expect(read > 0)
                let listed = try await store.sessions(in: "requests", limit: 1_000_000)
                #expect(listed.map(\.messages).reduce(0, +) == read)
            }
        }
    }
}

/// Values of every type and many forms.
struct OddValues {
    struct Value {
        var sql = "?"
        let value: DatabaseValue
    }

    private var random: SplitMix

    init(seed: UInt64) { random = SplitMix(seed: seed) }

    mutating func oneOf(_ texts: [String]) -> Value {
        Value(value: one(of: texts).databaseValue)
    }

    private mutating func one<Choice>(of choices: [Choice]) -> Choice {
        choices[Int.random(in: choices.indices, using: &random)]
    }

    private mutating func bytes(_ count: Int) -> DatabaseValue {
        Data((0..<count).map { _ in .random(in: 0...255, using: &random) }).databaseValue
    }

    mutating func next() -> Value {
        switch Int.random(in: 0..<16, using: &random) {
        case 0: return Value(value: .null)
        case 1: return Value(value: Int64.random(in: .min ... .max, using: &random).databaseValue)
        case 2: return Value(value: one(of: [0, -1, 1, Int64.max, .min, 1_769_860_800]).databaseValue)
        case 3: return Value(value: Double(bitPattern: .random(in: 0...(.max), using: &random)).databaseValue)
        case 4: return Value(value: one(of: [0.5, -0.0, 2_460_000.5, .infinity, -.infinity, 1e18, 3.0]).databaseValue)
        case 5: return Value(value: bytes(.random(in: 0...20, using: &random)))
        // Text that is no UTF-8, and text with a zero in it.
        case 6: return Value(sql: "CAST(? AS TEXT)", value: bytes(9))
        case 7: return Value(value: "".databaseValue)
        case 8: return Value(value: "n/a".databaseValue)
        case 9: return Value(value: "\(Int64.random(in: .min ... .max, using: &random))".databaseValue)
        case 10: return oneOf(["1e400", "nan", "inf", "0x10", "-0", "+5", "1e3", " 7", "9223372036854775808"])
        default:
            let time = Timestamp(microseconds: .random(in: 0...2_000_000_000_000_000, using: &random)).description
            return oneOf([
                time, time.replacingOccurrences(of: "T", with: " "), String(time.prefix(10)), String(time.prefix(19)),
                String(time.dropLast()) + "+05:30",
            ])
        }
    }
}
