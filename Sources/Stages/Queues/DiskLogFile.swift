import FoundationEssentials
import GRDB
import Pipeline

/// The SQLite file of a ``DiskLog``: a table of messages in the order in which they came.
struct DiskLogFile: Sendable {
    private let database: DatabaseQueue

    /// What was read of one part.
    struct Page {
        var messages: [QueuedMessage] = []
        /// Numbers of messages that can't be read.
        var unreadable: [Int64] = []
        var count = 0
        var last: Int64?
    }

    /// Opens a file, or makes it.
    ///
    /// - Throws: ``DiskLogError`` where it is something else, or damaged.
    static func open(path: String) async throws -> DiskLogFile {
        var configuration = Configuration()
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_size_limit = 67108864")
            try database.execute(sql: "PRAGMA wal_autocheckpoint = 8000")
            try database.execute(sql: "PRAGMA cache_size = -16384")
        }
        do {
            let database = try SQLiteFile.open(path, configuration)
            try await database.write { database in
                try database.execute(sql: schema)
                // Files of before have no such column.
                if try !database.columns(in: "messages").contains(where: { $0.name == "trace" }) {
                    try database.execute(sql: "ALTER TABLE messages ADD COLUMN trace TEXT")
                }
            }
            return DiskLogFile(database: database)
        } catch {
            throw DiskLogError(
                "the queue '\(path)' can't be opened: \(DiskLogError.text(of: error)); "
                    + "name another file, or move this one away: what waits in it is then left out")
        }
    }

    private static let schema = """
        CREATE TABLE IF NOT EXISTS messages (
          ticket INTEGER PRIMARY KEY AUTOINCREMENT, consumer TEXT NOT NULL, size INTEGER NOT NULL, id TEXT NOT NULL,
          received_at INTEGER NOT NULL, session TEXT NOT NULL, username TEXT NOT NULL, user_id TEXT, client_id TEXT,
          prompt TEXT NOT NULL, completion TEXT, tokens_used INTEGER, response TEXT, metadata TEXT, fields TEXT, trace TEXT
        )
        """

    private static let insertion = """
        INSERT INTO messages (consumer, size, id, received_at, session, username, user_id, client_id, prompt, completion, \
        tokens_used, response, metadata, fields, trace) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """

    /// In the order in which ``message(_:)`` reads them: by their names costs as much as all the rest.
    private static let columns = """
        ticket, id, received_at, session, username, user_id, client_id, prompt, completion, tokens_used, response, \
        metadata, fields, trace
        """

    /// About what a message takes in the file.
    static func size(of message: Message) -> Int {
        let answer = (message.completion?.text.utf8.count ?? 0) + (message.completion?.response?.utf8.count ?? 0)
        return 256 + message.prompt.utf8.count + answer
    }

    func usedBytes() async throws -> Int {
        try await database.read { try Int.fetchOne($0, sql: "SELECT sum(size) FROM messages") ?? 0 }
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
                database, sql: "SELECT consumer, count(*) FROM messages GROUP BY consumer ORDER BY consumer"
            ).map { ($0[0], $0[1]) }
        }
    }

    /// Adds messages and removes others in one commit.
    ///
    /// - Returns: The numbers of those added.
    func commit(_ appends: [DiskLog.Append], removing removals: [Int64]) async throws -> [Int64] {
        try await database.write { database in
            var tickets: [Int64] = []
            tickets.reserveCapacity(appends.count)
            var insert = try SQLiteInsert(DiskLogFile.insertion, in: database)
            for append in appends {
                DiskLogFile.add(append, to: &insert)
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

    func messages(of consumer: String, after ticket: Int64, limit: Int) async throws -> Page {
        try await database.read { database in
            let select = try database.cachedStatement(
                sql: """
                    SELECT \(DiskLogFile.columns) FROM messages WHERE ticket > ? AND consumer = ? ORDER BY ticket LIMIT ?
                    """)
            let rows = try GRDB.Row.fetchCursor(select, arguments: [ticket, consumer, limit])
            var page = Page()
            while let row = try rows.next() {
                guard let ticket = row[0] as Int64? else { continue }
                page.count += 1
                page.last = ticket
                if let message = DiskLogFile.message(row) {
                    page.messages.append(QueuedMessage(message, ticket: ticket))
                } else {
                    page.unreadable.append(ticket)
                }
            }
            return page
        }
    }

    func messages(ofSession id: String, for consumer: String, after ticket: Int64) async throws -> [Message] {
        try await database.read { database in
            let select = try database.cachedStatement(
                sql: """
                    SELECT \(DiskLogFile.columns) FROM messages WHERE ticket > ? AND consumer = ? AND session = ?
                    ORDER BY ticket
                    """)
            let rows = try GRDB.Row.fetchCursor(select, arguments: [ticket, consumer, id])
            var messages: [Message] = []
            while let row = try rows.next() {
                if let message = DiskLogFile.message(row) { messages.append(message) }
            }
            return messages
        }
    }

    func close() throws {
        try database.close()
    }

    /// Numbers that follow each other as ranges: most are removed in the order in which they came.
    static func ranges(of numbers: [Int64]) -> [ClosedRange<Int64>] {
        var result: [ClosedRange<Int64>] = []
        for number in numbers.sorted() {
            if let last = result.last, last.upperBound + 1 >= number {
                result[result.count - 1] = last.lowerBound...max(last.upperBound, number)
            } else {
                result.append(number...number)
            }
        }
        return result
    }

    private static func add(_ append: DiskLog.Append, to insert: inout SQLiteInsert) {
        let record = MessageRecord(append.message)
        insert.add(append.queue.consumer)
        insert.add(append.size)
        insert.add(record.id)
        insert.add(record.receivedAt)
        insert.add(record.session)
        insert.add(record.username)
        insert.add(record.userID)
        insert.add(record.clientID)
        insert.add(record.prompt)
        insert.add(record.completion)
        insert.add(record.tokensUsed)
        insert.add(record.response)
        insert.add(json(record.metadata))
        insert.add(json(record.fields))
        insert.add(json(record.trace))
    }

    private static func json(_ values: [String: some Encodable]?) -> String? {
        values.flatMap { try? JSONEncoder().encode($0) }.map { String(decoding: $0, as: UTF8.self) }
    }

    private static func values<Value: Decodable>(_ text: String?) -> [String: Value]? {
        text.flatMap { try? JSONDecoder().decode([String: Value].self, from: Data($0.utf8)) }
    }

    /// `nil` for a row of a damaged file.
    private static func message(_ row: GRDB.Row) -> Message? {
        guard let id = row[1] as String?, let receivedAt = row[2] as Int64?, let session = row[3] as String?,
            let username = row[4] as String?, let prompt = row[7] as String?
        else { return nil }
        return MessageRecord(
            id: id, receivedAt: receivedAt, session: session, username: username, userID: row[5], clientID: row[6],
            prompt: prompt, completion: row[8], tokensUsed: row[9], response: row[10], metadata: values(row[11]),
            fields: values(row[12]), trace: values(row[13])
        ).message
    }
}
