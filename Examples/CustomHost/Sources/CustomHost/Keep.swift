import Pipeline

/// Your own storing stage: only what was asked by somebody who gave a name is stored.
struct Keep: StoringStage {
    static let name = "keep"
    static let summary = "Stores the messages of users who gave their name."
    static let example = "- keep: {table: named}"

    @Uses("Where the rows go.") var store: any RowStore
    @Setting("The table's name.", problem: TableName.problem) var table = "requests"

    var requires: Fields { [.prompt, .completion] }

    func open(_ context: StageContext) async throws { try await store.prepare(table: table) }

    func run(_ message: inout Message) async throws {
        guard message.session.username != Session.anonymous, let row = Row(message) else { return }
        try await store.insert([row], into: table)
    }
}
