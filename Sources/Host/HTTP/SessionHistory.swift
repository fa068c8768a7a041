import NIOHTTP1
import Pipeline

/// `GET /sessions/{id}`: a session's rows as a JSON array, the oldest first.
struct SessionHistory: Sendable {
    let id: String
    let limit: Int
    /// Whose rows are shown; everybody's where nobody is authenticated.
    let userID: String?
    let pipelines: [ServedPipeline]

    /// How many rows are shown at most, the last ones.
    static let most = 1_000

    /// Reads the rows. Another user's session looks like one that isn't there.
    func answer() async -> HTTPAnswer {
        let rows: [Row]
        do {
            rows = try await StoredSessions.rows(of: id, in: pipelines, limit: limit)
        } catch {
            return HTTPAnswer(.unavailable("the database does not answer"))
        }
        let own = rows.filter { userID == nil || $0.userID.isExactly(userID) }
        guard !own.isEmpty else { return HTTPAnswer(HTTPRejection(.notFound, "there is no such session")) }
        return HTTPAnswer(
            .ok, "application/json",
            body: "[\(own.map { $0.json(metadata: SessionHistory.json($0.metadata)) }.joined(separator: ","))]\n")
    }

    /// Metadata as it is, where it is JSON; as a string where another program stored something else.
    private static func json(_ metadata: String?) -> String {
        guard let metadata else { return "null" }
        return JSONValue(json: metadata) == nil ? JSONValue.string(metadata).json : metadata
    }
}
