import Pipeline

/// A YAML value on one line, with the keys in their order.
indirect enum YAMLFlow {
    case string(String)
    /// What needs no quotes: a number, a boolean, a code.
    case plain(String)
    case list([YAMLFlow])
    case mapping([(key: String, value: YAMLFlow)])

    /// As a file has it.
    var text: String {
        switch self {
        case .string(let text): Self.isWord(text) ? text : Self.quoted(text)
        case .plain(let text): text
        case .list(let elements): "[\(elements.map(\.text).joined(separator: ", "))]"
        case .mapping(let entries):
            "{\(entries.map { "\(YAMLFlow.string($0.key).text): \($0.value.text)" }.joined(separator: ", "))}"
        }
    }

    /// What it says, for a title: a prompt where it has one.
    var plainText: String {
        switch self {
        case .string(let text), .plain(let text): text
        case .mapping(let entries): entries.first { $0.key == "prompt" }?.value.plainText ?? text
        case .list: text
        }
    }

    /// What a frame is about comes first.
    static func order(_ one: String, _ other: String) -> Bool {
        let first = ["type", "prompt", "id", "username"]
        let ranks = (first.firstIndex(of: one) ?? first.count, first.firstIndex(of: other) ?? first.count)
        return ranks.0 == ranks.1 ? one < other : ranks.0 < ranks.1
    }

    /// JSON's strings are YAML's in double quotes; `${` would be a variable.
    private static func quoted(_ text: String) -> String {
        JSONText.quoted(text).replacing("${", with: "$${")
    }

    /// Whether it needs no quotes.
    private static func isWord(_ text: String) -> Bool {
        guard let first = text.first, first.isASCII, first.isLetter else { return false }
        // YAML 1.1 reads these as booleans or as nothing.
        if ["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(text.lowercased()) { return false }
        return text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") }
    }
}
