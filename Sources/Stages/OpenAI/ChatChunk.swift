import FoundationEssentials
package import Pipeline

/// What is read of one event of a streamed answer.
struct ChatChunk: Decodable {
    struct Choice: Decodable {
        let delta: Delta?
        let finishReason: String?

        enum CodingKeys: String, CodingKey {
            case delta
            case finishReason = "finish_reason"
        }
    }

    struct Delta: Decodable {
        let content: String?
    }

    let id: String?
    let created: Int?
    let model: String?
    let choices: [Choice]?
    let usage: JSONValue?
    let error: ChatError.Content?
}

/// A streamed answer as it grows, and the response that it comes to: what the API would have sent in one piece.
package struct StreamedAnswer {
    private let secrets: Redaction
    private var head: ChatChunk?
    private var text = ""
    private var usage: JSONValue?
    private var finishReason: String?

    package init() {
        self.init(hiding: Redaction([]))
    }

    /// - Parameter secrets: What the API may not say in an error.
    init(hiding secrets: Redaction) {
        self.secrets = secrets
    }

    /// Whether the answer is whole.
    private(set) var isOver = false

    /// Takes an event.
    ///
    /// - Returns: The text it adds.
    /// - Throws: ``PipelineError`` for an error that the API sends in the middle, and for what is no event of an answer.
    package mutating func add(_ event: [UInt8]) throws(PipelineError) -> String {
        if event.elementsEqual("[DONE]".utf8) {
            isOver = true
            return ""
        }
        guard let chunk = try? JSONDecoder().decode(ChatChunk.self, from: Data(event)) else {
            throw OpenAIError.badResponse("an event of the stream is not the JSON it should be")
        }
        if let error = chunk.error {
            throw OpenAIError.unavailable(
                "the API ended the stream with an error: \(secrets(error.message ?? "").prefix(300))")
        }
        head = head ?? chunk
        if let counted = chunk.usage, counted != .null { usage = counted }
        guard let choice = chunk.choices?.first else { return "" }
        finishReason = choice.finishReason ?? finishReason
        let delta = choice.delta?.content ?? ""
        text += delta
        return delta
    }

    /// The whole answer.
    ///
    /// - Throws: ``PipelineError`` where the stream ended before it.
    package func completion() throws(PipelineError) -> Completion {
        // Some APIs leave [DONE] out.
        guard isOver || finishReason != nil else { throw OpenAIError.unavailable("the stream broke off") }
        guard head != nil else { throw OpenAIError.badResponse("the stream has no answer") }
        return Completion(text: text, tokensUsed: tokensUsed, response: response)
    }

    private var tokensUsed: Int? {
        guard case .object(let counts) = usage, case .int(let total) = counts["total_tokens"] else { return nil }
        return total
    }

    private var response: String {
        var choice = JSONText()
        choice.add("index", raw: "0")
        choice.add("message", raw: "{\"role\":\"assistant\",\"content\":\(JSONText.quoted(text))}")
        choice.add("finish_reason", raw: finishReason.map(JSONText.quoted) ?? "null")
        var object = JSONText()
        if let id = head?.id { object.add("id", id) }
        object.add("object", "chat.completion")
        if let created = head?.created { object.add("created", raw: String(created)) }
        if let model = head?.model { object.add("model", model) }
        object.add("choices", raw: "[\(choice.finished)]")
        if let usage, let json = try? JSONEncoder().encode(usage) {
            object.add("usage", raw: String(decoding: json, as: UTF8.self))
        }
        return object.finished
    }
}
