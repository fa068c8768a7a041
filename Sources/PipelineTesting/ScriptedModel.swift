public import Pipeline
import Synchronization

/// A model that answers what a test says, in order; without a script it repeats the prompt.
///
/// ```swift
/// let model = ScriptedModel([.answer("4", tokens: 42), .failure(.modelTimeout)])
/// ```
public struct ScriptedModel: Model {
    public static let name = "scripted_model"
    public static let summary = "Answers what a test says."

    @State private var script = Script()

    /// Repeats the prompt, until ``reply(_:)`` says something else.
    public init() {}

    /// Answers these, one after the other.
    public init(_ replies: [ScriptedAnswer]) {
        reply(replies)
    }

    /// Answers these from now on, one after the other.
    public func reply(_ replies: [ScriptedAnswer]) {
        script.state.withLock { $0.replies = replies }
    }

    /// What it was asked, in order.
    public var requests: [CompletionRequest] { script.state.withLock(\.requests) }

    /// How many replies were not asked for yet.
    public var left: Int {
        script.state.withLock { state in
            max(0, (state.replies?.filter { !$0.isMissingKey }.count ?? 0) - state.requests.count)
        }
    }

    /// Calls `note` whenever it is asked.
    package func onAsk(_ note: @escaping @Sendable () -> Void) {
        script.state.withLock { $0.note = note }
    }

    public var health: Health {
        let keyIsMissing = script.state.withLock { $0.replies?.contains(where: \.isMissingKey) ?? false }
        return keyIsMissing ? .failing(.modelKeyMissing) : .ready
    }

    public func complete(_ request: CompletionRequest) async throws -> Completion {
        try await complete(request) { _ in }
    }

    public func complete(
        _ request: CompletionRequest, receive: nonisolated(nonsending) @Sendable (String) async throws -> Void
    ) async throws -> Completion {
        let reply = script.next(for: request)
        if reply.delay > .zero { try await EngineTime.pause(for: min(reply.delay, request.timeout)) }
        if reply.delay > request.timeout { throw PipelineError.scripted(.modelTimeout) }
        for piece in reply.pieces { try await receive(piece) }
        if let error = reply.error { throw error }
        return Completion(text: reply.pieces.joined(), tokensUsed: reply.tokens, response: reply.response)
    }

    private final class Script: Sendable {
        struct State {
            var replies: [ScriptedAnswer]?
            var requests: [CompletionRequest] = []
            var note: (@Sendable () -> Void)?
        }

        let state = Mutex(State())

        func next(for request: CompletionRequest) -> ScriptedAnswer {
            let (reply, note) = state.withLock { state in
                state.requests.append(request)
                let prompt = request.turns.last?.content ?? ""
                guard let replies = state.replies else { return (ScriptedAnswer.answer(prompt), state.note) }
                let number = state.requests.count
                let spent = ScriptedAnswer.failure(
                    PipelineError(
                        .modelUnavailable, "The model is not available",
                        detail: "the script has \(replies.count) replies, and this is call \(number)"))
                return (number <= replies.count ? replies[number - 1] : spent, state.note)
            }
            note?()
            return reply
        }
    }
}

/// One reply of a ``ScriptedModel``.
public struct ScriptedAnswer: Sendable {
    /// The answer in pieces; what came before it broke off, where there is an error.
    public var pieces: [String] = []
    /// The tokens that it costs; `nil` where the API says nothing.
    public var tokens: Int?
    /// The API's whole response as JSON text.
    public var response: String?
    /// What goes wrong.
    public var error: PipelineError?
    /// How long it takes, by the clock of the test.
    public var delay: Duration = .zero

    /// An answer in one piece.
    public static func answer(_ text: String, tokens: Int? = nil) -> ScriptedAnswer { stream([text], tokens: tokens) }

    /// An answer in pieces.
    public static func stream(_ pieces: [String], tokens: Int? = nil) -> ScriptedAnswer {
        var answer = ScriptedAnswer()
        (answer.pieces, answer.tokens) = (pieces, tokens)
        return answer
    }

    /// A call that fails, with the text that clients get from the built-in models.
    public static func failure(_ code: PipelineError.Code) -> ScriptedAnswer { failure(.scripted(code)) }

    /// A call that fails.
    public static func failure(_ error: PipelineError) -> ScriptedAnswer {
        var answer = ScriptedAnswer()
        answer.error = error
        return answer
    }

    /// The same after some time.
    public func after(_ delay: Duration) -> ScriptedAnswer {
        var answer = self
        answer.delay = delay
        return answer
    }

    /// What is wrong before anything is asked.
    var isMissingKey: Bool { error?.code == .modelKeyMissing }
}

extension PipelineError {
    /// The error that the built-in models and databases have for a code.
    static func scripted(_ code: Code) -> PipelineError {
        let detail = "as the test says"
        return switch code {
        case .modelKeyMissing: .modelKeyMissing
        case .modelUnauthorized: PipelineError(code, "The model's API refused the key", detail: detail)
        case .modelTimeout:
            PipelineError(code, "The model did not answer in time", isRetryable: true, detail: detail)
        case .modelRateLimited:
            PipelineError(code, "Too many requests to the model; try again later", isRetryable: true, detail: detail)
        case .modelUnavailable: PipelineError(code, "The model is not available", isRetryable: true, detail: detail)
        case .modelBadResponse: PipelineError(code, "The model's answer could not be read", detail: detail)
        case .modelFiltered: PipelineError(code, "The model's answer was filtered", detail: detail)
        case .databaseUnavailable: .databaseUnavailable(detail)
        default: PipelineError(code, "The message could not be processed", detail: detail)
        }
    }
}
