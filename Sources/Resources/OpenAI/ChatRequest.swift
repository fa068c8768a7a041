package import Pipeline

/// The body of a call of `POST /chat/completions`.
package struct ChatRequest {
    private var text = JSONText()
    private let extra: [(key: String, value: JSONSetting)]
    private var taken: [String] = []

    /// What a model is asked, as the API has it.
    package init(_ request: CompletionRequest, isStreamed: Bool = false) {
        let options = request.options
        extra = options?.orderedExtra ?? []
        add("model") { $0.add("model", request.model) }
        text.add("messages", raw: "[\(request.turns.map(ChatRequest.json).joined(separator: ","))]")
        if let options { add(options) }
        if isStreamed {
            text.add("stream", raw: "true")
            add("stream_options") { $0.add("stream_options", raw: #"{"include_usage":true}"#) }
        }
        for (key, value) in extra where value.value != .null && !taken.contains(key) {
            text.add(key, raw: value.json)
        }
    }

    private mutating func add(_ options: CompletionRequest.Options) {
        if let temperature = options.temperature { add("temperature") { $0.add("temperature", .double(temperature)) } }
        if let limit = options.maxTokens { add("max_tokens") { $0.add("max_tokens", .int(limit)) } }
        if !options.stop.isEmpty { add("stop") { $0.add("stop", .array(options.stop.map(JSONValue.string))) } }
        if let format = options.orderedFormat {
            add("response_format") { $0.add("response_format", raw: format.json) }
        }
    }

    /// Adds a key, where the file has not its own for it, or wants none.
    private mutating func add(_ key: String, _ write: (inout JSONText) -> Void) {
        guard let own = extra.first(where: { $0.key == key })?.value else { return write(&text) }
        taken.append(key)
        if own.value != .null { text.add(key, raw: own.json) }
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
