/// The files of a new resource: itself, its test, and a pipeline that uses it.
struct ResourceTemplate: NewPart {
    /// What a new resource is.
    enum Kind: String, CaseIterable {
        case model
        case store
        case own
    }

    let name: PartName
    let kind: Kind

    let noun = "resource"

    var lists: [(list: HostList, type: String)] {
        kind == .own ? [(.resources, name.type), (.stages, reader)] : [(.resources, name.type)]
    }

    /// The stage that uses a resource of its own kind.
    private var reader: String { "\(name.type)Reader" }

    private var readerInFiles: String { "\(name.inFiles)_reader" }

    var source: String {
        switch kind {
        case .model: model
        case .store: store
        case .own: own
        }
    }

    private var model: String {
        """
        import Pipeline

        struct \(name.type): Model {
            static let name = "\(name.inFiles)"
            static let summary = "Answers every prompt with the same text."
            @Setting("What it answers.") var answer = "I don't know."

            func complete(_ request: CompletionRequest) async throws -> Completion {
                Completion(text: answer, tokensUsed: answer.split(separator: " ").count)
            }
        }
        """
    }

    private var store: String {
        """
        import Pipeline

        /// It forgets its rows when the host ends: put what keeps them into `\(name.type)Tables`.
        struct \(name.type): RowStore {
            static let name = "\(name.inFiles)"
            static let summary = "Keeps rows in memory."
            @State private var tables = \(name.type)Tables()

            func prepare(table: String) async throws {}

            func insert(_ rows: [Row], into table: String) async throws { await tables.insert(rows, into: table) }

            func sessions(in table: String, limit: Int) async throws -> [Row.SessionSummary] {
                let bySession = Dictionary(grouping: await tables.rows(of: table), by: \\.sessionID)
                let lasts = bySession.values.compactMap { rows in rows.max { $0.createdAt < $1.createdAt } }
                return lasts.sorted { $0.createdAt > $1.createdAt }.prefix(limit).map { last in
                    Row.SessionSummary(
                        id: last.sessionID, username: last.username, messages: bySession[last.sessionID]?.count ?? 0,
                        lastMessageAt: last.createdAt.description)
                }
            }

            func rows(ofSession id: String, in table: String, limit: Int) async throws -> [Row] {
                let rows = await tables.rows(of: table).filter { $0.sessionID.utf8.elementsEqual(id.utf8) }
                return rows.sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }.suffix(limit)
            }

            func tokensUsed(by user: Row.User, since time: Timestamp, in table: String) async throws -> Int {
                let name = user.userID ?? user.username
                return await tables.rows(of: table).filter { row in
                    // A name that nobody authenticated is not the user of that name.
                    row.createdAt >= time && (user.userID == nil) == (row.userID == nil)
                        && (row.userID ?? row.username).utf8.elementsEqual(name.utf8)
                }.reduce(0) { $0 + ($1.tokensUsed ?? 0) }
            }

            func delete(_ ids: [UniqueID], from table: String) async throws { await tables.delete(ids, from: table) }

            func problems(of table: String) async throws -> [String] { [] }

            func migration(for table: String) -> String { "" }

            func migrate(_ table: String) async throws {}
        }

        private actor \(name.type)Tables {
            private var tables: [String: [Row]] = [:]

            func rows(of table: String) -> [Row] { tables[table] ?? [] }

            /// Storing a row again changes nothing; but a part of an answer gives way to the whole.
            func insert(_ new: [Row], into table: String) {
                for row in new {
                    guard let index = rows(of: table).firstIndex(where: { $0.id == row.id }) else {
                        tables[table, default: []].append(row)
                        continue
                    }
                    let former = rows(of: table)[index]
                    if former.isPartial, former.mayComeAgain { tables[table]?[index] = row }
                }
            }

            func delete(_ ids: [UniqueID], from table: String) { tables[table]?.removeAll { ids.contains($0.id) } }
        }
        """
    }

    private var own: String {
        """
        import Pipeline

        /// What stages ask of it: a kind of resource of its own.
        protocol \(name.type)Kind: Resource {
            func meaning(of word: String) -> String?
        }

        struct \(name.type): \(name.type)Kind {
            static let name = "\(name.inFiles)"
            static let summary = "Knows what words mean."
            @Setting("The words, each with its meaning.") var words: [String: String] = ["swift": "fast"]

            func meaning(of word: String) -> String? { words[word.lowercased()] }
        }

        /// Puts the meaning of the prompt's words before it.
        struct \(reader): ImmediateStage {
            static let name = "\(readerInFiles)"
            static let summary = "Says what the words of the prompt mean."
            @Uses("Where the words are.") var words: any \(name.type)Kind
            var requires: Fields { [.prompt] }

            func run(_ message: inout Message) throws {
                let known = message.prompt.split(separator: " ").compactMap { word in
                    words.meaning(of: String(word)).map { "\\(word): \\($0)." }
                }
                message.prompt = (known + [message.prompt]).joined(separator: " ")
            }
        }
        """
    }

    func test(in host: String) -> String {
        """
        import Pipeline
        import PipelineTesting
        import Testing

        @testable import \(host)

        @Suite("\(name.inFiles)")
        struct \(name.type)Tests {
        \(tests)
        }
        """
    }

    private var tests: String {
        switch kind {
        case .model:
            """
                @Test("answers what its setting says")
                func answers() async throws {
                    let request = CompletionRequest(model: "any", turns: [.init(.user, "hello")], timeout: .seconds(1))
                    #expect(try await \(name.type)().complete(request).text == "I don't know.")
                }
            """
        case .store:
            """
                @Test("keeps to the rules of stores", arguments: RowStoreConformance.withoutSQL)
                func rules(_ rule: RowStoreConformance) async {
                    let findings = await rule.findings(of: \(name.type)())
                    #expect(findings == [])
                }
            """
        case .own:
            """
                @Test("is asked for the prompt's words")
                func words() async throws {
                    let stage = try StageTest(
                        "\(readerInFiles)", stages: [\(reader).self], resources: ["words": \(name.type)()])
                    #expect(try await stage.run("Swift tests").message.prompt == "Swift: fast. Swift tests")
                }

                @Test("keeps to the rules of stages")
                func rules() async {
                    #expect(
                        await StageConformance.findings(of: \(reader).self, resources: ["words": \(name.type)()]) == [])
                }
            """
        }
    }

    var pipeline: String {
        let resources =
            switch kind {
            case .model: "model: \(name.inFiles)"
            case .store: "model: echo\n  database: \(name.inFiles)"
            case .own: "model: echo\n  words: \(name.inFiles)"
            }
        let before = kind == .own ? "  - \(readerInFiles)\n" : ""
        let after = kind == .store ? "  - persist: {table: requests}\n    async: true\n" : ""
        let words =
            kind == .model ? "as its model" : "beside a model that needs no key: it answers with what it is asked"
        return """
            # '\(name.inFiles)' \(words).
            pipeline: \(name.ofPackage)

            resources:
              \(resources)

            stages:
              - receive: {path: /ws}
              - validate: {max_length: 8000}
            \(before)  - complete
            \(after)  - respond
            """
    }
}
