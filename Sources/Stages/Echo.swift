public import Pipeline

/// A model that answers with the prompt: for trying, testing and measuring without an API.
public struct Echo: Model {
    public static let name = "echo"
    public static let summary = "Answers with the prompt itself, without any network."

    public init() {}

    /// The last turn's text, counted as a token for every four bytes of prompt and of answer, rounded up.
    public func complete(_ request: CompletionRequest) async throws -> Completion {
        answer(to: request)
    }

    public func completeWithoutWaiting(_ request: CompletionRequest) throws -> Completion? {
        answer(to: request)
    }

    private func answer(to request: CompletionRequest) -> Completion {
        let text = request.turns.last?.content ?? ""
        let tokens = 2 * ((text.utf8.count + 3) / 4)
        return Completion(
            text: text, tokensUsed: tokens,
            response: "{\"object\":\"chat.completion\",\"model\":\"echo\",\"usage\":{\"total_tokens\":\(tokens)}}")
    }
}
