import Pipeline
import PipelineTesting
import Server

/// A recorded conversation as an entry of `tests:`.
struct RecordedTest {
    private let conversation: RecordedConversation
    private let chain: Chain
    private let redact: Redaction
    /// What the client was told of frames that no test can send: they are no JSON objects.
    private var refusals: [PipelineError.Code] = []
    private var sent: [YAMLFlow] = []
    private var usernames: Set<String> = []

    /// - Parameters:
    ///   - chain: What the conversation was had with.
    ///   - redact: Takes out what must not be in a file.
    init(of conversation: RecordedConversation, with chain: Chain, hiding redact: Redaction) {
        (self.conversation, self.chain, self.redact) = (conversation, chain, redact)
        for frame in conversation.heard { add(frame) }
    }

    /// Nothing is left of it that could be sent.
    var isEmpty: Bool { sent.isEmpty }

    /// The lines of the entry, below `tests:`.
    func lines(noting problems: [String] = []) -> [String] {
        var lines = [name]
        if conversation.format == .text { lines.append("format: text") }
        lines += entry("model", model) + entry("database", database)
        lines += sent.count == 1 ? ["send: \(sent[0].text)"] : entry("send", .list(sent))
        lines += entry("expect", expected) + entry("rows", rows)
        let left = refusals.isEmpty ? [] : ["frames that are no JSON objects were left out: \(refusals.count)"]
        let comments = left + problems
        return comments.map { "  # \(PrintableText.indented($0))" }
            + lines.enumerated().map { ($0 == 0 ? "  - " : "    ") + $1 }
    }

    private mutating func add(_ frame: String) {
        guard conversation.format == .json else { return sent.append(text(frame)) }
        let value = JSONValue(json: frame)
        guard let value, case .object(let members) = value else {
            return refusals.append(value == nil ? .invalidJSON : .invalidMessage)
        }
        if let username = members["username"]?.text { usernames.insert(username) }
        if members.count == 1, case .string(let prompt) = members["prompt"] { return sent.append(text(prompt)) }
        sent.append(flow(value))
    }

    private var name: String {
        let first = sent.first.map { redact($0.plainText) } ?? ""
        let short = first.count > 40 ? first.prefix(39) + "…" : first[...]
        let more = sent.count > 1 ? " and \(sent.count - 1) more" : ""
        let time = conversation.begun.description.prefix(16).replacing("T", with: " ")
        return "name: \(YAMLFlow.string("\(short)\(more), recorded \(time)").text)"
    }

    private var model: YAMLFlow? {
        let names = chain.namedResources(of: (any Model).self).map(\.name)
        guard names.count > 1 else { return names.first.map { .list(replies(of: $0)) } }
        return .mapping(names.map { ($0, .list(replies(of: $0))) })
    }

    private func replies(of model: String) -> [YAMLFlow] {
        let replies = conversation.replies.filter { $0.model == model }
        if replies.isEmpty, hasBeenTold(.modelKeyMissing) {
            return [.mapping([("error", .string("model_key_missing"))])]
        }
        return replies.map { reply in
            switch reply.outcome {
            case .answer(let pieces, nil): return text(pieces.joined())
            case .answer(let pieces, let tokens?):
                return .mapping([("answer", text(pieces.joined())), ("tokens", .plain(String(tokens)))])
            case .failure(let pieces, let error):
                let fault = ModelFault(rawValue: error.rawValue) ?? .modelUnavailable
                let end: (String, YAMLFlow) = ("error", .string(fault.rawValue))
                return .mapping(pieces.isEmpty ? [end] : [("stream", .list([text(pieces.joined())])), end])
            // Longer than anybody waits.
            case .none: return .mapping([("error", .string("model_timeout")), ("after", .plain("1h"))])
            }
        }
    }

    private var hasDatabase: Bool { !chain.namedResources(of: (any RowStore).self).isEmpty }

    private var database: YAMLFlow? {
        guard hasDatabase else { return nil }
        var script: [(String, YAMLFlow)] = []
        if conversation.inserts.contains(where: { $0 != .ok }) {
            script.append(("inserts", .list(conversation.inserts.map { .string($0.rawValue) })))
        } else if hasBeenTold(.databaseUnavailable) {
            script.append(("down", .plain("true")))
        }
        let earlier = (conversation.earlier ?? []).map { row in
            YAMLFlow.mapping(columns(of: row) + [("username", text(row.username))])
        }
        if !earlier.isEmpty { script.append(("rows", .list(earlier))) }
        return script.isEmpty ? nil : .mapping(script)
    }

    private var expected: YAMLFlow {
        var refusals = refusals
        return .list(
            conversation.told.filter { frame in
                // What a stage refuses was sent.
                guard case .error(let code) = frame.kind, frame.value["error"]?["stage"] == nil,
                    let index = refusals.firstIndex(of: code)
                else { return true }
                refusals.remove(at: index)
                return false
            }.map(expected))
    }

    private func expected(_ frame: SaidFrame) -> YAMLFlow {
        guard conversation.format == .json else { return text(frame.text) }
        var keys = frame.value["id"].map { [("id", flow($0))] } ?? []
        if let error = frame.value["error"] {
            let parts = ["code", "stage"].compactMap { key in error[key].map { (key, flow($0)) } }
            keys.append(("error", .mapping(parts)))
        } else {
            keys.append(("response", text(frame.text)))
            if let tokens = frame.value["tokens_used"], tokens != .null { keys.append(("tokens_used", flow(tokens))) }
        }
        return .mapping(keys)
    }

    private var rows: YAMLFlow? {
        guard hasDatabase else { return nil }
        return .list(
            conversation.rows.map { table, row in
                let username = usernames.contains(row.username) ? [("username", text(row.username))] : []
                return .mapping((table == "requests" ? [] : [("table", text(table))]) + columns(of: row) + username)
            })
    }

    private func columns(of row: Row) -> [(String, YAMLFlow)] {
        [("prompt", text(row.prompt)), ("response", text(row.response))]
            + (row.tokensUsed.map { [("tokens_used", .plain(String($0)))] } ?? [])
    }

    private func hasBeenTold(_ code: PipelineError.Code) -> Bool {
        conversation.told.contains { $0.kind == .error(code) }
    }

    private func text(_ text: String) -> YAMLFlow { .string(redact(text)) }

    private func flow(_ value: JSONValue) -> YAMLFlow {
        switch value {
        case .string(let value): text(value)
        case .array(let values): .list(values.map(flow))
        case .object(let members):
            .mapping(members.sorted { YAMLFlow.order($0.key, $1.key) }.map { (redact($0.key), flow($0.value)) })
        case .null, .bool, .int, .double: .plain(value.json)
        }
    }

    /// A key with its value, each element of a list that has several on a line of its own.
    private func entry(_ key: String, _ value: YAMLFlow?) -> [String] {
        guard let value else { return [] }
        guard case .list(let elements) = value, elements.count > 1 else { return ["\(key): \(value.text)"] }
        return ["\(key):"] + elements.map { "  - \($0.text)" }
    }
}
