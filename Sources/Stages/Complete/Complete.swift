public import Pipeline

/// Asks a model for an answer.
public struct Complete: AskingStage, StreamingStage, OftenImmediateStage, BoundedStage {
    public static let name = "complete"
    public static let summary = "Asks a model for an answer to the prompt."
    public static let example = """
        - complete: {model: gpt-3.5-turbo, timeout: 30s, system: "Answer in one sentence."}
        """

    /// The model's API.
    @Uses("The model's API.") public var api: any Model

    /// Models that are asked where it fails.
    @Uses("Models that are asked in turn if it fails.", onlyNamed: true) public var fallback: [any Model]

    /// After which errors they are.
    @Setting("The errors after which 'fallback' is asked.")
    public var fallbackOn = FallbackError.usual

    /// The model's name at its API.
    @Setting("The model's name at its API.") public var model = "gpt-3.5-turbo"

    /// How long the call may take in all.
    @Setting("How long the call may take in all; after it the client gets model_timeout.", in: .milliseconds(1)...)
    public var timeout: Duration = .seconds(30)

    /// How long the answer may take to begin.
    @Setting(
        "How long a model may take to begin its answer, with stream: true; then it is model_timeout, and 'fallback' is asked.",
        in: .milliseconds(1)...) public var firstToken: Duration?

    /// Whether the answer is asked for in pieces.
    @Setting("Whether the API is asked for the answer in pieces, which 'respond: {stream: true}' sends as they come.")
    public var stream = false

    /// Instructions to the model.
    @Setting("Instructions to the model, before everything else.") public var system: MessageTemplate?

    /// What is asked in place of the prompt alone.
    @Setting("What is asked, where that is not the prompt alone: 'In French: {{prompt}}'.")
    public var prompt: MessageTemplate?

    /// How random the answer is.
    @Setting("How random the answer is.", in: 0...2) public var temperature: Double?

    /// The most tokens that the answer may have.
    @Setting("The most tokens that the answer may have.", in: 1...) public var maxTokens: Int?

    /// Texts at which the answer ends.
    @Setting("Texts at which the answer ends.") public var stop: [String] = []

    /// The form of the answer.
    @Setting("The form of the answer, as the API has it: {type: json_object}; one that is no JSON is an error.")
    public var responseFormat: JSONSetting?

    /// Further keys of the request.
    @Setting(
        "Keys of the request's body, which win over the stage's own; null takes a key away. They keep the file's order."
    )
    public var extra = RequestKeys()

    @State private var made = Lazy<RequestTemplate>()
    @State private var fallbacks = FallbackLog()

    public init() {}

    /// A call of a model by its name.
    public init(model: String, timeout: Duration = .seconds(30), stream: Bool = false) {
        self.model = model
        self.timeout = timeout
        self.stream = stream
    }

    public var requires: Fields {
        var fields = prompt?.requires ?? [.prompt]
        fields.formUnion(system?.requires ?? [])
        return fields
    }

    public var longestRun: Duration? { timeout * (1 + fallback.count) }

    public var provides: Fields { [.completion] }

    public var sendsDeltas: Bool { stream }

    public func open(_ context: StageContext) { fallbacks.begin(context.logger) }

    public func run(_ message: inout Message) async throws {
        let template = template
        let request = request(for: message, by: template)
        // By its number: whatever is held while a model answers is part of each message that waits.
        var asked = 0
        while true {
            do {
                message.completion = try template.checked(
                    await answer(of: template.asked[asked].model, to: request, for: message))
                break
            } catch {
                try fallBack(from: asked, in: template, after: error, message)
                asked += 1
            }
        }
        message.settleClaims()
        fallbacks.answered(template.asked[asked].name)
    }

    /// - Throws: The error, where no other model is asked.
    @inline(never)
    private func fallBack(
        from asked: Int, in template: RequestTemplate, after error: any Error, _ message: borrowing Message
    ) throws {
        let next = asked + 1
        // An answer that was begun is not begun again by another.
        guard let error = error as? PipelineError, next < template.asked.count, message.deltas?.hasLeft != true,
            fallbackOn.contains(where: { $0.rawValue == error.code.rawValue })
        else { throw error }
        fallbacks.note(template.asked[asked].name, isReplacedBy: template.asked[next].name, after: error)
    }

    public func runWithoutWaiting(_ message: inout Message) throws -> Bool {
        try made.lend({ RequestTemplate(self) }) { template in
            guard !template.mustWait, let completion = try completion(of: message, by: template) else { return false }
            message.completion = try template.checked(completion)
            return true
        }
    }

    private func completion(of message: borrowing Message, by template: RequestTemplate) throws -> Completion? {
        guard let answer = template.answerAtOnce else {
            return try api.completeWithoutWaiting(request(for: message, by: template))
        }
        if let prompt = template.prompt { return answer(prompt.text(for: message)) }
        return answer(message.prompt)
    }

    private func answer(
        of api: any Model, to request: CompletionRequest, for message: Message
    ) async throws -> Completion {
        guard stream else { return try await api.complete(request) }
        return try await answerInPieces(of: api, to: request, for: message)
    }

    /// Apart, as memory for it would be part of each message that waits for a whole answer.
    @inline(never)
    private func answerInPieces(
        of api: any Model, to request: CompletionRequest, for message: Message
    ) async throws -> Completion {
        // Nor does a client that takes little of it keep the call for longer.
        let deadline = EngineTime.now + timeout
        guard let firstToken else {
            return try await answer(of: api, to: request, AnswerPieces(of: message, until: deadline))
        }
        return try await withFirstPiece(within: firstToken) { first in
            try await answer(of: api, to: request, AnswerPieces(of: message, until: deadline, first: first))
        }
    }

    private func answer(
        of api: any Model, to request: CompletionRequest, _ pieces: AnswerPieces
    ) async throws -> Completion {
        if let api = api as? any DirectModel { return try await api.complete(request, to: pieces) }
        return try await api.complete(request) { try await pieces.take($0) }
    }

    private var template: RequestTemplate { made.value { RequestTemplate(self) } }

    private func request(for message: Message, by template: RequestTemplate) -> CompletionRequest {
        var turns: [CompletionRequest.Turn] = []
        if let system = template.system { turns.append(.init(.system, system.text(for: message))) }
        if !message.history.isEmpty { turns += message.history }
        turns.append(.init(.user, template.prompt?.text(for: message) ?? message.prompt))
        return CompletionRequest(
            model: model, turns: turns, timeout: timeout, conversation: message.session.id, options: template.options)
    }
}

extension Complete: Guaranteeing {
    public var guarantees: [Guarantee] {
        var all: [Guarantee] = _fallback.names.map { name in
            Guarantee(
                "fallback", "asks '\(name)' where the model fails", .level(1),
                otherwise: "does not ask '\(name)' where the model fails", of: name)
        }
        if !all.isEmpty {
            all.append(
                Guarantee(
                    "errors with a fallback", "asks others after \(fallbackOn.map(\.rawValue).joined(separator: ", "))",
                    .covering(Set(fallbackOn.map(\.rawValue))), otherwise: "asks no other model after an error"))
        }
        if let maxTokens {
            all.append(
                Guarantee(
                    "tokens of an answer", "asks for answers of at most \(maxTokens) tokens",
                    .atMost(Double(maxTokens)),
                    otherwise: "leaves the length of answers to the model"))
        }
        if let firstToken, stream {
            all.append(
                Guarantee(
                    "first token",
                    "waits for an answer to begin for at most \(firstToken.words)",
                    .atMost(firstToken), otherwise: "waits for an answer to begin as long as for its end"))
        }
        return all
    }
}
