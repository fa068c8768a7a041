import HTTPClient
import Pipeline

/// Calls of one project's REST API.
struct SupabaseAPI: Sendable {
    private let client: HTTPClient
    private let project: SupabaseProject

    /// How long a call may take.
    var timeout: Duration { project.timeout }

    init(_ project: SupabaseProject) {
        client = HTTPClient()
        self.project = project
    }

    /// As the API, with another time limit for each call.
    func within(_ limit: Duration) -> SupabaseAPI {
        SupabaseAPI(
            client, SupabaseProject(url: project.url, key: project.key, timeout: min(limit, project.timeout)))
    }

    private init(_ client: HTTPClient, _ project: SupabaseProject) {
        self.client = client
        self.project = project
    }

    func shutdown() async {
        await client.shutdown()
    }

    /// Reads rows as JSON, whatever their columns hold.
    func select(
        from table: String, _ query: [(String, String)]
    ) async throws(SupabaseFailure) -> [[String: JSONValue]] {
        let response = try await call("GET", table, query)
        let rows = response.body.withUnsafeBytes { try? JSONReader.value(of: $0) }
        guard case .array(let rows)? = rows else {
            throw SupabaseFailure(said: "what the API answered are no rows: status \(response.status)")
        }
        return rows.map { row in
            if case .object(let columns) = row { columns } else { [:] }
        }
    }

    /// How many rows there are.
    func count(_ table: String, _ query: [(String, String)]) async throws(SupabaseFailure) -> Int {
        let response = try await call("GET", table, query + [("limit", "1")], prefer: "count=exact")
        // `0-0/25`, RFC 9110 section 14.4.
        guard let total = response.headers["Content-Range"]?.split(separator: "/").last.flatMap({ Int($0) }) else {
            throw SupabaseFailure(said: "the API gave no count")
        }
        return total
    }

    /// Stores a JSON array of rows, those left out whose id is there already.
    func insert(_ json: String, into table: String) async throws(SupabaseFailure) {
        _ = try await call(
            "POST", table, [("on_conflict", "id")], prefer: "resolution=ignore-duplicates,return=minimal",
            body: Array(json.utf8))
    }

    /// Changes the rows that a query finds.
    func update(_ table: String, _ query: [(String, String)], to json: String) async throws(SupabaseFailure) {
        _ = try await call("PATCH", table, query, prefer: "return=minimal", body: Array(json.utf8))
    }

    func delete(from table: String, _ query: [(String, String)]) async throws(SupabaseFailure) {
        _ = try await call("DELETE", table, query, prefer: "return=minimal")
    }

    /// Whether the API answers, by the smallest read there is.
    ///
    /// - Parameter mayBeMissing: Whether to hear that there is no such table is answer enough.
    func probe(_ table: String, mayBeMissing: Bool = false) async throws(SupabaseFailure) {
        do {
            _ = try await call("GET", table, [("select", "id"), ("limit", "1")])
        } catch {
            guard mayBeMissing, error.isOfTheTable else { throw error }
        }
    }

    private func call(
        _ method: String, _ table: String, _ query: [(String, String)], prefer: String? = nil, body: [UInt8] = []
    ) async throws(SupabaseFailure) -> HTTPResponse {
        if let problem = project.problem { throw SupabaseFailure(said: problem) }
        let pairs = query.map { "\($0)=\($1.percentEncoded)" }.joined(separator: "&")
        var request = HTTPRequest(method: method, url: "\(project.address)/\(table)?\(pairs)", body: body)
        request.headers = [
            ("apikey", project.key.revealed), ("Authorization", "Bearer \(project.key.revealed)"),
            ("Accept", "application/json"), ("Accept-Profile", "public"), ("Content-Profile", "public"),
            ("User-Agent", "stagecoach"),
        ]
        if !body.isEmpty { request.headers.append(("Content-Type", "application/json")) }
        if let prefer { request.headers.append(("Prefer", prefer)) }
        request.deadlines.total = project.timeout
        request.deadlines.connect = min(request.deadlines.connect, project.timeout)
        // A thousand rows of the largest size that a message and its answer have by default.
        request.bodyLimit = 256 << 20
        let response: HTTPResponse
        do {
            response = try await client.send(request)
        } catch {
            throw SupabaseFailure(error)
        }
        guard (200..<300).contains(response.status) else {
            throw SupabaseFailure(status: response.status, body: response.body, hiding: project.key)
        }
        return response
    }
}
