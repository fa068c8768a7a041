public import Pipeline

/// PostgreSQL, by its own client library.
///
/// Each connection has a thread of its own and every statement a time limit, so that a server that accepts and never
/// answers holds up nothing else.
public struct Postgres: RowStore {
    public static let name = "postgres"
    public static let summary = "PostgreSQL: 'stagecoach migrate' makes the table, or the start with create: true."
    public static let example = """
        postgres: {url: "${DATABASE_URL:-postgres://localhost/chat}", create: true}
        """

    /// How to reach the server.
    @Setting(
        "The server as a connection string or URL: postgresql://user:password@host/database; without one it fails.")
    public var url = Secret("")

    /// Whether a table that is missing is made at start.
    @Setting("Make the table at start where it is missing.") public var create = false

    /// How many connections store rows; one more watches over the server.
    @Setting("How many connections store rows; one more checks the server.", in: 1...100)
    public var connections = 4

    /// How long a statement may take.
    @Setting("How long a statement may take before its connection is given up.", problem: timeoutProblem)
    public var timeout: Duration = .seconds(5)

    @State private var connection = PostgresConnection()

    public init() {}

    /// A server by its connection string or URL.
    public init(url: Secret, create: Bool = false, connections: Int = 4, timeout: Duration = .seconds(5)) {
        self.url = url
        self.create = create
        self.connections = connections
        self.timeout = timeout
    }

    public var health: Health { connection.health }

    public var longestInsert: Duration? { timeout }

    public func open(_ context: ResourceContext) async throws {
        await connection.open(settings, context)
    }

    public func prepare(table: String) async throws {
        try await connection.prepare(table: table)
    }

    public func insert(_ rows: [Row], into table: String) async throws {
        try await connection.insert(rows, into: table)
    }

    public func sessions(in table: String, limit: Int) async throws -> [Row.SessionSummary] {
        try await connection.run(settings) { try PostgresRows(table).sessions(limit: limit, with: $0) }
    }

    public func rows(ofSession id: String, in table: String, limit: Int) async throws -> [Row] {
        try await connection.run(settings) { [connection] in
            try PostgresRows(table, noting: connection.unreadable).rows(ofSession: id, limit: limit, with: $0)
        }
    }

    public func row(_ id: UniqueID, ofSession session: String, in table: String) async throws -> Row? {
        try await connection.run(settings) { [connection] in
            try PostgresRows(table, noting: connection.unreadable).row(id, ofSession: session, with: $0)
        }
    }

    public func tokensUsed(by user: Row.User, since time: Timestamp, in table: String) async throws -> Int {
        try await connection.run(settings) { try PostgresRows(table).tokensUsed(by: user, since: time, with: $0) }
    }

    public func delete(_ ids: [UniqueID], from table: String) async throws {
        try await connection.run(settings) { try PostgresRows(table).delete(ids, with: $0) }
    }

    public func problems(of table: String) async throws -> [String] {
        try await connection.run(settings) { try PostgresSchema(table: table).problems(in: $0) }
    }

    public func advice(on table: String) async throws -> [String] {
        try await connection.run(settings) { try PostgresAdvice(table: table).onTable(in: $0) }
    }

    public func serverAdvice() async throws -> [String] {
        try await connection.run(settings) { try PostgresAdvice.onServer(in: $0) }
    }

    public func migration(for table: String) -> String { PostgresSchema(table: table).migration }

    public func migrate(_ table: String) async throws {
        // A new index of a large table takes its time, and nobody else waits for this connection.
        let settings = settings.with(timeout: max(timeout, .seconds(600)))
        try await connection.runAlone(settings) { try PostgresSchema(table: table).migrate($0) }
    }

    public func close() async {
        await connection.close()
    }

    private var settings: PostgresSettings {
        PostgresSettings(
            address: PostgresAddress(url), creates: create, connections: connections, timeout: timeout)
    }
}

private let timeoutProblem: @Sendable (Duration) -> String? = { timeout in
    timeout > .zero ? nil : "must be more than 0"
}

extension Postgres: Guaranteeing {
    public var guarantees: [Guarantee] {
        [
            Guarantee(
                "a stored row", "a row counts as stored once the server says so", .unranked,
                otherwise: ""
            ).comparedWherePromised
        ]
    }
}

extension Postgres: CountingStore {
    package func sessionCount(in table: String) async throws -> Int {
        try await connection.run(settings) { try PostgresRows(table).count(with: $0) }
    }

    package func rowCount(ofSession id: String, in table: String) async throws -> Int {
        try await connection.run(settings) { try PostgresRows(table).count(ofSession: id, with: $0) }
    }
}
