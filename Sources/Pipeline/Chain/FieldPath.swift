/// A value of a message by its name in pipeline files: `prompt`, `session.username`, `metadata.KEY` …
package enum FieldPath: Sendable, Hashable {
    case prompt
    case completion
    case sessionID
    case username
    case userID
    case metadata(String)
    case custom(Field)

    package init(_ text: String) {
        self =
            switch text {
            case "prompt": .prompt
            case "completion": .completion
            case "session.id": .sessionID
            case "session.username": .username
            case "session.user_id": .userID
            case _ where text.hasPrefix("metadata."): .metadata(String(text.dropFirst("metadata.".count)))
            default: .custom(Field(text))
            }
    }

    /// The names that every message has, for suggestions.
    package static let builtIn = ["prompt", "completion", "session.id", "session.username", "session.user_id"]

    /// The name in pipeline files.
    package var name: String {
        switch self {
        case .prompt: "prompt"
        case .completion: "completion"
        case .sessionID: "session.id"
        case .username: "session.username"
        case .userID: "session.user_id"
        case .metadata(let key): "metadata.\(key)"
        case .custom(let field): field.name
        }
    }

    /// The field that an earlier stage must provide; `nil` where there is always something to look at.
    package var field: Field? {
        switch self {
        case .prompt: .prompt
        case .completion: .completion
        case .custom(let field): field
        case .sessionID, .username, .userID, .metadata: nil
        }
    }

    package func value(in message: Message) -> JSONValue? {
        switch self {
        case .prompt: .string(message.prompt)
        case .completion: message.completion.map { .string($0.text) }
        case .sessionID: .string(message.session.id)
        case .username: .string(message.session.username)
        case .userID: message.session.userID.map(JSONValue.string)
        case .metadata(let key):
            message.metadata.index(forKey: key).flatMap { index in
                // A dictionary takes keys that look alike for one.
                let (name, value) = message.metadata[index]
                return name.isExactly(key) ? value : nil
            }
        case .custom(let field): message[field]
        }
    }

    /// Whether stages may change it: a session is its client's, and an error what it was.
    package var isWritable: Bool {
        switch self {
        case .prompt, .completion, .metadata: true
        case .custom(let field): field != .history && !Fields.ofError.contains(field)
        case .sessionID, .username, .userID: false
        }
    }

    /// Puts a value into a message, where that may be changed. Prompt and answer are texts; other values become theirs.
    package func set(_ value: JSONValue, in message: inout Message) {
        switch self {
        case .prompt: message.prompt = value.text ?? value.json
        case .completion:
            let text = value.text ?? value.json
            if message.completion == nil {
                message.completion = Completion(text: text)
            } else {
                message.completion?.text = text
            }
        case .metadata(let key): message.metadata[key] = value
        case .custom(let field): message[field] = value
        case .sessionID, .username, .userID: break
        }
    }
}
