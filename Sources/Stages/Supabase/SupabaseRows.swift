import FoundationEssentials
import Pipeline

/// Reads and writes the rows of a table.
struct SupabaseRows {
    private struct Stored: Decodable {
        let id: String
        let session_id: String
        let prompt: String
        let response: String
        let tokens_used: Int?
        let metadata: String?
        let username: String?
        let user_id: String?
        let created_at: String?
    }

    private static let columns =
        "id,session_id,prompt,response,tokens_used,metadata::text,username,user_id,created_at"
    /// Supabase gives no more rows at once unless a project says so.
    private static let page = 1_000
    /// Far below what gateways take.
    private static let bodySize = 4 << 20

    private let table: String
    private let api: SupabaseAPI

    init(_ table: String, _ api: SupabaseAPI) {
        self.table = table
        self.api = api
    }

    /// Stores rows in their order, as many at a time as one call takes well.
    func insert(_ rows: [Row]) async throws(SupabaseFailure) {
        var start = 0
        while start < rows.count {
            var end = start
            var size = 0
            while end < rows.count, end - start < SupabaseRows.page, end == start || size < SupabaseRows.bodySize {
                size += rows[end].prompt.utf8.count + rows[end].response.utf8.count
                size += rows[end].metadata?.utf8.count ?? 0
                end += 1
            }
            try await insert(rows[start..<end])
            start = end
        }
    }

    private func insert(_ rows: ArraySlice<Row>) async throws(SupabaseFailure) {
        var objects: [String] = []
        for row in rows { objects.append(try json(row)) }
        do {
            try await api.insert("[\(objects.joined(separator: ","))]", into: table)
        } catch {
            // A gateway that drops `Prefer` lets ids collide: what is there already is stored.
            if error.isKnownID, rows.count == 1 { return }
            guard rows.count > 1, error.isKnownID || error.status == 413 else { throw error }
            let half = rows.startIndex + rows.count / 2
            try await insert(rows[..<half])
            try await insert(rows[half...])
        }
    }

    /// The last rows of a conversation, the first of them first.
    func rows(ofSession id: String, limit: Int) async throws(SupabaseFailure) -> [Row] {
        var rows: [Row] = []
        while rows.count < limit {
            let wanted = min(limit - rows.count, SupabaseRows.page)
            let stored = try await api.select(
                Stored.self, from: table,
                [
                    ("select", SupabaseRows.columns), ("session_id", "eq.\(id)"), ("order", "created_at.desc,id.desc"),
                    ("limit", "\(wanted)"), ("offset", "\(rows.count)"),
                ])
            rows += stored.compactMap(row)
            // A project may allow fewer rows at once than were asked for, but hardly fewer than a hundred.
            if stored.isEmpty || (stored.count < wanted && wanted <= 100) { break }
        }
        return rows.reversed()
    }

    /// A project allows no sums by default, so the numbers are read and added up.
    func tokensUsed(by user: StoredUser, since time: Timestamp) async throws(SupabaseFailure) -> Int {
        struct Count: Decodable { let tokens_used: Int? }
        var query = [
            ("select", "tokens_used"), ("created_at", "gte.\(time)"), ("order", "id"), ("tokens_used", "gt.0"),
        ]
        if let userID = user.userID {
            query.append(("user_id", "eq.\(userID)"))
        } else {
            query += [("user_id", "is.null"), ("username", "eq.\(user.username)")]
        }
        var (total, read) = (0, 0)
        while true {
            let page = [("limit", "\(SupabaseRows.page)"), ("offset", "\(read)")]
            let counts = try await api.select(Count.self, from: table, query + page)
            if counts.isEmpty { return total }
            total += counts.reduce(0) { $0 + ($1.tokens_used ?? 0) }
            read += counts.count
        }
    }

    func delete(_ ids: [UniqueID]) async throws(SupabaseFailure) {
        for start in stride(from: 0, to: ids.count, by: 100) {
            let some = ids[start..<min(start + 100, ids.count)].map(\.description).joined(separator: ",")
            try await api.delete(from: table, [("id", "in.(\(some))")])
        }
    }

    /// A row that another program wrote without a time is left out.
    private func row(_ stored: Stored) -> Row? {
        guard let id = UniqueID(stored.id), let createdAt = stored.created_at.flatMap(Timestamp.init(rfc3339:)) else {
            return nil
        }
        return Row(
            id: id, sessionID: stored.session_id, prompt: stored.prompt, response: stored.response,
            tokensUsed: stored.tokens_used, metadata: stored.metadata, username: stored.username ?? "WebUser",
            userID: stored.user_id, createdAt: createdAt)
    }

    private func json(_ row: Row) throws(SupabaseFailure) -> String {
        row.json(metadata: try metadata(of: row))
    }

    /// The JSON as it is, once it is known to be JSON: anything else would reach into the row beside it.
    private func metadata(of row: Row) throws(SupabaseFailure) -> String {
        guard let text = row.metadata else { return "null" }
        let json = jsonForPostgres(text)
        guard JSONValue(json: json) != nil else {
            throw .badRow("the metadata is not JSON")
        }
        return json
    }
}
