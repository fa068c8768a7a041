import Pipeline

/// What a program may say about a message: only the fields that its stage writes, of their types, and all of them.
struct AnswerContract: Sendable {
    private let writes: [FieldPath]

    init(writes: [FieldPath]) {
        self.writes = writes
    }

    /// Puts what the program said into the message.
    ///
    /// - Parameter pieces: What it said of the answer before, piece by piece; `nil` where it can't.
    /// - Throws: What the program calls an error; `stage_failed` where it broke the contract.
    func apply(
        _ answer: ProgramAnswer, after pieces: String? = nil, to message: inout Message
    ) throws(PipelineError) {
        if let error = answer.error { throw try refusal(error) }
        guard case .object(let fields)? = answer.fields else {
            let isPiece = answer.delta != nil && pieces == nil
            throw .broken("its answer has no 'fields'" + (isPiece ? "; pieces need 'stream: true'" : ""))
        }
        // As one rule for all: a program that was refused has changed nothing.
        var changed = message
        for (name, value) in fields where value != .null && !writes.contains(FieldPath(name)) {
            throw .broken("it set the field '\(name.prefix(40))', which 'writes' doesn't name")
        }
        if let pieces, !pieces.isEmpty, writes.contains(.completion) {
            try set(.completion, to: .string(pieces), in: &changed)
        }
        // In the order of `writes`, but parts of an answer after the answer.
        for path in writes.filter({ !$0.isPartOfCompletion }) + writes.filter(\.isPartOfCompletion) {
            if let value = fields[path.name], value != .null { try set(path, to: value, in: &changed) }
        }
        for path in writes where !isThere(path, in: changed) {
            throw .broken("it did not set the field '\(path.name)', which 'writes' names")
        }
        if message.completion == nil { changed.completion?.response = response(in: fields) }
        message = changed
    }

    /// What is stored with an answer that the program made: what it says besides, as a model's API does.
    private func response(in fields: [String: JSONValue]) -> String? {
        var response: [String: JSONValue] = [:]
        for case .metadata(let key) in writes {
            if let value = fields["metadata.\(key)"], value != .null { response[key] = value }
        }
        return response.isEmpty ? nil : JSONValue.object(response).json
    }

    private func set(_ path: FieldPath, to value: JSONValue, in message: inout Message) throws(PipelineError) {
        switch path {
        case .prompt, .completion, .finishReason:
            guard case .string = value else { throw broken(path, "that is not a string") }
            path.set(value, in: &message)
        case .tokensUsed:
            guard case .int(let count) = value, count >= 0 else { throw broken(path, "that is not a whole number") }
            path.set(value, in: &message)
        case .history:
            guard case .array(let values) = value else { throw broken(path, "that is not a list") }
            let turns = values.compactMap(CompletionRequest.Turn.init(json:))
            guard turns.count == values.count else {
                throw broken(path, "with an element that is not {\"role\": \"user\", \"content\": \"text\"}")
            }
            message.history = turns
        default: path.set(value, in: &message)
        }
    }

    private func broken(_ path: FieldPath, _ what: String) -> PipelineError {
        .broken("it set the field '\(path.name)' to something \(what)")
    }

    /// Whether later stages, which may rely on it, find it.
    private func isThere(_ path: FieldPath, in message: Message) -> Bool {
        guard let field = path.provided, field != .history else { return true }
        return path.value(in: message) != nil
    }

    /// The error that a program answers with. What it says is for clients.
    private func refusal(_ error: JSONValue) throws(PipelineError) -> PipelineError {
        guard case .object(let parts) = error, case .string(let text)? = parts["message"], !text.isEmpty else {
            throw .broken("its 'error' is not an object with a 'message'")
        }
        var code = PipelineError.Code.stageFailed
        switch parts["code"] {
        case nil, .null: break
        case .string(let name) where name.utf8.count <= 64 && !name.isEmpty && name.utf8.allSatisfy(isSnakeCase):
            code = PipelineError.Code(name)
        default: throw .broken("the 'code' of its 'error' is not a name in snake case")
        }
        return PipelineError(code, text, isRetryable: parts["retryable"] == .bool(true))
    }

    private func isSnakeCase(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "_")
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

extension PipelineError {
    /// A program that did not keep to the contract.
    static func broken(_ detail: String) -> PipelineError {
        PipelineError(
            .stageFailed, "The message could not be processed", detail: "the program broke its contract: \(detail)")
    }
}
