package import Pipeline

/// What is read of one event of a streamed answer.
struct ChatChunk {
    /// What the answer has in common: `id`, `created`, `model` and the like, whatever their types.
    private(set) var head: [(key: String, value: JSONValue)] = []
    private(set) var usage: JSONValue?
    /// The text that it adds, if it has any.
    private(set) var delta: String?
    private(set) var finishReason: String?
    /// What went wrong, where it is that it says.
    private(set) var error: String?

    init(_ event: [UInt8]) throws(JSONReader.Problem) {
        try JSONReader.read(event, isLenient: true) { (reader) throws(JSONReader.Problem) in
            try reader.object { (reader, key) throws(JSONReader.Problem) in
                switch key {
                case "id", "created", "model", "service_tier", "system_fingerprint":
                    head.append((key, try reader.value()))
                case "usage": usage = try reader.value()
                case "choices": if try !reader.takesNull() { try readChoices(&reader) }
                case "error": error = try reader.takesNull() ? nil : ChatError.text(of: reader.value()) ?? ""
                default: try reader.skip()
                }
            }
        }
    }

    /// Only the first counts: more than one is never asked for.
    private mutating func readChoices(_ reader: inout JSONReader) throws(JSONReader.Problem) {
        var isFirst = true
        try reader.array { (reader) throws(JSONReader.Problem) in
            guard isFirst else { return try reader.skip() }
            isFirst = false
            try reader.object { (reader, key) throws(JSONReader.Problem) in
                switch key {
                case "finish_reason": finishReason = try reader.value().text
                case "delta": delta = try reader.takesNull() ? nil : reader.text(of: "content")
                default: try reader.skip()
                }
            }
        }
    }
}

/// A streamed answer as it grows, and the response that it comes to: what the API would have sent in one piece.
package struct StreamedAnswer {
    /// As much as an answer that comes whole may have.
    private static let limit = 1 << 20

    private let secrets: Redaction
    private var head: [(key: String, value: JSONValue)]?
    private var text: String?
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
        let chunk: ChatChunk
        do throws(JSONReader.Problem) {
            chunk = try ChatChunk(event)
        } catch {
            throw OpenAIError.badResponse("an event of the stream is not the JSON it should be: \(error)")
        }
        if let error = chunk.error {
            throw OpenAIError.unavailable("the API ended the stream with an error: \(secrets(error).prefix(300))")
        }
        head = head ?? chunk.head
        if let counted = chunk.usage, counted != .null { usage = counted }
        finishReason = chunk.finishReason ?? finishReason
        guard let delta = chunk.delta else { return "" }
        if text?.append(delta) == nil { text = delta }
        guard text?.utf8.count ?? 0 <= StreamedAnswer.limit else {
            throw OpenAIError.badResponse("the answer has more than \(StreamedAnswer.limit) bytes")
        }
        return delta
    }

    /// The whole answer.
    ///
    /// - Throws: ``PipelineError`` where the stream ended before it.
    package func completion() throws(PipelineError) -> Completion {
        // Some APIs leave [DONE] out.
        guard isOver || finishReason != nil else { throw OpenAIError.unavailable("the stream broke off") }
        guard head != nil else { throw OpenAIError.badResponse("the stream has no answer") }
        // As of an answer that comes whole: the model asked for tools, or refused.
        guard let text else { throw OpenAIError.badResponse("the answer has no text") }
        return Completion(text: text, tokensUsed: tokensUsed, response: response(text))
    }

    private var tokensUsed: Int? {
        guard case .object(let counts) = usage else { return nil }
        return TokenCount.total(of: counts)
    }

    private func response(_ text: String) -> String {
        var choice = JSONText()
        choice.add("index", raw: "0")
        choice.add("message", raw: "{\"role\":\"assistant\",\"content\":\(JSONText.quoted(text))}")
        choice.add("finish_reason", raw: finishReason.map(JSONText.quoted) ?? "null")
        var object = JSONText()
        object.add("object", "chat.completion")
        for member in head ?? [] { object.add(member.key, member.value) }
        object.add("choices", raw: "[\(choice.finished)]")
        if let usage { object.add("usage", raw: usage.json) }
        return object.finished
    }
}
