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

    /// The name, as pipeline files have it.
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
        case .metadata(let key): message.metadata[key]
        case .custom(let field): message[field]
        }
    }
}
