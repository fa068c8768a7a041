import Pipeline

/// Your own stage that asks a model, in its own words.
struct Ask: AskingStage {
    static let name = "ask"
    static let summary = "Asks a model, with a word of courtesy."

    @Uses("Who is asked.") var api: any Model
    @Setting("The model's name at its API.") var model = "any"
    @Setting("What is put before the prompt.") var before = ""
    @Setting("How long a call may take.", in: .milliseconds(1)...) var timeout: Duration = .seconds(10)

    var requires: Fields { [.prompt] }
    var provides: Fields { [.completion] }

    func run(_ message: inout Message) async throws {
        message.completion = try await api.complete(
            CompletionRequest(
                model: model, turns: [.init(.user, before + message.prompt)], timeout: timeout,
                conversation: message.session.id))
    }
}
