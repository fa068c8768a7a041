public import Pipeline
import Resources

/// Gives the model what was said before in the same conversation.
public struct Recall: BoundedStage {
    public static let name = "recall"
    public static let summary = "Gives the model the conversation's last turns, stored or still waiting to be stored."
    public static let example = "- recall: {turns: 10}"

    /// Where the conversation is stored.
    @Uses("Where the conversation is stored.") public var database: any RowStore

    /// How many earlier messages are recalled, each with its answer.
    @Setting("How many earlier messages are recalled, each with its answer.", in: 1...1_000) public var turns = 10

    /// The table's name.
    @Setting("The table's name.", problem: TableName.problem) public var table = "requests"

    @State private var link = ChainLink()

    public init() {}

    /// The last turns of a table.
    public init(turns: Int, table: String = "requests") {
        self.turns = turns
        self.table = table
    }

    public var requires: Fields { [.prompt] }

    public var provides: Fields { [.history] }

    public var longestRun: Duration? { database.longestLookUp }

    public func open(_ context: StageContext) async throws {
        link.set(context.pending)
        try await database.prepare(table: table)
    }

    public func run(_ message: inout Message) async throws {
        // The queues come first: a message that is stored in between is then seen twice, not never.
        let waiting = try await link.pending.messages(ofSession: message.session.id)
        let stored = try await database.rows(ofSession: message.session.id, in: table, limit: turns)
        var exchanges: [UniqueID: Exchange] = [:]
        for (index, row) in stored.enumerated() where row.id != message.id {
            exchanges[row.id] = Exchange(row.createdAt, index, row.prompt, row.response)
        }
        for (index, earlier) in waiting.enumerated() where earlier.id != message.id && exchanges[earlier.id] == nil {
            guard let completion = earlier.completion else { continue }
            exchanges[earlier.id] = Exchange(
                earlier.receivedAt, stored.count + index, earlier.prompt, completion.text)
        }
        // Rows of one second, as other programs write them, stay in the table's order.
        let last = exchanges.values.sorted { ($0.time, $0.place) < ($1.time, $1.place) }.suffix(turns)
        message.history = last.flatMap { [.init(.user, $0.prompt), .init(.assistant, $0.answer)] }
    }

    private struct Exchange {
        let time: Timestamp
        let place: Int
        let prompt: String
        let answer: String

        init(_ time: Timestamp, _ place: Int, _ prompt: String, _ answer: String) {
            self.time = time
            self.place = place
            self.prompt = prompt
            self.answer = answer
        }
    }
}

extension Recall: TableReader, ChainDependentStage {
    var tableToRead: String? { table }

    var databaseNames: [String] { _database.names }

    package func doubt(among stages: [any Stage]) -> String? { missedTable(among: stages) }
}
