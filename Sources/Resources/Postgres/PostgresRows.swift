import Pipeline

/// Reads and writes the rows of a table.
struct PostgresRows {
    private let name: String
    private let table: String
    private let unreadable: UnreadableRows?

    init(_ name: String, noting unreadable: UnreadableRows? = nil) {
        self.name = name
        table = PostgresSchema(table: name).identifier
        self.unreadable = unreadable
    }

    /// Stores rows in their order: as many as ``takeSome(_:)`` gives.
    func insert(_ some: ArraySlice<Row>, with session: PostgresSession) throws(PostgresFailure) {
        if some.count >= PostgresRows.copied, try isCopied(some, with: session) { return }
        _ = try session.run(some.contains(where: \.mayComeAgain) ? replacement : insertion, parameters(of: some))
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
            var count = 0
            for row in rest.prefix(100) where text.bytes.count < PostgresRows.piece {
                count += 1
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
            rest = rest.dropFirst(count)
            return text.bytes
        }
    }

    /// How many bytes are sent at once, a row more or less.
    private static let piece = 4 << 20

    private static let columns =
        "id, session_id, prompt, response, tokens_used, metadata, username, user_id, created_at"

    /// Takes the first of many rows, as many as one statement takes well.
    static func takeSome(_ rows: inout ArraySlice<Row>) -> ArraySlice<Row> {
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

    func sessions(limit: Int, with session: PostgresSession) throws(PostgresFailure) -> [Row.SessionSummary] {
        let result = try session.run(
            """
            SELECT session_id, max(username), count(*), \(time("max(created_at)")) FROM \(table)
            WHERE isfinite(created_at) AND session_id IS NOT NULL AND prompt IS NOT NULL AND response IS NOT NULL
            GROUP BY session_id ORDER BY max(created_at) DESC, session_id COLLATE "C" LIMIT $1::bigint
            """, [number(limit)])
        var sessions: [Row.SessionSummary] = []
        for row in 0..<result.count {
            sessions.append(
                Row.SessionSummary(
                    id: result.text(row, 0) ?? "", username: result.text(row, 1) ?? "",
                    messages: result.text(row, 2).flatMap { Int($0) } ?? 0, lastMessageAt: result.text(row, 3) ?? ""))
        }
        return sessions
    }

    /// How many conversations there are, or messages of one.
    func count(ofSession id: String? = nil, with session: PostgresSession) throws(PostgresFailure) -> Int {
        let readable = """
            isfinite(created_at) AND session_id IS NOT NULL AND prompt IS NOT NULL AND response IS NOT NULL
            """
        let result =
            if let id {
                try session.run(
                    "SELECT count(*) FROM \(table) WHERE \(readable) AND session_id = $1::text", [Array(id.utf8)])
            } else {
                try session.run("SELECT count(DISTINCT session_id) FROM \(table) WHERE \(readable)", [])
            }
        return result.text(0, 0).flatMap { Int($0) } ?? 0
    }

    func rows(ofSession id: String, limit: Int, with session: PostgresSession) throws(PostgresFailure) -> [Row] {
        var rows: [Row] = []
        var read = 0
        // What can't be read makes room for the next. Each look is for as many as all before it together: there may be
        // very many.
        while rows.count < limit {
            let wanted = max(limit - rows.count, read)
            let result = try session.run(
                """
                SELECT \(columnsRead)
                FROM \(table) WHERE session_id = $1::text
                ORDER BY created_at DESC NULLS LAST, id DESC LIMIT $2::bigint OFFSET $3::bigint
                """, [Array(id.utf8), number(wanted), number(read)])
            for index in 0..<result.count {
                if let row = row(index, of: result, session: id) { rows.append(row) }
            }
            if result.count < wanted { break }
            read += result.count
        }
        return rows.prefix(max(0, limit)).reversed()
    }

    func row(
        _ id: UniqueID, ofSession session: String, with server: PostgresSession
    ) throws(PostgresFailure) -> Row? {
        let result = try server.run(
            "SELECT \(columnsRead) FROM \(table) WHERE id = $1::uuid AND session_id = $2::text",
            [Array(id.description.utf8), Array(session.utf8)])
        return result.count > 0 ? row(0, of: result, session: session) : nil
    }

    private var columnsRead: String {
        "id, prompt, response, tokens_used, metadata, username, user_id, \(time("created_at"))"
    }

    /// A row that another program wrote without a time, or with something in its place, is left out.
    private func row(_ index: Int, of result: borrowing PostgresResult, session: String) -> Row? {
        var texts: [String?] = []
        for column in 0..<8 { texts.append(result.text(index, column)) }
        let tokens = texts[3].flatMap(wholeNumber)
        let createdAt = texts[7].flatMap { Timestamp($0) }
        guard let id = texts[0], let prompt = texts[1], let response = texts[2], texts[3] == nil || tokens != nil,
            let createdAt
        else {
            let names = ["id", "prompt", "response", "tokens_used"]
            let column =
                names.indices.first { $0 < 3 ? texts[$0] == nil : texts[$0] != nil && tokens == nil }.map { names[$0] }
            let found = column == "tokens_used" ? "another number" : column == nil ? "no ordinary time" : "NULL"
            unreadable?.note(name, id: texts[0], column: column ?? "created_at", found: found)
            return nil
        }
        return Row(
            storedID: id, sessionID: session, prompt: prompt, response: response, tokensUsed: tokens,
            metadata: texts[4], username: texts[5] ?? "WebUser", userID: texts[6], createdAt: createdAt)
    }

    func tokensUsed(
        by user: Row.User, since time: Timestamp, with session: PostgresSession
    ) throws(PostgresFailure) -> Int {
        let (whose, value) =
            user.userID.map { ("user_id = $1::text", $0) } ?? ("user_id IS NULL AND username = $1::text", user.username)
        // A column of the type numeric may hold NaN, which is greater than any number, and more than a number has here.
        let result = try session.run(
            """
            SELECT least(trunc(coalesce(sum(tokens_used::numeric)
                FILTER (WHERE tokens_used::numeric BETWEEN 0 AND \(Int.max)), 0)), \(Int.max))
            FROM \(table) WHERE \(whose) AND created_at >= $2::timestamptz
            """, [Array(value.utf8), Array(time.description.utf8)])
        return result.text(0, 0).flatMap { Int($0) } ?? 0
    }

    func delete(_ ids: [UniqueID], with session: PostgresSession) throws(PostgresFailure) {
        var array = PostgresArray()
        for id in ids { array.append(id.description) }
        _ = try session.run("DELETE FROM \(table) WHERE id = ANY ($1::uuid[])", [array.finished()])
    }

    /// Stores a row and takes it back, to see whether the server takes any.
    ///
    /// - Throws: ``PostgresFailure``, but for one that is that row's.
    func tryInsert(with session: PostgresSession) throws(PostgresFailure) {
        let now = Timestamp.now
        let row = Row(
            id: .timeOrdered(at: now), sessionID: UniqueID.random().description, prompt: "Is anyone there?",
            response: "Yes.", username: "WebUser", createdAt: now)
        _ = try session.run("BEGIN")
        do throws(PostgresFailure) {
            _ = try session.run(insertion, parameters(of: [row]))
        } catch {
            // The first failure is the one that matters.
            _ = try? session.run("ROLLBACK")
            if error.isOfTheRows { return }
            throw error
        }
        _ = try session.run("ROLLBACK")
    }

    private var insertion: String { "\(insertion("ORDER BY place")) ON CONFLICT (id) DO NOTHING" }

    /// What is stored of a part of an answer gives way. A statement can't change a row twice, so of rows with the same id
    /// the last counts, as for who is told of the answer.
    private var replacement: String {
        let replaced = PostgresRows.columns.split(separator: ", ").dropFirst().map { "\($0) = excluded.\($0)" }
        return """
            \(insertion("ORDER BY id, place DESC", distinct: "DISTINCT ON (id)"))
            ON CONFLICT (id) DO UPDATE SET \(replaced.joined(separator: ", "))
            WHERE stored.metadata::jsonb -> 'partial' = 'true'::jsonb
            """
    }

    private func insertion(_ order: String, distinct: String = "") -> String {
        let columns = PostgresRows.columns
        return """
            INSERT INTO \(table) AS stored (\(columns))
            SELECT \(distinct) id, session_id, prompt, response, tokens_used, metadata::jsonb, username, user_id,
              created_at
            FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[],
              $8::text[], $9::timestamptz[]) WITH ORDINALITY AS new (\(columns), place)
            \(order)
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

    /// Independent of the session's style. The session's time zone is UTC, and so are times without one.
    private func time(_ expression: String) -> String {
        "to_char(\(expression), 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    }

    private func number(_ number: Int) -> [UInt8] {
        Array("\(max(0, number))".utf8)
    }
}
