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
        guard answer.status == 200 else { throw OpenAIError.refused(answer, hiding: key) }
        return try ChatResponse.completion(from: answer.body)
    }

    public func close() async {
        await connection.close()
    }
}
