/// A value of a message by its name in pipeline files: `prompt`, `session.username`, `metadata.KEY` …
package enum FieldPath: Sendable, Hashable {
    case prompt
    case completion
    case sessionID
    case username
    case userID
    case history
    case tokensUsed
    case finishReason
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
            case "history": .history
            case "tokens_used": .tokensUsed
            case "finish_reason": .finishReason
            case _ where text.hasPrefix("metadata."): .metadata(String(text.dropFirst("metadata.".count)))
            default: .custom(Field(text))
            }
    }

    /// The name in pipeline files.
    package var name: String {
        switch self {
        case .prompt: "prompt"
        case .completion: "completion"
        case .sessionID: "session.id"
        case .username: "session.username"
        case .userID: "session.user_id"
        case .history: "history"
        case .tokensUsed: "tokens_used"
        case .finishReason: "finish_reason"
        case .metadata(let key): "metadata.\(key)"
        case .custom(let field): field.name
        }
    }

    /// The field that an earlier stage must provide; `nil` where there is always something to look at.
    package var field: Field? {
        switch self {
        case .prompt: .prompt
        case .completion, .tokensUsed, .finishReason: .completion
        case .history: .history
        case .custom(let field): field
        case .sessionID, .username, .userID, .metadata: nil
        }
    }

    /// The field that is there for certain once this was written; `nil` where no stage needs to be sure of it.
    package var provided: Field? {
        switch self {
        case .prompt, .completion, .history, .custom: field
        case .tokensUsed, .finishReason, .sessionID, .username, .userID, .metadata: nil
        }
    }

    /// Whether it is a part of an answer, which is there before it.
    package var isPartOfCompletion: Bool { self == .tokensUsed || self == .finishReason }

    package func value(in message: Message) -> JSONValue? {
        switch self {
        case .prompt: .string(message.prompt)
        case .completion: message.completion.map { .string($0.text) }
        case .sessionID: .string(message.session.id)
        case .username: .string(message.session.username)
        case .userID: message.session.userID.map(JSONValue.string)
        case .history: message.history.isEmpty ? nil : .array(message.history.map(\.json))
        case .tokensUsed: message.completion?.tokensUsed.map(JSONValue.int)
        case .finishReason: message.completion?.finishReason.map(JSONValue.string)
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
        case .prompt, .completion, .tokensUsed, .finishReason, .metadata: true
        case .custom(let field): !Fields.ofError.contains(field)
        case .sessionID, .username, .userID, .history: false
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
        case .tokensUsed: message.completion?.tokensUsed = value.count
        case .finishReason: message.completion?.finishReason = value.text
        case .metadata(let key): message.metadata[key] = value
        case .custom(let field): message[field] = value
        case .sessionID, .username, .userID, .history: break
        }
    }
}

extension [FieldPath] {
    /// What must be there for these to be written: an answer, where parts of one are written and it is not.
    package var requiredToWrite: Fields {
        contains(where: \.isPartOfCompletion) && !contains(.completion) ? [.completion] : []
    }
}

extension JSONValue {
    /// A whole number of things, also where it is written as text; `nil` for anything else.
    fileprivate var count: Int? {
        let number: Int? =
            switch self {
            case .int(let number): number
            case .string(let text): Int(text)
            default: nil
            }
        return number.flatMap { $0 >= 0 ? $0 : nil }
    }
}

extension CompletionRequest.Turn {
    /// As models' APIs have it: who spoke, and what was said.
    package var json: JSONValue { .object(["role": .string(role.rawValue), "content": .string(content)]) }

    /// `nil` where a value is no turn.
    package init?(json: JSONValue) {
        guard case .object(let parts) = json, case .string(let name)? = parts["role"], let role = Role(rawValue: name),
            case .string(let content)? = parts["content"]
        else { return nil }
        self.init(role, content)
    }
}
