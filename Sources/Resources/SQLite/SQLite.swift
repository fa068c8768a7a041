public import Pipeline

/// SQLite in a file: the database that needs no server.
public struct SQLite: RowStore {
    public static let name = "sqlite"
    public static let summary = "SQLite in a file, in WAL mode; made where it doesn't exist."
    public static let example = "sqlite: {path: data/stagecoach.db}"

    /// The file.
    @Setting("The file, from the working directory; missing folders are made.", problem: pathProblem)
    public var path = "data/stagecoach.db"

    /// How long a write waits for another program's lock.
    @Setting("How long a write waits while another program holds the database's lock.")
    public var busyTimeout: Duration = .seconds(5)

    @State private var connection = SQLiteConnection()

    public init() {}

    /// A database in a file.
    public init(path: String, busyTimeout: Duration = .seconds(5)) {
        self.path = path
        self.busyTimeout = busyTimeout
    }

    public var health: Health { connection.health }

    public var longestInsert: Duration? { busyTimeout }

    public func open(_ context: ResourceContext) async throws {
        await connection.open(path: path, busyTimeout: busyTimeout, context)
    }

    public func prepare(table: String) async throws {
        try await connection.prepare(table: table)
    }

    public func insert(_ rows: [Row], into table: String) async throws {
        try await connection.insert(rows, into: table)
    }

    public func sessions(in table: String, limit: Int) async throws -> [Row.SessionSummary] {
        try await connection.read(path) { try await $0.sessions(in: table, limit: limit) }
    }

    public func rows(ofSession id: String, in table: String, limit: Int) async throws -> [Row] {
        try await connection.read(path) { try await $0.rows(ofSession: id, in: table, limit: limit) }
    }

    public func row(_ id: UniqueID, ofSession session: String, in table: String) async throws -> Row? {
        if let error = health.error { throw error }
        return try await connection.read(path) { try await $0.row(id, ofSession: session, in: table) }
    }

    public func tokensUsed(by user: Row.User, since time: Timestamp, in table: String) async throws -> Int {
        try await connection.read(path) { try await $0.tokensUsed(by: user, since: time, in: table) }
    }

    public func delete(_ ids: [UniqueID], from table: String) async throws {
        try await connection.delete(ids, from: table)
    }

    public func problems(of table: String) async throws -> [String] {
        try await connection.write { try SQLiteSchema(table: table).problems(in: $0) }
    }

    public func advice(on table: String) async throws -> [String] {
        try await connection.write { try SQLiteSchema(table: table).advice(in: $0) }
    }

    public func migration(for table: String) -> String { SQLiteSchema(table: table).migration }

    public func migrate(_ table: String) async throws {
        try await connection.write { try SQLiteSchema(table: table).prepare($0) }
    }

    public func close() async {
        await connection.close()
    }
}

extension SQLite: FileStore {
    package var missingFile: String? {
        FileObstacle.isThere(path) ? nil : FileObstacle.whole(path)
    }
}

extension SQLite: Guaranteeing {
    public var guarantees: [Guarantee] {
        [
            Guarantee(
                "a stored row", "a row counts as stored once it is synced to the disk of this machine, in \(path)",
                .unranked,
                otherwise: ""
            ).comparedWherePromised
        ]
    }
}

/// An address, as SQLAlchemy and others have it, would be a file of that name.
private let pathProblem: @Sendable (String) -> String? = { path in
    path.hasPrefix("sqlite:") || path.hasPrefix("sqlite+")
        ? "must be a path such as data/stagecoach.db, without 'sqlite:///' before it" : nil
}

extension SQLite: CountingStore {
    package func sessionCount(in table: String) async throws -> Int {
        try await connection.read(path) { try await $0.count(in: table) }
    }

    package func rowCount(ofSession id: String, in table: String) async throws -> Int {
        try await connection.read(path) { try await $0.count(ofSession: id, in: table) }
    }
}
