import GRDB
import Testing

@testable import Resources

@Suite("An insert of many rows")
struct SQLiteInsertTests {
    private struct Stored: Equatable {
        let name: String?
        let number: Int?
        let type: String
    }

    private func withTable(_ body: (Database) throws -> Void) throws {
        try DatabaseQueue().write { database in
            try database.execute(sql: "CREATE TABLE things (name TEXT UNIQUE, number INTEGER CHECK (number < 100))")
            try body(database)
        }
    }

    private func insert(_ rows: [(String?, Int?)], into database: Database) throws {
        var insert = try SQLiteInsert("INSERT INTO things VALUES (?, ?)", in: database)
        for (name, number) in rows {
            insert.add(name)
            insert.add(number)
            try insert.execute()
        }
    }

    private func stored(in database: Database) throws -> [Stored] {
        try GRDB.Row.fetchAll(database, sql: "SELECT name, number, typeof(name) AS type FROM things ORDER BY rowid").map
        {
            Stored(name: $0["name"], number: $0["number"], type: $0["type"])
        }
    }

    @Test("each row has its own values, and text that is empty is not NULL")
    func values() throws {
        try withTable { database in
            try insert(
                [("", 1), (nil, nil), ("größer 🙂", -7), (String(repeating: "x", count: 5_000), 2)], into: database)
            #expect(
                try stored(in: database) == [
                    Stored(name: "", number: 1, type: "text"), Stored(name: nil, number: nil, type: "null"),
                    Stored(name: "größer 🙂", number: -7, type: "text"),
                    Stored(name: String(repeating: "x", count: 5_000), number: 2, type: "text"),
                ])
        }
    }

    @Test("what SQLite refuses is an error with its code and its words, and the statement can be used again")
    func refused() throws {
        try withTable { database in
            let error = #expect(throws: DatabaseError.self) {
                try insert([("a", 1), ("a", 2)], into: database)
            }
            #expect(error?.resultCode == .SQLITE_CONSTRAINT)
            #expect(error?.message == "UNIQUE constraint failed: things.name")
            #expect(throws: DatabaseError.self) { try insert([("b", 100)], into: database) }
            try insert([("b", 2)], into: database)
            #expect(try stored(in: database).map(\.name) == ["a", "b"])
        }
    }
}
