/// A stage that stores answered messages as rows: `sessions`, `doctor`, `migrate`, `check --live` and the history of a
/// session look where it does.
///
/// ```swift
/// struct Keep: StoringStage {
///     static let name = "keep"
///     @Uses("Where the rows go.") var store: any RowStore
///     @Setting("The table's name.", problem: TableName.problem) var table = "requests"
///     var requires: Fields { [.prompt, .completion] }
///     func open(_ context: StageContext) async throws { try await store.prepare(table: table) }
///     func run(_ message: inout Message) async throws {
///         if let row = Row(message) { try await store.insert([row], into: table) }
///     }
/// }
/// ```
public protocol StoringStage: Stage {
    /// Where the rows go.
    var store: any RowStore { get }

    /// The table's name.
    var table: String { get }
}

extension StoringStage {
    /// What the file calls the store; empty where the stage has it from elsewhere.
    package var storeName: String {
        for use in Property.all(of: self).compactMap(\.use) {
            if let name = zip(use.names, use.resources).first(where: { $0.1 is any RowStore })?.0 { return name }
        }
        return ""
    }
}

extension Row {
    /// The row of an answered message; `nil` for one that has no answer.
    ///
    /// - Parameters:
    ///   - message: The message, at the stage that stores it.
    ///   - metadata: What stands in the row's `metadata`: the API's response as it came where it is left out.
    public init?(_ message: Message, metadata: String? = nil) {
        guard let completion = message.completion else { return nil }
        self.init(
            id: message.id, sessionID: message.session.id, prompt: Row.storable(message.prompt),
            response: Row.storable(completion.text), tokensUsed: Row.storable(completion.tokensUsed),
            metadata: metadata ?? completion.response, username: Row.storable(message.session.username),
            userID: message.session.userID, createdAt: message.receivedAt)
    }

    /// The column is an INT; an API that counts more than two thousand million tokens in an answer counts wrong.
    private static func storable(_ tokens: Int?) -> Int? { tokens.flatMap { Int32(exactly: $0) }.map(Int.init) }

    /// PostgreSQL takes no U+0000 in text, and SQLite's text ends there; its stand-in is U+FFFD, the same everywhere.
    package static func storable(_ text: String) -> String {
        text.holds(byte: 0) ? text.replacing("\u{0}", with: "\u{FFFD}") : text
    }
}
