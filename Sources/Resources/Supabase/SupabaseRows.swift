import Pipeline

/// Reads and writes the rows of a table.
struct SupabaseRows {
    /// The count as text: as a number it may be larger than any that can be read.
    private static let columns =
        "id,session_id,prompt,response,tokens_used::text,metadata::text,username,user_id,created_at"
    /// Supabase gives no more rows at once unless a project says so.
    private static let page = 1_000
    /// Far below what gateways take.
    private static let bodySize = 4 << 20

    private let table: String
    private let api: SupabaseAPI
    private let unreadable: UnreadableRows?

    init(_ table: String, _ api: SupabaseAPI, noting unreadable: UnreadableRows? = nil) {
        self.table = table
        self.api = api
        self.unreadable = unreadable
    }

    /// Stores rows in their order, as many at a time as one call takes well. One row has the time of a call for all that it
    /// takes: somebody may wait for it.
    func insert(_ rows: [Row]) async throws(SupabaseFailure) {
        guard rows.count == 1, rows[0].mayComeAgain else { return try await insertEach(rows) }
        do {
            try await withTimeout(api.timeout, orThrow: SupabaseFailure.late) { try await insertEach(rows) }
        } catch let failure as SupabaseFailure {
            throw failure
        } catch {
            throw SupabaseFailure(said: "\(error)")
        }
    }

    private func insertEach(_ rows: [Row]) async throws(SupabaseFailure) {
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
            for row in rows[start..<end] where row.mayComeAgain { try await replacePart(with: row) }
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

    /// What is stored of a part of an answer gives way, as far as two calls can see to it: the API has no condition for a
    /// row that is there already.
    private func replacePart(with row: Row) async throws(SupabaseFailure) {
        guard !row.isPartial, try await self.row(row.id, ofSession: row.sessionID)?.isPartial == true else { return }
        try await api.update(table, [("id", "eq.\(row.id)")], to: try json(row))
    }

    /// The row with an id.
    func row(_ id: UniqueID, ofSession session: String) async throws(SupabaseFailure) -> Row? {
        let query = [("select", SupabaseRows.columns), ("id", "eq.\(id)"), ("session_id", "eq.\(session)")]
        return try await api.select(from: table, query).first.flatMap { row($0, ofSession: session) }
    }

    /// The last rows of a conversation, the first of them first.
    func rows(ofSession id: String, limit: Int) async throws(SupabaseFailure) -> [Row] {
        var rows: [Row] = []
        var read = 0
        while rows.count < limit {
            // Each look is for as many as all before it together: there may be very many that can't be read.
            let wanted = min(max(limit - rows.count, read), SupabaseRows.page)
            let stored = try await api.select(
                from: table,
                [
                    ("select", SupabaseRows.columns), ("session_id", "eq.\(id)"),
                    ("order", "created_at.desc.nullslast,id.desc"), ("limit", "\(wanted)"), ("offset", "\(read)"),
                ])
            rows += stored.compactMap { row($0, ofSession: id) }
            read += stored.count
            // A project may allow fewer rows at once than were asked for, but hardly fewer than a hundred.
            if stored.isEmpty || (stored.count < wanted && wanted <= 100) { break }
        }
        return rows.prefix(max(0, limit)).reversed()
    }

    /// A project allows no sums by default, so the numbers are read and added up.
    func tokensUsed(by user: Row.User, since time: Timestamp) async throws(SupabaseFailure) -> Int {
        var query = [
            ("select", "tokens_used::text"), ("created_at", "gte.\(time)"), ("order", "id"), ("tokens_used", "gt.0"),
        ]
        if let userID = user.userID {
            query.append(("user_id", "eq.\(userID)"))
        } else {
            query += [("user_id", "is.null"), ("username", "eq.\(user.username)")]
        }
        var (total, read) = (0, 0)
        while true {
            let page = [("limit", "\(SupabaseRows.page)"), ("offset", "\(read)")]
            let counts = try await api.select(from: table, query + page)
            if counts.isEmpty { return total }
            for count in counts {
                // A sum that is larger than any number is larger than any budget.
                let (sum, isTooLarge) = total.addingReportingOverflow(max(0, SupabaseRows.count(count) ?? 0))
                total = isTooLarge ? .max : sum
            }
            read += counts.count
        }
    }

    func delete(_ ids: [UniqueID]) async throws(SupabaseFailure) {
        for start in stride(from: 0, to: ids.count, by: 100) {
            let some = ids[start..<min(start + 100, ids.count)].map(\.description).joined(separator: ",")
            try await api.delete(from: table, [("id", "in.(\(some))")])
        }
    }

    /// A row that another program wrote without a time, or with something in its place, is left out.
    func row(_ stored: [String: JSONValue], ofSession session: String) -> Row? {
        let createdAt = stored["created_at"]?.text.flatMap { Timestamp(iso8601: $0) }
        guard let id = stored["id"]?.text, let prompt = stored["prompt"]?.text, let createdAt,
            let response = stored["response"]?.text,
            stored["tokens_used"] == .null || SupabaseRows.count(stored) != nil
        else {
            let isReadable: [(String, Bool)] = [
                ("id", stored["id"]?.text != nil), ("prompt", stored["prompt"]?.text != nil),
                ("response", stored["response"]?.text != nil), ("created_at", createdAt != nil),
            ]
            let column = isReadable.first { !$0.1 }?.0 ?? "tokens_used"
            let found = stored[column].map { $0 == .null ? "NULL" : "another value" } ?? "nothing"
            unreadable?.note(table, id: stored["id"]?.text, column: column, found: found)
            return nil
        }
        return Row(
            storedID: id, sessionID: session, prompt: prompt, response: response,
            tokensUsed: SupabaseRows.count(stored), metadata: stored["metadata"]?.text,
            username: stored["username"]?.text ?? "WebUser", userID: stored["user_id"]?.text, createdAt: createdAt)
    }

    private static func count(_ stored: [String: JSONValue]) -> Int? {
        stored["tokens_used"]?.text.flatMap(wholeNumber)
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
