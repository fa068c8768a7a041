import Pipeline

/// Lists the conversations of a table.
///
/// A project allows no aggregates by default, so the latest rows are read, those of conversations found left out of the
/// next page, and the messages of each counted.
struct SupabaseSessions {
    private struct Stored: Decodable {
        let session_id: String
        let username: String?
        let created_at: String
    }

    private static let page = 1_000
    private static let callsAtOnce = 8

    private let table: String
    private let api: SupabaseAPI

    init(_ table: String, _ api: SupabaseAPI) {
        self.table = table
        self.api = api
    }

    func latest(_ limit: Int) async throws -> [StoredSession] {
        var sessions: [StoredSession] = []
        var seen: Set<String> = []
        // Where the next page begins, and what it leaves out.
        var from: String?
        var leftOut: [String] = []
        while sessions.count < limit {
            var query = [
                ("select", "session_id,username,created_at"), ("created_at", from.map { "lte.\($0)" } ?? "not.is.null"),
                ("order", "created_at.desc,session_id"), ("limit", "\(SupabaseSessions.page)"),
            ]
            if !leftOut.isEmpty { query.append(("session_id", "not.in.(\(leftOut.joined(separator: ",")))")) }
            let rows = try await api.select(Stored.self, from: table, query)
            guard let last = rows.last else { break }
            let new = rows.filter { seen.insert($0.session_id).inserted }
            if new.isEmpty, last.created_at == from { break }
            sessions += new.map { row in
                StoredSession(
                    id: row.session_id, username: row.username ?? "", messages: 0,
                    lastMessageAt: Timestamp(rfc3339: row.created_at)?.description ?? row.created_at)
            }
            from = last.created_at
            leftOut = Set(rows.map(\.session_id)).prefix(100).map(SupabaseSessions.quoted)
        }
        return try await counted(Array(sessions.prefix(limit)))
    }

    private func counted(_ sessions: [StoredSession]) async throws -> [StoredSession] {
        var sessions = sessions
        for start in stride(from: 0, to: sessions.count, by: SupabaseSessions.callsAtOnce) {
            let some = start..<min(start + SupabaseSessions.callsAtOnce, sessions.count)
            try await withThrowingTaskGroup(of: (Int, Int).self) { group in
                for index in some {
                    let id = sessions[index].id
                    group.addTask {
                        (index, try await api.count(table, [("select", "id"), ("session_id", "eq.\(id)")]))
                    }
                }
                for try await (index, count) in group { sessions[index].messages = count }
            }
        }
        return sessions
    }

    /// A value in a list.
    private static func quoted(_ value: String) -> String {
        "\"" + value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
