package import Pipeline

/// What models do in a test.
package struct ModelScript: SettingValue {
    /// The replies of the models that have a name here.
    package let named: [String: [ScriptedReply]]

    /// The replies of all models together; `nil` where they are given by name.
    package let common: [ScriptedReply]?

    /// Where it stands.
    package let place: SourceRange

    package static var settingType: SettingType {
        let replies = SettingType.list(ScriptedReply.settingType)
        return .named("list of replies, or mapping of models to such lists", .either([replies, .dictionary(replies)]))
    }

    package static func read(_ node: Node, with reader: inout SettingReader) -> ModelScript? {
        if node.elements != nil {
            return [ScriptedReply].read(node, with: &reader).map {
                ModelScript(named: [:], common: $0, place: node.range)
            }
        }
        guard node.entries != nil else {
            reader.wrongType(node, expected: settingType)
            return nil
        }
        return [String: [ScriptedReply]].read(node, with: &reader).map {
            ModelScript(named: $0, common: nil, place: node.range)
        }
    }
}

/// One reply of a model in a test.
package struct ScriptedReply: SettingValue {
    /// The written form.
    package struct Written: SettingGroup {
        @Setting("The answer's text.") package var answer: String?
        @Setting("The answer in pieces; with 'error', what comes before it breaks off.")
        package var stream: [String] = []
        @Setting("The tokens that it costs.", in: 0...) package var tokens: Int?
        @Setting("The API's whole response, which is stored.") package var response: JSONSetting?
        @Setting("What goes wrong.") package var error: ModelFault?
        @Setting("How long it takes; the test doesn't wait, its clock is moved.") package var after: Duration = .zero
        package init() {}
    }

    /// What is said of it.
    package let written: Written

    package static var settingType: SettingType {
        .named("answer, or mapping with what is replied", .either([.string, Written.settingType]))
    }

    package static func read(_ node: Node, with reader: inout SettingReader) -> ScriptedReply? {
        guard node.entries != nil else {
            if node.scalar == nil {
                reader.wrongType(node, expected: settingType)
                return nil
            }
            return String.read(node, with: &reader).map { text in
                var written = Written()
                written.answer = text
                return ScriptedReply(written: written)
            }
        }
        guard let written = Written.read(node, with: &reader) else { return nil }
        let isAnswer = written.answer != nil
        let isStream = !written.stream.isEmpty
        if isAnswer && (isStream || written.error != nil) || !isAnswer && !isStream && written.error == nil {
            reader.diagnostics.error(
                .badValue, at: node.range,
                "\(reader.subject) must have 'answer', 'stream' or 'error', and only 'stream' and 'error' together")
            return nil
        }
        return ScriptedReply(written: written)
    }
}

/// What goes wrong with a model in a test.
package enum ModelFault: String, CaseIterable, SettingValue {
    case modelKeyMissing = "model_key_missing"
    case modelUnauthorized = "model_unauthorized"
    case modelTimeout = "model_timeout"
    case modelRateLimited = "model_rate_limited"
    case modelUnavailable = "model_unavailable"
    case modelBadResponse = "model_bad_response"
    case modelFiltered = "model_filtered"
}

/// What databases do in a test.
package struct DatabaseScript: SettingGroup {
    @Setting("Whether they can't be reached.") package var down = false
    @Setting("What becomes of the first inserts, in order; those after them are good.")
    package var inserts: [InsertOutcome] = []
    @Setting("Rows that the client's session has already, each with 'prompt', 'response' and more.")
    package var rows: [StoredRow] = []
    package init() {}
}

/// What becomes of an insert in a test.
package enum InsertOutcome: String, CaseIterable, SettingValue {
    case ok
    case databaseUnavailable = "database_unavailable"
    case stageFailed = "stage_failed"
}

/// A row that is there when a test begins.
package struct StoredRow: SettingGroup {
    @Setting("What was asked.") package var prompt: String
    @Setting("What was answered.") package var response: String
    @Setting("The tokens that it cost.", in: 0...) package var tokensUsed: Int?
    @Setting("Who asked.") package var username = "WebUser"
    package init() {}
}
