import GRDB
import Pipeline

/// The SQLite file of a ``DiskLog``: a table of messages in the order in which they came.
struct DiskLogFile: Sendable {
    let database: DatabaseQueue
    /// Whether the process that used it before was killed.
    let wasKilled: Bool

    /// What was read of one part.
    struct Page {
        var messages: [QueuedMessage] = []
        /// Numbers of messages that can't be read.
        var unreadable: [Int64] = []
        var count = 0
        /// The last number that was read, also where its message was unreadable.
        var last: Int64?
    }

    /// Opens a file, or makes it.
    ///
    /// - Parameter size: How many bytes of messages may wait in it.
    /// - Throws: ``DiskLogError`` where it is something else, or damaged.
    static func open(path: String, size: Int) async throws -> DiskLogFile {
        // The log beside the file is to stay small where the file is; seldom emptied it costs less.
        let pages = min(8_000, max(250, size / 4_096 / 4))
        var configuration = Configuration()
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_size_limit = \(pages * 2 * 4_096)")
            try database.execute(sql: "PRAGMA wal_autocheckpoint = \(pages)")
            try database.execute(sql: "PRAGMA cache_size = -16384")
        }
        do {
            let database = try SQLiteFile.open(path, configuration)
            try await database.write { database in
                try database.execute(sql: DiskLogRow.schema)
                // Files of before have no such column.
                if try !database.columns(in: "messages").contains(where: { $0.name == "trace" }) {
                    try database.execute(sql: "ALTER TABLE messages ADD COLUMN trace TEXT")
                }
                let missing = DiskLogRow.names.subtracting(try database.columns(in: "messages").map(\.name))
                guard missing.isEmpty else {
                    throw DatabaseError(message: "its table 'messages' is not a queue's")
                }
            }
            return DiskLogFile(database: database, wasKilled: await isInUse(database))
        } catch {
            throw DiskLogError(opening: path, error)
        }
    }

    func usedBytes() async throws -> Int {
        try await database.read { database in
            // The sum of very many very large rows may be no whole number any more.
            guard let row = try GRDB.Row.fetchOne(database, sql: "SELECT \(DiskLogRow.sum) FROM messages"),
                case .int64(let sum) = (row[0] as DatabaseValue).storage
            else { return 0 }
            return Int(sum)
        }
    }

    func count(of consumer: String) async throws -> Int {
        try await database.read { database in
            try Int.fetchOne(database, sql: "SELECT count(*) FROM messages WHERE consumer = ?", arguments: [consumer])
                ?? 0
        }
    }

    /// How many messages wait for each consumer that some wait for.
    func counts() async throws -> [(consumer: String, messages: Int)] {
        try await database.read { database in
            try GRDB.Row.fetchAll(
                database,
                sql: "SELECT CAST(consumer AS TEXT), count(*) FROM messages GROUP BY consumer ORDER BY consumer"
            ).map { row in
                guard case .string(let consumer) = (row[0] as DatabaseValue).storage else { return ("", row[1]) }
                return (consumer, row[1])
            }
        }
    }

    /// Adds messages and removes others in one commit.
    ///
    /// - Returns: The numbers of those added.
    func commit(_ appends: [DiskLogRow], removing removals: [Int64]) async throws -> [Int64] {
        try await database.write { database in
            var tickets: [Int64] = []
            tickets.reserveCapacity(appends.count)
            var insert = try SQLiteInsert(DiskLogRow.insertion, in: database)
            for row in appends {
                row.add(to: &insert)
                try insert.execute()
                tickets.append(database.lastInsertedRowID)
            }
            for range in DiskLogFile.ranges(of: removals) {
                let bounds: StatementArguments = [range.lowerBound, range.upperBound]
                let delete = try database.cachedStatement(sql: "DELETE FROM messages WHERE ticket BETWEEN ? AND ?")
                try delete.execute(arguments: bounds)
            }
            return tickets
        }
    }

    /// The next messages of a consumer.
    ///
    /// - Parameters:
    ///   - ticket: The number of the last one that was read before.
    ///   - limit: How many rows are read at most.
    ///   - bytes: How much memory they may take, about; one is read in any case.
    func messages(of consumer: String, after ticket: Int64, limit: Int, bytes: Int) async throws -> Page {
        try await database.read { database in
            let select = try database.cachedStatement(
                sql: """
                    SELECT \(DiskLogRow.columns) FROM messages WHERE ticket > ? AND consumer = ? ORDER BY ticket LIMIT ?
                    """)
            let rows = try GRDB.Row.fetchCursor(select, arguments: [ticket, consumer, limit])
            var page = Page()
            var taken = 0
            while taken < bytes, let row = try rows.next() {
                guard case .int64(let ticket) = (row[0] as DatabaseValue).storage else { continue }
                page.count += 1
                page.last = ticket
                if let queued = DiskLogRow.queued(row) {
                    page.messages.append(queued)
                    taken += queued.footprint
                } else {
                    page.unreadable.append(ticket)
                }
            }
            return page
        }
    }

    /// The last messages of a session: a thousand, or as many as 4 MiB of memory hold; or the one with an id; and the numbers
    /// of those that can't be read.
    func messages(
        ofSession session: String, only id: UniqueID?, for consumer: String, after ticket: Int64
    ) async throws -> (messages: [Message], unreadable: [Int64]) {
        try await database.read { database in
            let select = try database.cachedStatement(
                sql: """
                    SELECT \(DiskLogRow.columns) FROM messages WHERE ticket > ? AND consumer = ? AND session = ?
                    \(id == nil ? "" : "AND id = ?") ORDER BY ticket DESC LIMIT 1000
                    """)
            let arguments: StatementArguments = [ticket, consumer, session]
            let rows = try GRDB.Row.fetchCursor(
                select, arguments: id.map { arguments + [$0.description] } ?? arguments)
            var (messages, unreadable): ([Message], [Int64]) = ([], [])
            var taken = 0
            while taken < 4 << 20, let row = try rows.next() {
                if let queued = DiskLogRow.queued(row) {
                    messages.append(queued.message)
                    taken += queued.footprint
                } else if case .int64(let ticket) = (row[0] as DatabaseValue).storage {
                    unreadable.append(ticket)
                }
            }
            return (messages.reversed(), unreadable)
        }
    }

    func close() async throws {
        // On a full disk the process counts as killed.
        try? await database.write { try $0.execute(sql: "PRAGMA user_version = 0") }
        try database.close()
    }

    /// Numbers that follow each other as ranges: most are removed in the order in which they came.
    static func ranges(of numbers: [Int64]) -> [ClosedRange<Int64>] {
        var result: [ClosedRange<Int64>] = []
        for number in numbers.sorted() {
            // The largest number of all has none after it.
            if let last = result.last, last.upperBound >= number || last.upperBound == number - 1 {
                result[result.count - 1] = last.lowerBound...max(last.upperBound, number)
            } else {
                result.append(number...number)
            }
        }
        return result
    }
}
