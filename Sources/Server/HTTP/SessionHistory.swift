import NIOHTTP1
import Pipeline

/// `GET /sessions/{id}`: a session's rows as a JSON array, the oldest first.
struct SessionHistory: Sendable {
    let id: String
    let limit: Int
    /// Whose rows are shown; everybody's where nobody is authenticated.
    let credential: ClientCredential?
    /// What has looked at the credential.
    let authenticator: Authenticator?
    let pipelines: [ServedPipeline]

    /// How many rows are shown at most, the last ones.
    static let maxRows = 1_000

    /// How many bytes of rows are shown at most, the last ones: each may have more than a megabyte.
    private static let maxBytes = 8 << 20

    /// How long it may take, waiting for its turn included: about as long as a client waits for an answer.
    private static let patience: Duration = .seconds(10)

    /// Reads the rows. Another user's session looks like one that isn't there.
    ///
    /// - Parameter isWanted: Whether the client is still there.
    func answer(within budget: HistoryBudget, while isWanted: @escaping @Sendable () -> Bool) async -> HTTPAnswer {
        do {
            return try await withTimeout(
                SessionHistory.patience, orThrow: PipelineError.databaseUnavailable("no answer in time")
            ) {
                try await budget.read(while: isWanted) { try await read(within: budget) }
                    ?? HTTPAnswer(.unavailable("too many stored sessions are asked for at once; try again"))
            }
        } catch {
            return HTTPAnswer(.unavailable("the database does not answer"))
        }
    }

    private func read(within budget: HistoryBudget) async throws -> HTTPAnswer {
        let rows = try await lastRows()
        let userID = credential?.identity.userID
        let own = rows.filter { userID == nil || $0.userID.isExactly(userID) }
        guard !own.isEmpty else { return HTTPAnswer(HTTPRejection(.notFound, "there is no such session")) }
        var (shown, bytes): ([String], Int) = ([], 0)
        for row in own.reversed() {
            let text = row.json(metadata: SessionHistory.json(row.metadata))
            bytes += text.utf8.count + 1
            if bytes > SessionHistory.maxBytes, !shown.isEmpty { break }
            shown.append(text)
        }
        guard let reservation = budget.take(min(bytes, SessionHistory.maxBytes)) else {
            return HTTPAnswer(.unavailable("too many stored sessions wait for their readers; try again"))
        }
        var answer = HTTPAnswer(.ok, "application/json", body: "[\(shown.reversed().joined(separator: ","))]\n")
        answer.reservation = reservation
        if shown.count < own.count { answer.headers.add(name: "stagecoach-older-rows", value: "left out") }
        return answer
    }

    /// The last rows, up to the limit. A few are asked for first, then as many as should fit, so that of long ones little
    /// more is read than is shown.
    private func lastRows() async throws -> [Row] {
        var number = min(16, limit)
        while true {
            let rows = try await StoredSessions.rows(of: id, in: pipelines, limit: number)
            let bytes = rows.reduce(0) { sum, row in
                sum + row.prompt.utf8.count + row.response.utf8.count + (row.metadata?.utf8.count ?? 0)
            }
            if number == limit || rows.count < number || bytes >= SessionHistory.maxBytes { return rows }
            number = min(limit, max(number * 2, number * (SessionHistory.maxBytes / max(1, bytes))))
        }
    }

    /// Metadata as it is, where it is JSON; as a string where another program stored something else.
    private static func json(_ metadata: String?) -> String {
        guard let metadata else { return "null" }
        return JSONValue(json: metadata) == nil ? JSONValue.string(metadata).json : metadata
    }
}
