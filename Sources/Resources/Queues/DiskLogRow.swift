import GRDB
import Pipeline

/// A message as a row of the queue's table.
struct DiskLogRow: Sendable {
    private let consumer: String
    private let record: Message.Record
    private let metadata: String?
    private let fields: String?
    private let trace: String?

    /// How many bytes it counts: all of its text, and what SQLite has around it.
    let size: Int

    init(_ message: Message, for consumer: String) {
        self.consumer = consumer
        record = Message.Record(message)
        metadata = record.metadata.map { JSONValue.object($0).json }
        fields = record.fields.map { JSONValue.object($0).json }
        trace = record.trace.map { JSONValue.object($0.mapValues(JSONValue.string)).json }
        let texts = [
            consumer, record.id, record.session, record.username, record.userID, record.clientID, record.prompt,
            record.completion, record.response, metadata, fields, trace,
        ]
        size = texts.reduce(96) { $0 + ($1?.utf8.count ?? 0) }
    }

    static let schema = """
        CREATE TABLE IF NOT EXISTS messages (
          ticket INTEGER PRIMARY KEY AUTOINCREMENT, consumer TEXT NOT NULL, size INTEGER NOT NULL, id TEXT NOT NULL,
          received_at INTEGER NOT NULL, session TEXT NOT NULL, username TEXT NOT NULL, user_id TEXT, client_id TEXT,
          prompt TEXT NOT NULL, completion TEXT, tokens_used INTEGER, response TEXT, metadata TEXT, fields TEXT, trace TEXT
        )
        """

    static let insertion = """
        INSERT INTO messages (consumer, size, id, received_at, session, username, user_id, client_id, prompt, completion, \
        tokens_used, response, metadata, fields, trace) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """

    /// In the order in which ``queued(_:)`` reads them: by their names costs as much as all the rest.
    static let columns = """
        ticket, id, received_at, session, username, user_id, client_id, prompt, completion, tokens_used, response, \
        metadata, fields, trace, size
        """

    /// What a table needs to be a queue's.
    static let names: Set<String> = [
        "ticket", "consumer", "size", "id", "received_at", "session", "username", "user_id", "client_id", "prompt",
        "completion", "tokens_used", "response", "metadata", "fields", "trace",
    ]

    func add(to insert: inout SQLiteInsert) {
        insert.add(consumer)
        insert.add(size)
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
        insert.add(metadata)
        insert.add(fields)
        insert.add(trace)
    }

    /// The message of a row; `nil` where a value is none that a queue writes: the file is damaged, or somebody else wrote
    /// to it.
    static func queued(_ row: GRDB.Row) -> QueuedMessage? {
        var columns = OddColumns(row: row)
        guard let ticket = columns.whole(0), let id = columns.text(1), let receivedAt = columns.whole(2),
            let session = columns.text(3), let username = columns.text(4), let prompt = columns.text(7)
        else { return nil }
        let record = Message.Record(
            id: id, receivedAt: receivedAt, session: session, username: username, userID: columns.text(5),
            clientID: columns.text(6), prompt: prompt, completion: columns.text(8),
            tokensUsed: columns.whole(9).map(Int.init), response: columns.text(10), metadata: columns.object(11),
            fields: columns.object(12), trace: columns.object(13)?.compactMapValues(\.text))
        guard !columns.isOdd, let message = record.message else { return nil }
        return QueuedMessage(message, ticket: ticket, size: size(row[14]))
    }

    /// The size that a row counts; never one that would overflow a sum of all of them.
    private static func size(_ value: DatabaseValue) -> Int {
        guard case .int64(let size) = value.storage, (0...(1 << 40)).contains(size) else { return 0 }
        return Int(size)
    }

    /// The sum of what ``queued(_:)`` says of every row, in SQL.
    static let sum = "sum(CASE WHEN typeof(size) = 'integer' AND size BETWEEN 0 AND 1099511627776 THEN size END)"
}

/// Reads a row whose values may be of any type: SQLite takes any in any column, and GRDB's own subscripts end the process
/// where it is not the one that was asked for.
private struct OddColumns {
    let row: GRDB.Row
    /// Whether a value was neither missing nor of the type asked for.
    private(set) var isOdd = false

    init(row: GRDB.Row) {
        self.row = row
    }

    mutating func text(_ index: Int) -> String? {
        value(index) { if case .string(let text) = $0 { text } else { nil } }
    }

    mutating func whole(_ index: Int) -> Int64? {
        value(index) { if case .int64(let number) = $0 { number } else { nil } }
    }

    mutating func object(_ index: Int) -> [String: JSONValue]? {
        guard let text = text(index) else { return nil }
        var bytes = text
        // What a client sent is one level further in.
        let value = bytes.withUTF8 { bytes in
            try? JSONReader.value(of: UnsafeRawBufferPointer(bytes), deepest: JSONReader.deepest + 8)
        }
        guard case .object(let members) = value else {
            isOdd = true
            return nil
        }
        return members
    }
    private mutating func value<Value>(_ index: Int, _ read: (DatabaseValue.Storage) -> Value?) -> Value? {
        let stored = row[index] as DatabaseValue
        if stored.isNull { return nil }
        let value = read(stored.storage)
        if value == nil { isOdd = true }
        return value
    }
}
