public import Pipeline

/// The rules that every store of rows keeps, built-in ones and those of one's own.
///
/// ```swift
/// @Test("keeps to the rules of stores", arguments: RowStoreConformance.withoutSQL)
/// func rules(_ rule: RowStoreConformance) async {
///     let findings = await rule.findings(of: JSONLines(folder: newFolder()))
///     #expect(findings == [])
/// }
/// ```
public enum RowStoreConformance: String, CaseIterable, Sendable, CustomStringConvertible {
    case storingTwiceStoresOnce = "storing a row twice stores it once"
    case orderOfASession = "a conversation comes back in its order"
    case unusualText = "any text comes back byte for byte"
    case optionalColumns = "columns with and without a value"
    case metadata = "metadata comes back as the same JSON"
    case times = "times keep their microseconds"
    case sessions = "conversations are listed with the latest first"
    case limit = "a limit takes the last rows"
    case usage = "the tokens of a user are added up from a time on"
    case deletion = "rows are removed by their ids"
    case oneRow = "a row is found by its id and conversation"
    case partialAnswers = "a part of an answer gives way to what comes under its id, and nothing else does"
    case badRow = "a bad row fails alone"
    case largeBatch = "a batch of 2,500 rows is stored whole"
    case knownRows = "a batch with rows that are there already stores the others"
    case nothing = "an empty batch is stored, too"
    case missingTable = "a missing table is named or made"
    case missingColumn = "a missing column is named"
    case wrongType = "a column of another type is named"
    case migrationTwice = "the migration may run twice"
    case updatedAt = "a change moves updated_at"

    /// What a test is called with it.
    public var description: String { rawValue }

    /// The rules of a store that is no SQL database.
    public static var withoutSQL: [RowStoreConformance] {
        allCases.filter {
            ![.badRow, .missingTable, .missingColumn, .wrongType, .migrationTwice, .updatedAt].contains($0)
        }
    }

    /// A store as the rules see it: open, with a table of its own that nobody has made yet.
    public struct Subject: Sendable {
        let store: any RowStore
        let table: String
        let isTyped: Bool
        let makesTables: Bool
        let missesTables: Bool
        let execute: @Sendable (String) async throws -> Void

        /// - Parameters:
        ///   - isTyped: Whether the database refuses a value that is not of its column's type.
        ///   - makesTables: Whether preparing a table that is missing makes it.
        ///   - missesTables: Whether a table that is missing is a problem until then.
        ///   - execute: Runs SQL behind the store's back.
        public init(
            store: any RowStore, table: String, isTyped: Bool = true, makesTables: Bool = false,
            missesTables: Bool = true, execute: @escaping @Sendable (String) async throws -> Void
        ) {
            (self.store, self.table, self.isTyped, self.makesTables) = (store, table, isTyped, makesTables)
            (self.missesTables, self.execute) = (missesTables, execute)
        }

        /// By the store, or by hand where it can't.
        func migrate() async throws {
            do {
                try await store.migrate(table)
            } catch is TableProblem.MigrationUnsupported {
                try await execute(store.migration(for: table))
            }
        }
    }

    /// How a store does not keep the rule, each in a sentence; empty where it does. Opens the store, and closes it.
    ///
    /// - Parameters:
    ///   - store: A new one, without rows.
    ///   - table: The table that is used.
    public func findings(of store: some RowStore, table: String = "requests") async -> [String] {
        let subject = Subject(store: store, table: table, isTyped: false, makesTables: true, missesTables: false) { _ in
            throw TableProblem.MigrationUnsupported("this rule is for databases with SQL; see 'withoutSQL'")
        }
        do {
            try await store.open(ResourceContext(name: "store"))
            let findings = try await findings(of: subject)
            await store.close()
            return findings
        } catch {
            await store.close()
            return ["it fails: \(error)"]
        }
    }

    /// The same for a database that the test has opened.
    ///
    /// - Throws: What the store throws where the rule has it store or read.
    public func findings(of subject: Subject) async throws -> [String] {
        var trial = RowStoreTrial(subject: subject)
        if ![.missingTable, .migrationTwice].contains(self) {
            try await subject.migrate()
            try await subject.store.prepare(table: subject.table)
        }
        switch self {
        case .storingTwiceStoresOnce: try await trial.storingTwiceStoresOnce()
        case .orderOfASession: try await trial.orderOfASession()
        case .unusualText: try await trial.unusualText()
        case .optionalColumns: try await trial.optionalColumns()
        case .metadata: try await trial.metadata()
        case .times: try await trial.times()
        case .sessions: try await trial.sessions()
        case .limit: try await trial.limit()
        case .usage: try await trial.usage()
        case .deletion: try await trial.deletion()
        case .oneRow: try await trial.oneRow()
        case .partialAnswers: try await trial.partialAnswers()
        case .badRow: try await trial.badRow()
        case .largeBatch: try await trial.largeBatch()
        case .knownRows: try await trial.knownRows()
        case .nothing: try await trial.nothing()
        case .missingTable: try await trial.missingTable()
        case .missingColumn: try await trial.missingColumn()
        case .wrongType: try await trial.wrongType()
        case .migrationTwice: try await trial.migrationTwice()
        case .updatedAt: try await trial.updatedAt()
        }
        return trial.findings
    }

    /// A row to store.
    package static func row(_ prompt: String, session: String = "s", at microseconds: Int64 = 1) -> Row {
        let time = Timestamp(microseconds: microseconds)
        return Row(
            id: .timeOrdered(at: time), sessionID: session, prompt: prompt, response: "r", tokensUsed: 3,
            metadata: "{}", username: "ada", userID: nil, createdAt: time)
    }
}

/// A store on its way through a rule.
struct RowStoreTrial {
    let subject: RowStoreConformance.Subject
    private(set) var findings: [String] = []

    init(subject: RowStoreConformance.Subject) { self.subject = subject }

    var store: any RowStore { subject.store }

    var table: String { subject.table }

    func row(_ prompt: String, session: String = "s", at microseconds: Int64 = 1) -> Row {
        RowStoreConformance.row(prompt, session: session, at: microseconds)
    }

    /// The rows of the conversation that most rules are about.
    func stored(limit: Int = 100) async throws -> [Row] {
        try await store.rows(ofSession: "s", in: table, limit: limit)
    }

    mutating func expect(_ isSo: Bool, _ words: @autoclosure () -> String) {
        if !isSo { findings.append(words()) }
    }

    mutating func expect<Value: Equatable>(_ got: Value, is wanted: Value, _ what: String) {
        if got != wanted { findings.append("\(what): \(short(wanted)) was expected, not \(short(got))") }
    }

    /// 2,500 rows are no sentence.
    private func short(_ value: some Any) -> String {
        let text = "\(value)"
        return text.count > 400 ? "\(text.prefix(400))…" : text
    }
}
