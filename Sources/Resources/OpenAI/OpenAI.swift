import HTTPClient
public import Pipeline
import Tracing

/// An API that speaks OpenAI's chat completions: OpenAI itself and the many that are compatible with it.
public struct OpenAI: Model {
    public static let name = "openai"
    public static let summary = "Any API that speaks OpenAI's chat completions."
    public static let example = """
        openai: {url: "${OPENAI_BASE_URL:-https://api.openai.com/v1}", key: "${OPENAI_API_KEY:-}"}
        """

    /// The API's address.
    @Setting(
        "The API's address, up to what comes before /chat/completions, or with it; a query ('?api-version=…') stays at the end."
    )
    public var url: WebURL = "https://api.openai.com/v1"

    /// The API's key.
    @Setting("The API's key; without one clients are told so.") public var key = Secret("")

    /// The model's name there.
    @Setting("The model's name there, in place of the stage's: for one that stands in for another.") public var model =
        ""

    /// Header fields for APIs that want more than a key.
    @Setting("Further header fields, for APIs that want more than a key.") public var headers: [String: Secret] = [:]

    /// How long it may take to find and reach the API.
    @Setting("How long it may take to find and reach the API, TLS included.", in: .milliseconds(1)...)
    public var connectTimeout: Duration = .seconds(5)

    /// Whether calls stop for a while after failures.
    @Setting("Whether calls stop for 30s after 5 failures in a row: no connection, no answer in time, or a 5xx.")
    public var breaker = false

    /// How many calls run at once.
    @Setting("How many calls run at once; more wait, and conversations take turns.", in: 1...) public var calls: Int?

    @State private var connection = OpenAIConnection()
    @State private var places = CallLimit()
    @State private var circuit = CircuitBreaker()

    public init() {}

    /// An API at an address, with its key.
    public init(url: WebURL, key: Secret) {
        self.url = url
        self.key = key
    }

    /// Failing without a key, and while the breaker is open. Whether the API takes the key shows at the first call.
    public var health: Health {
        if key.isEmpty { return .failing(.modelKeyMissing) }
        return breaker && circuit.isOpen ? .failing(CircuitBreaker.error) : .ready
    }

    public func open(_ context: ResourceContext) async throws {
        connection.open(endpoint, context.logger)
    }

    public func complete(_ request: CompletionRequest) async throws -> Completion {
        if key.isEmpty { throw PipelineError.modelKeyMissing }
        guard isWatched else { return try await whole(call(request, isStreamed: false), of: request) }
        return try await watched(request, isStreamed: false) { try await whole($0, of: $1) }
    }

    private func whole(_ call: OpenAICall, of request: CompletionRequest) async throws -> Completion {
        let answer = try await connection.post(call)
        guard (200...299).contains(answer.status) else {
            throw ModelError.refused(answer.status, answer.body, answer.headers, hiding: reason(request))
        }
        return try ChatResponse.completion(from: answer.body, hiding: reason(request))
    }

    /// Whether there is more to a call than to make it. That takes 5 KiB for as long as the call is open.
    private var isWatched: Bool { calls != nil || breaker || ServiceContext.current != nil }

    @inline(never)
    private func watched(
        _ request: CompletionRequest, isStreamed: Bool,
        _ send: (OpenAICall, CompletionRequest) async throws -> Completion
    ) async throws -> Completion {
        try await places.run(atMost: calls, for: request) { request in
            try await circuit.run(isOn: breaker) {
                try await ModelSpan.around(name(of: request), call(request, isStreamed: isStreamed)) { call in
                    try await send(call, request)
                }
            }
        }
    }

    private func name(of request: CompletionRequest) -> String {
        if case .string(let own)? = request.options?.extra["model"] { return own }
        return model.isEmpty ? request.model : model
    }

    private var endpoint: OpenAIEndpoint {
        let path = "/chat/completions"
        return OpenAIEndpoint(url.path.hasSuffix(path) ? url.text : url.appending(path), key: key, headers)
    }

    private func reason(_ request: CompletionRequest) -> ReportedReason {
        ReportedReason(hiding: [key] + headers.values, request.turns)
    }

    private func call(_ request: CompletionRequest, isStreamed: Bool) -> OpenAICall {
        var request = request
        request.model = name(of: request)
        return OpenAICall(
            body: ChatRequest(request, isStreamed: isStreamed).json, connect: connectTimeout, limit: request.timeout,
            isStreamed: isStreamed)
    }

    public func complete(
        _ request: CompletionRequest, receive: nonisolated(nonsending) @Sendable (String) async throws -> Void
    ) async throws -> Completion {
        try await complete(request, to: nil, receive: receive)
    }

    /// - Parameter receiver: Who may take pieces at once.
    private func complete(
        _ request: CompletionRequest, to receiver: (any PieceReceiver)?,
        receive: nonisolated(nonsending) @Sendable (String) async throws -> Void
    ) async throws -> Completion {
        if key.isEmpty { throw PipelineError.modelKeyMissing }
        let reason = reason(request)
        let answer = DirectAnswer(hiding: reason, for: receiver)
        guard isWatched else {
            return try await stream(call(request, isStreamed: true), into: answer, reason, receive: receive)
        }
        return try await watched(request, isStreamed: true) { call, _ in
            try await stream(call, into: answer, reason, receive: receive)
        }
    }

    /// - Parameter call: Consumed, as its body may be long, and is of no use once the response has begun.
    private func stream(
        _ call: consuming OpenAICall, into answer: DirectAnswer, _ reason: ReportedReason,
        receive: nonisolated(nonsending) @Sendable (String) async throws -> Void
    ) async throws -> Completion {
        let response = try await connection.stream(consume call)
        guard (200...299).contains(response.status) else {
            let body = try await connection.rest(of: response)
            throw ModelError.refused(response.status, body, response.headers, hiding: reason)
        }
        do {
            try await response.body.reading { pieces in
                while !answer.isOver, let bytes = try await pieces.next(orTake: answer) {
                    try answer.append(bytes)
                    while let delta = try answer.handOn() { try await receive(delta) }
                }
            }
            // Only a connection whose response was read to its end is kept for the next call.
            if answer.isOver { Task { try await response.body.collect(upTo: 1 << 16) } }
        } catch let error as HTTPClientError {
            // What breaks off behind the last word takes nothing away.
            guard answer.reader.isWhole, error.code != .cancelled else { throw ModelError.failed(error) }
        }
        try answer.end()
        while let delta = try answer.handOn() { try await receive(delta) }
        return try answer.reader.completion()
    }

    public func close() async {
        await connection.close()
    }
}

extension OpenAI: DirectModel {
    package func complete(_ request: CompletionRequest, to receiver: any PieceReceiver) async throws -> Completion {
        try await complete(request, to: receiver) { try await receiver.take($0) }
    }
}

extension OpenAI: Guaranteeing {
    public var guarantees: [Guarantee] {
        let breaking = Guarantee(
            "failing API", "is left alone for 30s after 5 failures in a row", .level(1),
            otherwise: "is asked however often it failed before")
        let bound = calls.map { calls in
            Guarantee(
                "calls at once", "is asked by at most \(calls) messages at once", .atMost(Double(calls)),
                otherwise: "is asked by any number of messages at once")
        }
        return (breaker ? [breaking] : []) + (bound.map { [$0] } ?? [])
    }
}
