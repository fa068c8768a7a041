import GRDB
import GRDBSQLite

/// A prepared `INSERT` for many rows: the values of each are added in the order of the statement's parameters.
///
/// They are bound by SQLite's own functions, text where it lies in one buffer. GRDB makes a boxed value of each and an
/// array of them for each row, which takes half as long as the insert itself.
struct SQLiteInsert {
    private enum Value {
        case null
        case integer(Int64)
        case text(Range<Int>)
    }

    private let statement: SQLiteStatement
    private var values: [Value] = []
    private var text: [UInt8] = []

    /// - Throws: `DatabaseError` where the statement can't be prepared.
    init(_ sql: String, in database: Database) throws {
        statement = try database.cachedStatement(sql: sql).sqliteStatement
    }

    mutating func add(_ text: String?) {
        guard let text else { return values.append(.null) }
        let start = self.text.count
        self.text.append(contentsOf: text.utf8)
        values.append(.text(start..<self.text.count))
    }

    mutating func add(_ number: (some BinaryInteger)?) {
        values.append(number.map { .integer(Int64($0)) } ?? .null)
    }

    /// Inserts the row whose values were added.
    ///
    /// - Throws: `DatabaseError` as SQLite has it.
    mutating func execute() throws {
        // An empty buffer may have no address, and text without one is NULL to SQLite.
        text.append(0)
        defer {
            values.removeAll(keepingCapacity: true)
            text.removeAll(keepingCapacity: true)
        }
        try text.withUnsafeBytes { bytes in
            // What is bound must not outlive the buffer.
            defer {
                sqlite3_reset(statement)
                sqlite3_clear_bindings(statement)
            }
            for (index, value) in values.enumerated() {
                try require(SQLITE_OK, bind(value, of: bytes, at: CInt(index + 1)))
            }
            try require(SQLITE_DONE, sqlite3_step(statement))
        }
    }

    private func bind(_ value: Value, of bytes: UnsafeRawBufferPointer, at index: CInt) -> CInt {
        switch value {
        case .null: return sqlite3_bind_null(statement, index)
        case .integer(let number): return sqlite3_bind_int64(statement, index, number)
        case .text(let range):
            let text = bytes.baseAddress?.advanced(by: range.lowerBound).assumingMemoryBound(to: CChar.self)
            return sqlite3_bind_text64(statement, index, text, UInt64(range.count), nil, UInt8(SQLITE_UTF8))
        }
    }

    private func require(_ wanted: CInt, _ code: CInt) throws {
        guard code != wanted else { return }
        throw DatabaseError(
            resultCode: ResultCode(rawValue: code),
            message: String(cString: sqlite3_errmsg(sqlite3_db_handle(statement))))
    }
}
