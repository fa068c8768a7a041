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
        let own = rows.filter { userID == nil || $0.userID == userID }
        guard !own.isEmpty else { return HTTPAnswer(HTTPRejection(.notFound, "there is no such session")) }
        return HTTPAnswer(
            .ok, "application/json", body: "[\(own.map(SessionHistory.json).joined(separator: ","))]\n")
    }

    private static func json(_ row: Row) -> String {
        var object = JSONText()
        object.add("id", row.id.description)
        object.add("session_id", row.sessionID)
        object.add("prompt", row.prompt)
        object.add("response", row.response)
        object.add("tokens_used", raw: row.tokensUsed.map(String.init) ?? "null")
        object.add("metadata", raw: row.metadata ?? "null")
        object.add("username", row.username)
        object.add("user_id", raw: row.userID.map(JSONText.quoted) ?? "null")
        object.add("created_at", row.createdAt.description)
        return object.finished
    }
}
