public import Pipeline

/// Asks a model for an answer.
public struct Complete: Stage {
    public static let name = "complete"
    public static let summary = "Asks a model for an answer to the prompt."

    /// The model's API.
    @Uses("The model's API.") public var api: any Model

    /// The model's name at its API.
    @Setting("The model's name at its API.") public var model = "gpt-3.5-turbo"

    /// How long the call may take in all.
    @Setting("How long the call may take in all; after it the client gets model_timeout.", in: .milliseconds(1)...)
    public var timeout: Duration = .seconds(30)

    /// Whether the answer is asked for in pieces.
    @Setting("Whether the API is asked for the answer in pieces, which 'respond: {stream: true}' sends as they come.")
    public var stream = false

    public init() {}

    /// A call of a model by its name.
    public init(model: String, timeout: Duration = .seconds(30), stream: Bool = false) {
        self.model = model
        self.timeout = timeout
        self.stream = stream
    }

    public var requires: Fields { [.prompt] }

    public var longestRun: Duration? { timeout }

    public var provides: Fields { [.completion] }

    public var sendsDeltas: Bool { stream }

    public func run(_ message: inout Message) async throws {
        let request = request(for: message)
        guard stream else {
            message.completion = try await api.complete(request)
            return
        }
        message.completion = try await api.complete(request) { [message] delta in
            try await message.deltas?.send(delta, of: message)
        }
    }

    public func runWithoutWaiting(_ message: inout Message) throws -> Bool {
        guard !stream, let completion = try api.completeWithoutWaiting(request(for: message)) else { return false }
        message.completion = completion
        return true
    }

    private func request(for message: Message) -> CompletionRequest {
        var turns = message.history
        turns.append(.init(.user, message.prompt))
        return CompletionRequest(model: model, turns: turns, timeout: timeout)
    }
}
