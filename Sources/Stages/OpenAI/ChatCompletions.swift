package import Pipeline

/// The body of a call of `POST /chat/completions`.
package struct ChatRequest {
    private var text = JSONText()
    private var keys: [String] = []

    /// What a model is asked, as the API has it.
    package init(_ request: CompletionRequest, isStreamed: Bool = false) {
        let options = request.options
        add("model", .string(request.model))
        text.add("messages", raw: "[\(request.turns.map(ChatRequest.json).joined(separator: ","))]")
        keys.append("messages")
        if let temperature = options?.temperature { add("temperature", .double(temperature)) }
        if let limit = options?.maxTokens { add("max_tokens", .int(limit)) }
        if let stop = options?.stop, !stop.isEmpty { add("stop", .array(stop.map(JSONValue.string))) }
        if let format = options?.responseFormat { add("response_format", format) }
        if isStreamed {
            add("stream", .bool(true))
            add("stream_options", .object(["include_usage": .bool(true)]))
        }
        for (key, value) in (options?.extra ?? [:]).sorted(by: { $0.key < $1.key }) where !keys.contains(key) {
            text.add(key, value)
        }
    }

    private mutating func add(_ key: String, _ value: JSONValue) {
        keys.append(key)
        text.add(key, value)
    }

    private static func json(_ turn: CompletionRequest.Turn) -> String {
        var text = JSONText()
        text.add("role", turn.role.rawValue)
        text.add("content", turn.content)
        return text.finished
    }

    /// The body as it is sent.
    package var json: [UInt8] { text.finishedBytes }
}

/// What is read of the API's response; the whole of it is kept as text.
package struct ChatResponse {
    /// How many choices there are; only the first counts.
    private var choices = 0
    private var text: String?
    private var tokensUsed: Int?

    /// The answer of a response.
    ///
    /// - Throws: `model_bad_response` where there is none.
    package static func completion(
        from body: [UInt8], hiding secrets: Redaction = Redaction([])
    ) throws(PipelineError) -> Completion {
        var response = ChatResponse()
        do throws(JSONReader.Problem) {
            try JSONReader.read(body, isLenient: true) { (reader) throws(JSONReader.Problem) in
                try response.read(&reader)
            }
        } catch {
            // Some APIs say what went wrong with a status that says nothing did.
            if let said = ChatError.text(in: body) {
                throw OpenAIError.unavailable("the API answered: \(secrets(said).prefix(300))")
            }
            throw OpenAIError.badResponse("the API's response is not the JSON it should be: \(error)")
        }
        guard response.choices > 0 else { throw OpenAIError.badResponse("the response has no choices") }
        guard let text = response.text else { throw OpenAIError.badResponse("the response has no text") }
        return Completion(
            text: text, tokensUsed: response.tokensUsed, response: String(decoding: body, as: UTF8.self))
    }

    private mutating func read(_ reader: inout JSONReader) throws(JSONReader.Problem) {
        var hasChoices = false
        try reader.object { (reader, key) throws(JSONReader.Problem) in
            switch key {
            case "choices" where !hasChoices:
                hasChoices = true
                try reader.array { (reader) throws(JSONReader.Problem) in try readChoice(&reader) }
            case "usage":
                tokensUsed = try TokenCount.total(of: reader.members([TokenCount.key]))
            default: try reader.skip()
            }
        }
        guard hasChoices else { throw reader.problem("'choices' is missing") }
    }

    private mutating func readChoice(_ reader: inout JSONReader) throws(JSONReader.Problem) {
        choices += 1
        guard choices == 1 else { return try reader.skip() }
        var hasMessage = false
        try reader.object { (reader, key) throws(JSONReader.Problem) in
            guard key == "message", !hasMessage else { return try reader.skip() }
            hasMessage = true
            text = try reader.text(of: "content")
        }
        guard hasMessage else { throw reader.problem("'message' is missing") }
    }
}

/// What an API says went wrong, in one of the forms that there are: `{"error": {"message": "…"}}`, `{"error": "…"}`,
/// `{"message": "…"}` and `{"detail": "…"}`.
enum ChatError {
    /// `nil` where the body is none of these.
    static func text(in body: [UInt8]) -> String? {
        let names = ["error", "message", "detail"]
        let members = try? JSONReader.members(names, of: body)
        return names.lazy.compactMap { members?[$0].flatMap(text(of:)) }.first
    }

    /// What the value of `error` says.
    static func text(of error: JSONValue) -> String? {
        guard case .object(let members) = error else { return error.text }
        return members["message"]?.text
    }
}
