public import Pipeline

/// A model that answers with the prompt: for trying, testing and measuring without an API.
public struct Echo: Model {
    public static let name = "echo"
    public static let summary = "Answers with the prompt itself, without any network."
    public static let example = "echo: {delay: 200ms, tokens_per_second: 20}"

    /// How long it thinks before it answers.
    @Setting("How long it thinks before it answers.") public var delay: Duration = .zero

    /// How fast its answer comes in pieces.
    @Setting("How many words a second its answer has; 0 for all at once.", in: 0...1_000_000)
    public var tokensPerSecond = 0

    /// What becomes of calls, one after the other and over again.
    @Setting("How calls end, in turn and repeatedly; empty: all are answered.")
    public var fail: [EchoOutcome] = []

    @State private var calls = EchoCalls()

    public init() {}

    /// The last turn's text, counted as a token for every four bytes of prompt and of answer, rounded up.
    public func complete(_ request: CompletionRequest) async throws -> Completion {
        try await complete(request) { _ in }
    }

    /// The same in words.
    public func complete(
        _ request: CompletionRequest, receive: nonisolated(nonsending) @Sendable (String) async throws -> Void
    ) async throws -> Completion {
        let start = EngineTime.now
        let outcome = calls.next(of: fail)
        if let error = outcome.error { throw error }
        let answer = answer(to: request)
        try await wait(until: delay, after: start, within: request.timeout)
        let words = pieces(of: answer.text)
        for (index, word) in words.enumerated() {
            if outcome == .cut, index >= (words.count + 1) / 2 { break }
            if tokensPerSecond > 0 {
                // By the clock, so that what one word was late by doesn't add to the next one's.
                let due = delay + .seconds(1) * Double(index + 1) / Double(tokensPerSecond)
                try await wait(until: due, after: start, within: request.timeout)
            }
            try await receive(word)
        }
        if outcome == .cut { throw ModelError.unavailable("the answer was cut as 'fail' says") }
        return answer
    }

    public func completeWithoutWaiting(_ request: CompletionRequest) throws -> Completion? {
        answerAtOnce(to: request.turns.last?.content ?? "")
    }

    private func wait(
        until due: Duration, after start: ContinuousClock.Instant, within limit: Duration
    ) async throws {
        if due > .zero { try await EngineTime.pause(for: max(.zero, start + min(due, limit) - EngineTime.now)) }
        if due > limit { throw ModelError.timeout("the echo was slower than the call's timeout") }
    }

    /// Words with the spaces after them.
    private func pieces(of text: String) -> [String] {
        var words: [String] = []
        var word = ""
        for character in text {
            if !character.isWhitespace, word.last?.isWhitespace == true {
                words.append(word)
                word = ""
            }
            word.append(character)
        }
        return word.isEmpty ? words : words + [word]
    }

    private func answer(to request: CompletionRequest) -> Completion {
        Echo.answer(to: request.turns.last?.content ?? "")
    }

    private static func answer(to prompt: String) -> Completion {
        Completion(text: prompt, tokensUsed: 2 * ((prompt.utf8.count + 3) / 4)) { tokens in
            #"{"object":"chat.completion","model":"echo","usage":{"total_tokens":\#(tokens)}}"#
        }
    }
}

extension Echo: PromptModel {
    package func answerAtOnce(to prompt: String) -> Completion? {
        guard delay == .zero, tokensPerSecond == 0, fail.isEmpty else { return nil }
        return Echo.answer(to: prompt)
    }
}
