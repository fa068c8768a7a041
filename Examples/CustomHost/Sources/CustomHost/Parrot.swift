import Pipeline

/// Your own model: it repeats the prompt, word by word.
struct Parrot: Model {
    static let name = "parrot"
    static let summary = "Says again what it is asked, word by word."

    @Setting("The pause between two words.") var pause: Duration = .milliseconds(20)

    func complete(_ request: CompletionRequest) async throws -> Completion {
        try await complete(request) { _ in }
    }

    func complete(
        _ request: CompletionRequest, receive: nonisolated(nonsending) @Sendable (String) async throws -> Void
    ) async throws -> Completion {
        let words = (request.turns.last?.content ?? "").split(separator: " ")
        for (index, word) in words.enumerated() {
            try await receive(index == 0 ? String(word) : " \(word)")
            try await Task.sleep(for: pause)
        }
        return Completion(text: words.joined(separator: " "), tokensUsed: words.count, finishReason: "stop")
    }
}
