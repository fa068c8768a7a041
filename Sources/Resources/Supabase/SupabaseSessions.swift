import Pipeline

/// Lists the conversations of a table.
///
/// A project allows no aggregates by default, so the latest rows are read, those of conversations found left out of the
/// next page, and the messages of each counted.
struct SupabaseSessions {
    private static let page = 1_000
    private static let callsAtOnce = 8

    private let table: String
    private let api: SupabaseAPI

    init(_ table: String, _ api: SupabaseAPI) {
        self.table = table
        self.api = api
    }

    func latest(_ limit: Int) async throws -> [Row.SessionSummary] {
        var sessions: [Row.SessionSummary] = []
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
            let rows = try await api.select(from: table, query)
            guard let last = rows.last?["created_at"]?.text else { break }
            let new = rows.compactMap(SupabaseSessions.session).filter { seen.insert($0.id).inserted }
            if new.isEmpty, last == from { break }
            sessions += new
            from = last
            leftOut = Set(rows.compactMap { $0["session_id"]?.text }).prefix(100).map(SupabaseSessions.quoted)
        }
        return try await counted(Array(sessions.prefix(max(0, limit))))
    }

    private static func session(_ row: [String: JSONValue]) -> Row.SessionSummary? {
        guard let id = row["session_id"]?.text, let time = row["created_at"]?.text,
            let last = Timestamp(iso8601: time)
        else { return nil }
        return Row.SessionSummary(
            id: id, username: row["username"]?.text ?? "", messages: 0, lastMessageAt: last.description)
    }

    private func counted(_ sessions: [Row.SessionSummary]) async throws -> [Row.SessionSummary] {
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
