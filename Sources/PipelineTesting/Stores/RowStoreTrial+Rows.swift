import Pipeline

/// What is stored comes back.
extension RowStoreTrial {
    mutating func storingTwiceStoresOnce() async throws {
        var row = row("once")
        try await store.insert([row, row], into: table)
        row.prompt = "twice"
        try await store.insert([row], into: table)
        expect(try await stored().map(\.prompt), is: ["once"], "the prompts")
    }

    mutating func orderOfASession() async throws {
        let rows = (1...50).map { row("\($0)", at: Int64($0 / 3 + 1)) }.sorted {
            ($0.createdAt, $0.id) < ($1.createdAt, $1.id)
        }
        try await store.insert(rows.reversed(), into: table)
        try await store.insert([row("another", session: "other")], into: table)
        expect(try await stored(), is: rows, "the rows by time and id")
    }

    mutating func unusualText() async throws {
        let rows = Self.unusualTexts.enumerated().map { index, text in
            var row = row(text, at: Int64(index + 1))
            (row.response, row.username, row.userID) = (text, text, text)
            return row
        }
        try await store.insert(rows, into: table)
        let read = try await stored()
        expect(read, is: rows, "the rows")
        // Strings are equal where they only look the same.
        expect(read.map { Array($0.prompt.utf8) }, is: rows.map { Array($0.prompt.utf8) }, "the prompts' bytes")
        for text in Self.unusualTexts where !text.isEmpty {
            let row = row("x", session: text)
            try await store.insert([row], into: table)
            let found = try await store.rows(ofSession: text, in: table, limit: 10)
            expect(found, is: [row], "the rows of the session '\(text)'")
        }
    }

    mutating func optionalColumns() async throws {
        var bare = row("bare", at: 1)
        (bare.tokensUsed, bare.metadata, bare.userID) = (nil, nil, nil)
        var full = row("full", at: 2)
        (full.tokensUsed, full.metadata, full.userID) = (2_147_483_647, "{}", "user")
        var zero = row("zero", at: 3)
        (zero.tokensUsed, zero.userID) = (0, "")
        zero.metadata = nil
        try await store.insert([bare, full, zero], into: table)
        expect(try await stored(), is: [bare, full, zero], "the rows")
    }

    mutating func metadata() async throws {
        let texts = [
            #"{"a":1,"b":[true,null,"\"x\\"],"c":{"d":1.5}}"#, #"{"é":"\u00e9\n😀","'":"{},\\"}"#, "[]", "\"text\"",
        ]
        let rows = texts.enumerated().map { index, text in
            var row = row("x", at: Int64(index + 1))
            row.metadata = text
            return row
        }
        try await store.insert(rows, into: table)
        let read = try await stored().map(\.metadata)
        expect(read.map { $0.flatMap(JSONValue.init(json:)) }, is: texts.map { JSONValue(json: $0) }, "the metadata")
    }

    mutating func times() async throws {
        let moments: [Int64] = [1, 999_999, 1_769_860_800_123_456, 1_769_860_800_123_457, 4_102_444_799_999_999]
        let rows = moments.map { row("x", at: $0) }
        try await store.insert(rows, into: table)
        expect(try await stored(), is: rows, "the rows")
        let last = try await store.sessions(in: table, limit: 1).map(\.lastMessageAt)
        expect(last, is: ["2099-12-31T23:59:59.999999Z"], "the session's last message")
    }

    mutating func deletion() async throws {
        let rows = (1...3).map { row("\($0)", at: Int64($0)) }
        try await store.insert(rows, into: table)
        try await store.delete([rows[0].id, rows[2].id, .random()], from: table)
        try await store.delete([], from: table)
        expect(try await stored(), is: [rows[1]], "what is left")
    }

    mutating func largeBatch() async throws {
        let rows = (1...2_500).map { row(String(repeating: "x", count: 1_000) + "\($0)", at: Int64($0)) }
        try await store.insert(rows, into: table)
        let read = try await stored(limit: 5_000)
        expect(read == rows, "of 2,500 rows \(read.count) came back, or not as they were")
    }

    mutating func knownRows() async throws {
        let rows = (1...60).map { row("\($0)", at: Int64($0)) }
        try await store.insert([rows[3], rows[50]], into: table)
        try await store.insert(rows, into: table)
        expect(try await stored(), is: rows, "the rows")
    }

    mutating func nothing() async throws {
        try await store.insert([], into: table)
        expect(try await store.sessions(in: table, limit: 10), is: [], "the sessions")
    }

    mutating func partialAnswers() async throws {
        func row(_ number: UInt64, _ response: String, _ metadata: String?) -> Row {
            let id = UniqueID(digest: (number, number))
            return Row(
                id: id, sessionID: "s", prompt: "p", response: response, tokensUsed: 7, metadata: metadata,
                username: "ada", createdAt: Timestamp(microseconds: Int64(number)))
        }
        let odd = [#"{"partial":false}"#, #"{"partial":"true"}"#, #"{"a":{"partial":true}}"#, "[]", nil]
        let kept = odd.enumerated().map { row(UInt64($0.offset + 10), "kept", $0.element) }
        let parts = [row(1, "p", #"{"partial":true}"#), row(2, "p", #"{"partial": true}"#)]
        try await store.insert(parts + kept, into: table)
        let other = (kept + [row(1, "", nil)]).map { former in
            var row = former
            (row.response, row.metadata) = ("whole", #"{"id":"x"}"#)
            return row
        }
        try await store.insert(other + [row(2, "more", #"{"partial":true}"#)], into: table)
        let read = try await stored()
        expect(
            read.map(\.response).dropFirst(2) == ["kept", "kept", "kept", "kept", "kept"],
            "a row that is no part was replaced: \(read.map(\.response))")
        expect(
            read.first?.response == "whole" && read.first?.metadata.map { $0.contains("partial") } == false,
            "a part did not give way to the whole answer: \(read.first.map { "\($0)" } ?? "no row")")
        // The whole answer stays, whatever comes.
        try await store.insert([row(1, "part", #"{"partial":true}"#), row(1, "again", nil)], into: table)
        let last = try await store.row(row(1, "", nil).id, ofSession: "s", in: table)?.response
        expect(last, is: "whole", "the answer after a part and another came under its id")
    }

    static let unusualTexts = [
        "", " ", "NULL", "null", "\"", "'", "\\", "\\\\\"", "{}", "{a,b}", "a,b", "\n\r\n\t", "😀👩‍👩‍👧", "é", "e\u{301}",
        "'; DROP TABLE requests; --", "$1", "%s", "\u{1}\u{7F}", "\u{FFFD}", "\\N", "\\u0000", "(1,2)", "ß\u{202E}x",
    ]
}
