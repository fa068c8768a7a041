import FoundationEssentials
package import Pipeline

/// The body of a call of `POST /chat/completions`.
package struct ChatRequest {
    private var members: [(key: String, json: String)] = []
    private let extra: [String: JSONValue]

    package init(_ request: CompletionRequest, isStreamed: Bool = false) {
        let options = request.options
        extra = options?.extra ?? [:]
        add("model", JSONText.quoted(request.model))
        add("messages", "[\(request.turns.map(ChatRequest.json).joined(separator: ","))]")
        if let temperature = options?.temperature { add("temperature", String(temperature)) }
        if let limit = options?.maxTokens { add("max_tokens", String(limit)) }
        if let stop = options?.stop, !stop.isEmpty { add("stop", JSONValue.array(stop.map(JSONValue.string)).json) }
        if let format = options?.responseFormat { add("response_format", format.json) }
        guard isStreamed else { return }
        add("stream", "true")
        add("stream_options", #"{"include_usage":true}"#)
    }

    private mutating func add(_ key: String, _ json: String) { members.append((key, json)) }

    private static func json(_ turn: CompletionRequest.Turn) -> String {
        var text = JSONText()
        text.add("role", turn.role.rawValue)
        text.add("content", turn.content)
        return text.finished
    }

    package var json: [UInt8] {
        var text = JSONText()
        for member in members { text.add(member.key, raw: member.json) }
        for (key, value) in extra.sorted(by: { $0.key < $1.key }) where !members.contains(where: { $0.key == key }) {
            text.add(key, value)
        }
        return text.finishedBytes
    }
}

/// What is read of the API's response; the whole of it is kept as text.
package struct ChatResponse {
    private var choices: [String?] = []
    private var tokensUsed: Int?

    package static func completion(from body: [UInt8]) throws(PipelineError) -> Completion {
        var response = ChatResponse()
        do throws(JSONReader.Problem) {
            try JSONReader.read(body) { (reader) throws(JSONReader.Problem) in try response.read(&reader) }
        } catch {
            throw OpenAIError.badResponse("the API's response is not the JSON it should be: \(error)")
        }
        guard let choice = response.choices.first else { throw OpenAIError.badResponse("the response has no choices") }
        guard let text = choice else { throw OpenAIError.badResponse("the response has no text") }
        return Completion(
            text: text, tokensUsed: response.tokensUsed, response: String(decoding: body, as: UTF8.self))
    }

    private mutating func read(_ reader: inout JSONReader) throws(JSONReader.Problem) {
        var choices: [String?]?
        var usage = JSONValue.null
        try reader.object { (reader, key) throws(JSONReader.Problem) in
            switch key {
            case "choices": choices = try ChatResponse.choices(&reader)
            case "usage": usage = try reader.value()
            default: try reader.skip()
            }
        }
        guard let choices else { throw reader.problem("'choices' is missing") }
        (self.choices, tokensUsed) = (choices, TokenCount.total(of: usage))
    }

    private static func choices(_ reader: inout JSONReader) throws(JSONReader.Problem) -> [String?] {
        var choices: [String?] = []
        try reader.array { (reader) throws(JSONReader.Problem) in
            var content: String??
            try reader.object { (reader, key) throws(JSONReader.Problem) in
                if key == "message" { content = .some(try reader.text(of: "content")) } else { try reader.skip() }
            }
            guard let content else { throw reader.problem("'message' is missing") }
            choices.append(content)
        }
        return choices
    }
}

extension JSONReader {
    /// The string that an object has for a key, of which the rest is passed over; `nil` where it has none.
    mutating func text(of wanted: String) throws(Problem) -> String? {
        var text: String?
        try object { (reader, key) throws(Problem) in
            if key == wanted { text = try reader.string() } else { try reader.skip() }
        }
        return text
    }
}

/// What an API says that an answer has cost.
enum TokenCount {
    /// An answer whose count can't be read is an answer all the same.
    static func total(of usage: JSONValue) -> Int? {
        guard case .object(let counts) = usage else { return nil }
        return switch counts["total_tokens"] {
        case .int(let total): total
        case .double(let total): Int(exactly: total)
        default: nil
        }
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
