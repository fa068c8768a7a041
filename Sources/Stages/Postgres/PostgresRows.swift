import Pipeline

/// Reads and writes the rows of a table.
struct PostgresRows {
    private let table: String

    init(_ table: String) {
        self.table = PostgresSchema(table: table).identifier
    }

    /// Stores rows in their order.
    func insert(_ rows: [Row], with session: PostgresSession) throws(PostgresFailure) {
        var rest = rows[...]
        while !rest.isEmpty {
            let some = takeSome(&rest)
            if some.count >= PostgresRows.copied, try isCopied(some, with: session) { continue }
            _ = try session.run(insertion, parameters(of: some))
        }
    }

    /// From how many rows on `COPY` takes less of the server's time than a statement that can pass over ids it has.
    private static let copied = 20

    /// False for an id that is there already (23505), which `INSERT` passes over, and for a table that takes no `COPY`
    /// (0A000), as one with row-level security.
    private func isCopied(
        _ rows: ArraySlice<Row>, with session: PostgresSession
    ) throws(PostgresFailure) -> Bool {
        do throws(PostgresFailure) {
            try copy(rows, with: session)
            return true
        } catch {
            guard [.statement("23505"), .statement("0A000")].contains(error.kind) else { throw error }
            return false
        }
    }

    private func copy(_ rows: ArraySlice<Row>, with session: PostgresSession) throws(PostgresFailure) {
        var rest = rows
        try session.copy("COPY \(table) (\(PostgresRows.columns)) FROM STDIN") {
            guard !rest.isEmpty else { return nil }
            var text = PostgresCopy()
            // The server works on one piece while the next is written.
            for row in rest.prefix(100) {
                text.append(row.id.description)
                text.append(row.sessionID)
                text.append(row.prompt)
                text.append(row.response)
                text.append(row.tokensUsed.map(String.init))
                text.append(row.metadata.map(jsonForPostgres))
                text.append(row.username)
                text.append(row.userID)
                text.append(row.createdAt.description)
                text.endLine()
            }
            rest = rest.dropFirst(100)
            return text.bytes
        }
    }

    private static let columns =
        "id, session_id, prompt, response, tokens_used, metadata, username, user_id, created_at"

    private func takeSome(_ rows: inout ArraySlice<Row>) -> ArraySlice<Row> {
        var end = rows.startIndex
        var size = 0
        while end < rows.endIndex, end - rows.startIndex < 1_000, size < 8 << 20 {
            size += rows[end].prompt.utf8.count + rows[end].response.utf8.count
            size += rows[end].metadata?.utf8.count ?? 0
            end += 1
        }
        defer { rows = rows[end...] }
        return rows[..<end]
    }

    func sessions(limit: Int, with session: PostgresSession) throws(PostgresFailure) -> [StoredSession] {
        let result = try session.run(
            """
            SELECT session_id, max(username), count(*), \(time("max(created_at)")) FROM \(table)
            GROUP BY session_id ORDER BY max(created_at) DESC NULLS LAST, session_id COLLATE "C" LIMIT $1::bigint
            """, [number(limit)])
        var sessions: [StoredSession] = []
        for row in 0..<result.count {
            sessions.append(
                StoredSession(
                    id: result.text(row, 0) ?? "", username: result.text(row, 1) ?? "",
                    messages: result.text(row, 2).flatMap { Int($0) } ?? 0, lastMessageAt: result.text(row, 3) ?? ""))
        }
        return sessions
    }

    func rows(ofSession id: String, limit: Int, with session: PostgresSession) throws(PostgresFailure) -> [Row] {
        let result = try session.run(
            """
            SELECT id, session_id, prompt, response, tokens_used, metadata, username, user_id, \(time("created_at"))
            FROM \(table) WHERE session_id = $1::text ORDER BY created_at DESC, id DESC LIMIT $2::bigint
            """, [Array(id.utf8), number(limit)])
        var rows: [Row] = []
        for row in (0..<result.count).reversed() {
            // A row that another program wrote without a time is left out.
            guard let id = result.text(row, 0).flatMap({ UniqueID($0) }),
                let createdAt = result.text(row, 8).flatMap({ Timestamp($0) })
            else { continue }
            rows.append(
                Row(
                    id: id, sessionID: result.text(row, 1) ?? "", prompt: result.text(row, 2) ?? "",
                    response: result.text(row, 3) ?? "", tokensUsed: result.text(row, 4).flatMap { Int($0) },
                    metadata: result.text(row, 5), username: result.text(row, 6) ?? "WebUser",
                    userID: result.text(row, 7), createdAt: createdAt))
        }
        return rows
    }

    func tokensUsed(
        by user: StoredUser, since time: Timestamp, with session: PostgresSession
    ) throws(PostgresFailure) -> Int {
        let (whose, value) =
            user.userID.map { ("user_id = $1::text", $0) } ?? ("user_id IS NULL AND username = $1::text", user.username)
        let result = try session.run(
            "SELECT coalesce(sum(tokens_used), 0) FROM \(table) WHERE \(whose) AND created_at >= $2::timestamptz",
            [Array(value.utf8), Array(time.description.utf8)])
        return result.text(0, 0).flatMap { Int($0) } ?? 0
    }

    func delete(_ ids: [UniqueID], with session: PostgresSession) throws(PostgresFailure) {
        var array = PostgresArray()
        for id in ids { array.append(id.description) }
        _ = try session.run("DELETE FROM \(table) WHERE id = ANY ($1::uuid[])", [array.finished()])
    }

    private var insertion: String {
        let columns = PostgresRows.columns
        return """
            INSERT INTO \(table) (\(columns))
            SELECT id, session_id, prompt, response, tokens_used, metadata::jsonb, username, user_id, created_at
            FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[],
              $8::text[], $9::timestamptz[]) WITH ORDINALITY AS new (\(columns), place)
            ORDER BY place ON CONFLICT (id) DO NOTHING
            """
    }

    private func parameters(of rows: ArraySlice<Row>) -> [[UInt8]?] {
        func array(_ value: (Row) -> String?) -> [UInt8] {
            var array = PostgresArray()
            for row in rows { array.append(value(row)) }
            return array.finished()
        }
        return [
            array(\.id.description), array(\.sessionID), array(\.prompt), array(\.response),
            array { $0.tokensUsed.map(String.init) }, array { $0.metadata.map(jsonForPostgres) },
            array(\.username), array(\.userID), array(\.createdAt.description),
        ]
    }

    /// Independent of the session's time zone and style.
    private func time(_ expression: String) -> String {
        "to_char(\(expression) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    }

    private func number(_ number: Int) -> [UInt8] {
        Array("\(max(0, number))".utf8)
    }
}
