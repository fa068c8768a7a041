public import Pipeline

/// Supabase, by its REST API (PostgREST): PostgreSQL for programs that have a project's address and key and nothing else.
///
/// It takes the project's `anon` key as well as its `service_role` key; what each may do is up to the project's policies.
public struct Supabase: RowStore {
    public static let name = "supabase"
    public static let summary = "Supabase by its REST API; 'stagecoach migrate --print' gives the SQL for its editor."
    public static let example = """
        supabase: {url: "${SUPABASE_URL:-}", key: "${SUPABASE_KEY:-}"}
        """

    /// The project's address.
    @Setting("The project's address: https://PROJECT.supabase.co; without one it fails.", problem: addressProblem)
    public var url = ""

    /// The project's key.
    @Setting("The project's anon or service_role key; without one it fails.") public var key = Secret("")

    /// How long a call may take.
    @Setting("How long a call may take before it is given up.", problem: timeoutProblem)
    public var timeout: Duration = .seconds(5)

    @State private var connection = SupabaseConnection()

    public init() {}

    /// A project by its address and key.
    public init(url: String, key: Secret, timeout: Duration = .seconds(5)) {
        self.url = url
        self.key = key
        self.timeout = timeout
    }

    /// Also begins to ask how the project is, where that is not known of the last second.
    public var health: Health { connection.health }

    public var isHealthFresh: Bool { connection.isHealthFresh }

    public func refreshHealth() async { await connection.refreshHealth() }

    public var longestRefresh: Duration { SupabaseConnection.patience }

    public var longestInsert: Duration? { timeout }

    public func open(_ context: ResourceContext) async throws {
        await connection.open(project, context)
    }

    public func prepare(table: String) async throws {
        try await connection.prepare(table: table)
    }

    public func insert(_ rows: [Row], into table: String) async throws {
        try await connection.insert(rows, into: table)
    }

    public func sessions(in table: String, limit: Int) async throws -> [Row.SessionSummary] {
        try await connection.run(project) { try await SupabaseSessions(table, $0).latest(limit) }
    }

    public func rows(ofSession id: String, in table: String, limit: Int) async throws -> [Row] {
        try await connection.run(project) { [connection] in
            try await SupabaseRows(table, $0, noting: connection.unreadable).rows(ofSession: id, limit: limit)
        }
    }

    public func row(_ id: UniqueID, ofSession session: String, in table: String) async throws -> Row? {
        try await connection.run(project) { [connection] in
            try await SupabaseRows(table, $0, noting: connection.unreadable).row(id, ofSession: session)
        }
    }

    public func tokensUsed(by user: Row.User, since time: Timestamp, in table: String) async throws -> Int {
        try await connection.run(project) { try await SupabaseRows(table, $0).tokensUsed(by: user, since: time) }
    }

    public func delete(_ ids: [UniqueID], from table: String) async throws {
        try await connection.run(project) { try await SupabaseRows(table, $0).delete(ids) }
    }

    public func problems(of table: String) async throws -> [String] {
        try await connection.run(project) { try await SupabaseTable(table, $0).problems() }
    }

    public func advice(on table: String) async throws -> [String] {
        try await connection.run(project) { try await SupabaseTable(table, $0).advice() }
    }

    public func migration(for table: String) -> String { SupabaseTable.migration(for: table) }

    public func migrate(_ table: String) async throws {
        throw TableProblem.MigrationUnsupported(
            "Supabase's REST API runs no SQL: run what 'stagecoach migrate PIPELINE --print' prints in the SQL editor "
                + "of the project's dashboard")
    }

    public func close() async {
        await connection.close()
    }

    private var project: SupabaseProject {
        // Files and shells leave line ends.
        SupabaseProject(url: url.trimmed, key: Secret(key.revealed.trimmed), timeout: timeout)
    }
}

/// Where a project is and how it is called.
struct SupabaseProject: Sendable {
    let url: String
    let key: Secret
    let timeout: Duration

    /// The address that the dashboard shows, or the REST API's own.
    var address: String {
        let text = url.hasSuffix("/") ? String(url.dropLast()) : url
        return text.hasSuffix("/rest/v1") ? text : text + "/rest/v1"
    }

    /// What is missing before anything can be called.
    var problem: String? {
        if url.isEmpty { return "the project's address is empty; set 'url', by SUPABASE_URL in .env for example" }
        if key.isEmpty { return "the project's key is empty; set 'key', by SUPABASE_KEY in .env for example" }
        return nil
    }
}

private let addressProblem: @Sendable (String) -> String? = { text in
    text.trimmed.isEmpty || WebURL(text.trimmed) != nil ? nil : "must be an address such as https://PROJECT.supabase.co"
}

private let timeoutProblem: @Sendable (Duration) -> String? = { timeout in
    timeout > .zero ? nil : "must be more than 0"
}

extension Supabase: Guaranteeing {
    public var guarantees: [Guarantee] {
        [
            Guarantee(
                "a stored row", "a row counts as stored once the server says so", .unranked,
                otherwise: ""
            ).comparedWherePromised
        ]
    }
}
