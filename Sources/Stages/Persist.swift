public import Pipeline
import Resources

/// Stores the answered message as a row.
public struct Persist: StoringStage, BatchStage, PartialAnswerStage, BoundedStage {
    public static let name = "persist"
    public static let summary = "Stores the prompt and its answer as a row of a table."
    public static let example = """
        - persist: {table: requests}
          async: true
        """

    /// Where the rows go.
    @Uses("Where the rows go.") public var database: any RowStore

    /// The table's name.
    @Setting("The table's name.", problem: TableName.problem) public var table = "requests"

    /// Whether what the client sent as `metadata` is stored too.
    @Setting("Whether the client's metadata is stored too, in the column metadata under the key 'client'.")
    public var clientMetadata = false

    public init() {}

    /// Storage in a table.
    public init(table: String, clientMetadata: Bool = false) {
        self.table = table
        self.clientMetadata = clientMetadata
    }

    public var store: any RowStore { database }

    public var requires: Fields { [.prompt, .completion] }

    public var longestRun: Duration? { database.longestInsert }

    public func open(_ context: StageContext) async throws {
        try await database.prepare(table: table)
    }

    public func run(_ message: inout Message) async throws {
        message.settleClaims()
        try await run(batch: [message])
    }

    public func run(batch: [Message]) async throws {
        try await database.insert(batch.compactMap(row), into: table)
    }

    private func row(_ message: Message) -> Row? {
        guard let completion = message.completion else { return nil }
        return Row(message, metadata: metadata(of: message, completion))
    }

    /// The API's response as it came, with the client's own metadata added where that is asked for.
    private func metadata(of message: Message, _ completion: Completion) -> String? {
        guard clientMetadata, !message.metadata.isEmpty else { return completion.response }
        let client = "\"client\":\(JSONValue.object(message.metadata).json)"
        guard let response = completion.response, let end = response.lastIndex(of: "}") else { return "{\(client)}" }
        let head = response[..<end]
        let isEmptyObject = head.allSatisfy { $0.isWhitespace || $0 == "{" }
        return "\(head)\(isEmptyObject ? "" : ",")\(client)}"
    }
}

extension Persist: Guaranteeing {
    public var guarantees: [Guarantee] {
        [
            Guarantee("table", "stores rows in the table \(table)", .unranked, otherwise: "").comparedWherePromised
        ]
    }
}
