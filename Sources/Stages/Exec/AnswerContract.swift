import Pipeline

/// What a program may say about a message: only the fields that its stage writes, of their types, and all of them.
struct AnswerContract: Sendable {
    private let writes: [Field]

    init(writes: [Field]) {
        self.writes = writes
    }

    /// Puts what the program said into the message.
    ///
    /// - Throws: What the program calls an error; `stage_failed` where it broke the contract.
    func apply(_ answer: ProgramAnswer, to message: inout Message) throws(PipelineError) {
        if let error = answer.error { throw try refusal(error) }
        guard case .object(let fields)? = answer.fields else { throw .broken("its answer has no 'fields'") }
        // As one rule for all: a program that was refused has changed nothing.
        var changed = message
        for (name, value) in fields where value != .null {
            let field = Field(name)
            guard writes.contains(field) else {
                throw .broken("it set the field '\(name.prefix(40))', which 'writes' doesn't name")
            }
            try set(field, to: value, in: &changed)
        }
        for field in writes where !isThere(field, in: changed) {
            throw .broken("it did not set the field '\(field)', which 'writes' names")
        }
        message = changed
    }

    private func set(_ field: Field, to value: JSONValue, in message: inout Message) throws(PipelineError) {
        switch field {
        case .prompt: message.prompt = try string(value, of: field)
        case .completion:
            let text = try string(value, of: field)
            if message.completion == nil { message.completion = Completion(text: text) }
            message.completion?.text = text
        default: message[field] = value
        }
    }

    private func string(_ value: JSONValue, of field: Field) throws(PipelineError) -> String {
        if case .string(let text) = value { return text }
        throw .broken("it set the field '\(field)' to something that is not a string")
    }

    private func isThere(_ field: Field, in message: Message) -> Bool {
        switch field {
        case .prompt: true
        case .completion: message.completion != nil
        default: message[field] != nil
        }
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
