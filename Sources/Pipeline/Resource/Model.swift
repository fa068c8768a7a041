/// A resource that answers prompts: a language model behind an API, or a stand-in for one.
public protocol Model: Resource {
    /// Asks for an answer.
    ///
    /// - Throws: ``PipelineError`` with one of the `model_…` codes.
    func complete(_ request: CompletionRequest) async throws -> Completion

    /// Asks for an answer and hands on its pieces as they come. An empty piece says that the model has begun, but thinks
    /// first: it ends the wait for the first token.
    ///
    /// A model without it answers in one piece. Write the whole type of `receive` as it stands here: without
    /// `nonisolated(nonsending)` it is another method, and the compiler, which does not mind, calls this one's default.
    ///
    /// - Returns: The whole.
    /// - Throws: As ``complete(_:)``, and what `receive` throws.
    func complete(
        _ request: CompletionRequest, receive: nonisolated(nonsending) @Sendable (String) async throws -> Void
    ) async throws -> Completion

    /// The answer, from a model that needs no waiting for it; `nil` from every other.
    func completeWithoutWaiting(_ request: CompletionRequest) throws -> Completion?
}

extension Model {
    /// A model.
    public static var kind: String { "model" }

    /// In one piece.
    public func complete(
        _ request: CompletionRequest, receive: nonisolated(nonsending) @Sendable (String) async throws -> Void
    ) async throws -> Completion {
        let completion = try await complete(request)
        try await receive(completion.text)
        return completion
    }

    /// Always waits.
    public func completeWithoutWaiting(_ request: CompletionRequest) throws -> Completion? { nil }
}

/// Who takes the pieces of a model's answer.
package protocol PieceReceiver: Sendable {
    /// Whether pieces are likely to be taken at once by this thread.
    var hasRoom: Bool { get }

    /// Takes a piece where nothing has to be waited for.
    ///
    /// - Returns: Whether it was taken; otherwise it is to be given to ``take(_:)``.
    func takeAtOnce(_ piece: String) throws -> Bool

    /// Takes a piece, and returns once there is room for the next.
    nonisolated(nonsending) func take(_ piece: String) async throws
}

/// A model that hands on the pieces of its answer on the thread that reads them: that spares each a task's resumption.
package protocol DirectModel: Model {
    /// As ``Model/complete(_:receive:)`` does.
    func complete(_ request: CompletionRequest, to receiver: any PieceReceiver) async throws -> Completion
}

/// A model that may answer a prompt at once, by that alone: no request is made for it. It is always ready.
package protocol PromptModel: Model {
    /// The answer; `nil` where it takes time.
    func answerAtOnce(to prompt: String) -> Completion?
}

/// What a model is asked.
public struct CompletionRequest: Sendable {
    /// The model's name at its API, such as `gpt-3.5-turbo`.
    public var model: String

    /// The conversation so far, the prompt last.
    public var turns: [Turn]

    /// How long the call may take in all.
    public var timeout: Duration

    /// The conversation that it is for, so that those share a model fairly.
    public var conversation: String

    /// How the answer is to be made; `nil` leaves all of it to the model.
    public var options: CompletionRequest.Options?

    /// A request.
    public init(
        model: String, turns: [Turn], timeout: Duration, conversation: String = "",
        options: CompletionRequest.Options? = nil
    ) {
        self.model = model
        self.turns = turns
        self.timeout = timeout
        self.conversation = conversation
        self.options = options
    }

    /// One contribution to a conversation.
    public struct Turn: Sendable, Hashable {
        /// Who spoke.
        public enum Role: String, Sendable, Hashable {
            /// Instructions to the model.
            case system
            /// The client.
            case user
            /// The model.
            case assistant
        }

        /// Who spoke.
        public var role: Role
        /// What was said.
        public var content: String

        /// A turn.
        public init(_ role: Role, _ content: String) {
            self.role = role
            self.content = content
        }
    }
}

extension CompletionRequest {
    /// How an answer is to be made; what is left out is up to the model.
    ///
    /// One for all messages of a stage, so a reference.
    public final class Options: Sendable {
        /// How much chance decides, from 0 to 2.
        public let temperature: Double?
        /// The most tokens that the answer may have.
        public let maxTokens: Int?
        /// Texts at which the answer ends.
        public let stop: [String]
        /// The form of the answer, as the API has it: `{"type": "json_object"}`.
        public var responseFormat: JSONValue? { orderedFormat?.value }
        /// Keys of the request's body. They win over those above; `null` takes a key away.
        public let extra: [String: JSONValue]

        /// `responseFormat` as text, its keys in the order in which they were written.
        public let orderedFormat: JSONSetting?
        /// `extra` in the order in which it was written.
        public let orderedExtra: [(key: String, value: JSONSetting)]

        /// The model's own defaults but for what is given.
        public convenience init(
            temperature: Double? = nil, maxTokens: Int? = nil, stop: [String] = [], responseFormat: JSONValue? = nil,
            extra: [String: JSONValue] = [:]
        ) {
            self.init(
                temperature: temperature, maxTokens: maxTokens, stop: stop,
                responseFormat: responseFormat.map(JSONSetting.init),
                extra: extra.sorted { $0.key < $1.key }.map { ($0.key, JSONSetting($0.value)) })
        }

        /// The model's own defaults but for what is given, in that order.
        package init(
            temperature: Double?, maxTokens: Int?, stop: [String], responseFormat: JSONSetting?,
            extra: [(key: String, value: JSONSetting)]
        ) {
            self.temperature = temperature
            self.maxTokens = maxTokens
            self.stop = stop
            orderedFormat = responseFormat
            orderedExtra = extra
            self.extra = Dictionary(extra.map { ($0.key, $0.value.value) }) { first, _ in first }
        }
    }
}
