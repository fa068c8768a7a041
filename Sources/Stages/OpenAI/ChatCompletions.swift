import FoundationEssentials
package import Pipeline

/// The body of a call of `POST /chat/completions`.
package struct ChatRequest: Encodable {
    private let request: CompletionRequest
    private let isStreamed: Bool

    package init(_ request: CompletionRequest, isStreamed: Bool = false) {
        self.request = request
        self.isStreamed = isStreamed
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(_ text: String) { stringValue = text }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { nil }
    }

    private struct Turn: Encodable {
        let role: String
        let content: String
    }

    package func encode(to encoder: any Encoder) throws {
        var body = encoder.container(keyedBy: Key.self)
        let options = request.options
        for (name, value) in options?.extra ?? [:] { try body.encode(value, forKey: Key(name)) }
        try body.encode(request.model, forKey: Key("model"))
        let turns = request.turns.map { Turn(role: $0.role.rawValue, content: $0.content) }
        try body.encode(turns, forKey: Key("messages"))
        try body.encodeIfPresent(options?.temperature, forKey: Key("temperature"))
        try body.encodeIfPresent(options?.maxTokens, forKey: Key("max_tokens"))
        if let stop = options?.stop, !stop.isEmpty { try body.encode(stop, forKey: Key("stop")) }
        try body.encodeIfPresent(options?.responseFormat, forKey: Key("response_format"))
        guard isStreamed else { return }
        try body.encode(true, forKey: Key("stream"))
        try body.encode(["include_usage": true], forKey: Key("stream_options"))
    }

    package var json: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(self))
        }
    }
}

/// What is read of the API's response; the whole of it is kept as text.
package struct ChatResponse: Decodable {
    struct Choice: Decodable {
        let message: Content
    }

    struct Content: Decodable {
        let content: String?
    }

    struct Usage: Decodable {
        let totalTokens: Int?

        enum CodingKeys: String, CodingKey {
            case totalTokens = "total_tokens"
        }
    }

    let choices: [Choice]
    let usage: Usage?

    enum CodingKeys: String, CodingKey {
        case choices, usage
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        choices = try container.decode([Choice].self, forKey: .choices)
        // An answer whose count can't be read is an answer all the same.
        usage = try? container.decodeIfPresent(Usage.self, forKey: .usage)
    }

    package static func completion(from body: [UInt8]) throws(PipelineError) -> Completion {
        let response: ChatResponse
        do {
            response = try JSONDecoder().decode(ChatResponse.self, from: Data(body))
        } catch {
            throw OpenAIError.badResponse("the API's response is not the JSON it should be")
        }
        guard let choice = response.choices.first else { throw OpenAIError.badResponse("the response has no choices") }
        guard let text = choice.message.content else { throw OpenAIError.badResponse("the response has no text") }
        return Completion(
            text: text, tokensUsed: response.usage?.totalTokens, response: String(decoding: body, as: UTF8.self))
    }
}

/// The body of an API's error.
struct ChatError: Decodable {
    struct Content: Decodable {
        let message: String?
    }

    let error: Content

    static func text(in body: [UInt8]) -> String? {
        (try? JSONDecoder().decode(ChatError.self, from: Data(body)))?.error.message
    }
}
