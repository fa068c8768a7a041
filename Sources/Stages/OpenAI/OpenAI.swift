import HTTPClient
public import Pipeline

/// An API that speaks OpenAI's chat completions: OpenAI itself and the many that are compatible with it.
public struct OpenAI: Model {
    public static let name = "openai"
    public static let summary = "Any API that speaks OpenAI's chat completions."

    /// The API's address.
    @Setting("The API's address, up to what comes before /chat/completions.")
    public var url: WebURL = "https://api.openai.com/v1"

    /// The API's key.
    @Setting("The API's key; without one clients are told so.") public var key = Secret("")

    @State private var connection = OpenAIConnection()

    public init() {}

    /// An API at an address, with its key.
    public init(url: WebURL, key: Secret) {
        self.url = url
        self.key = key
    }

    /// Failing without a key. Whether the API takes the key shows at the first call.
    public var health: Health { key.isEmpty ? .failing(.modelKeyMissing) : .ready }

    public func open(_ context: ResourceContext) async throws {
        connection.open()
    }

    public func complete(_ request: CompletionRequest) async throws -> Completion {
        if key.isEmpty { throw PipelineError.modelKeyMissing }
        let answer = try await connection.post(
            ChatRequest(request).json, to: url.text + "/chat/completions", key: key, within: request.timeout)
        guard answer.status == 200 else { throw OpenAIError.refused(answer.status, answer.body, hiding: key) }
        return try ChatResponse.completion(from: answer.body)
    }

    public func complete(
        _ request: CompletionRequest, receive: @Sendable (String) async throws -> Void
    ) async throws -> Completion {
        if key.isEmpty { throw PipelineError.modelKeyMissing }
        let response = try await connection.stream(
            ChatRequest(request, isStreamed: true).json, to: url.text + "/chat/completions", key: key,
            within: request.timeout)
        guard response.status == 200 else {
            throw OpenAIError.refused(response.status, try await connection.rest(of: response), hiding: key)
        }
        // An API that knows no streaming answers in one piece.
        guard response.headers["Content-Type"]?.lowercased().hasPrefix("application/json") != true else {
            let completion = try ChatResponse.completion(from: try await connection.rest(of: response))
            try await receive(completion.text)
            return completion
        }
        var events = ServerSentEvents()
        var answer = StreamedAnswer()
        do {
            reading: for try await bytes in response.body {
                for event in try events.read(bytes) {
                    let delta = try answer.add(event)
                    if !delta.isEmpty { try await receive(delta) }
                    guard answer.isOver else { continue }
                    // Only a connection whose response was read to its end is kept for the next call.
                    Task { try await response.body.collect(upTo: 1 << 16) }
                    break reading
                }
            }
        } catch let error as HTTPClientError {
            throw OpenAIError.failed(error)
        }
        return try answer.completion()
    }

    public func close() async {
        await connection.close()
    }
}
