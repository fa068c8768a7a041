/// Reads `stages:`, a list of stages with their modifiers.
struct StageSection {
    let registry: Registry

    /// The steps, wired; `nil` where the list can't be used. All that is wrong is reported.
    func read(_ root: Node, with reader: inout SettingReader) -> [Step]? {
        guard let node = root["stages"] else { return nil }
        guard let elements = node.elements, !elements.isEmpty else {
            reader.with(subject: "'stages'") { $0.wrongType(node, expected: .other("list of stages")) }
            return nil
        }
        let entries = elements.compactMap { readEntry($0, with: &reader) }
        let place = root.entries?.first { $0.key.scalar?.text == "stages" }?.key.range ?? node.range
        // Stages with wrong settings still say what they provide; unknown ones might provide anything.
        if entries.count == elements.count {
            for problem in Wiring.problems(in: entries.map(\.step), registry: registry) {
                let place = problem.place ?? node.range
                switch problem.severity {
                case .error: reader.diagnostics.error(problem.code, at: place, problem.message)
                case .warning: reader.diagnostics.warning(problem.code, at: place, problem.message)
                case .note: reader.diagnostics.note(problem.code, at: place, problem.message)
                }
            }
            checkRoles(of: entries.map(\.step), at: place, with: &reader)
        }
        return entries.allSatisfy(\.isGood) ? entries.map(\.step) : nil
    }

    private func checkRoles(of steps: [Step], at place: SourceRange, with reader: inout SettingReader) {
        let entryNames = registry.stages.filter { $0.value.role == .entry }.map { $0.key }.sorted()
        if !steps.contains(where: { type(of: $0.stage).role == .entry }), let name = entryNames.first {
            reader.diagnostics.error(
                .missingEntry, at: place, "messages come in nowhere: begin with '- \(name)'")
        }
        if !steps.contains(where: { type(of: $0.stage).role == .reply }) {
            reader.diagnostics.warning(.missingReply, at: place, "no stage answers the client")
        }
    }

    /// A stage of the file; one with errors keeps its place in the wiring but builds nothing.
    private struct Entry {
        let step: Step
        let isGood: Bool
    }

    private func readEntry(_ node: Node, with reader: inout SettingReader) -> Entry? {
        guard let entry = readContent(of: node, with: &reader) else { return nil }
        var step = entry.step
        step.source = node
        return Entry(step: step, isGood: entry.isGood)
    }

    private func readContent(of node: Node, with reader: inout SettingReader) -> Entry? {
        switch node.content {
        case .scalar(let scalar) where !node.isNull:
            return stage(scalar.text, named: node, settings: nil, modifiers: [], with: &reader)
        case .mapping(let entries) where !entries.isEmpty:
            return readMapping(entries, with: &reader)
        default:
            reader.with(subject: "each entry of 'stages'") {
                $0.wrongType(node, expected: .other("stage's name, or a mapping of it to its settings"))
            }
            return nil
        }
    }

    private func readMapping(_ entries: [Node.Entry], with reader: inout SettingReader) -> Entry? {
        let (modifiers, rest) = entries.partitioned { Modifiers.names.contains($0.name) }
        guard let first = rest.first(where: { registry.stages[$0.name] != nil }) ?? rest.first else {
            reader.diagnostics.error(
                .missingStage, at: entries[0].key.range, "the entry has modifiers but no stage")
            return nil
        }
        let others = rest.filter { $0.key.range != first.key.range }
        for other in others { reportSecond(other, beside: first, with: &reader) }
        let result = stage(
            first.name, named: first.key, settings: first.value, modifiers: modifiers, with: &reader)
        return result.map { Entry(step: $0.step, isGood: $0.isGood && others.isEmpty) }
    }

    private func reportSecond(_ other: Node.Entry, beside first: Node.Entry, with reader: inout SettingReader) {
        let stage = registry.stages[first.name]
        if registry.stages[other.name] != nil {
            reader.diagnostics.error(
                .secondKey, at: other.key.range,
                "'\(other.name)' is a second stage in one entry; begin a new one with '- \(other.name)'")
        } else if let stage, stage.settings.contains(where: { $0.name == other.name }) {
            reader.diagnostics.error(
                .misplacedSetting, at: other.key.range,
                "'\(other.name)' is a setting of stage '\(first.name)': write it inside, "
                    + "as in \(first.name): {\(other.name): …}")
        } else {
            reader.diagnostics.error(
                .unknownModifier, at: other.key.range, "unknown modifier '\(other.name)' of stage '\(first.name)'",
                suggestion: Spelling.nearest(to: other.name, among: Modifiers.names))
        }
    }

    private func stage(
        _ name: String, named key: Node, settings: Node?, modifiers: [Node.Entry], with reader: inout SettingReader
    ) -> Entry? {
        guard let type = registry.stages[name] else {
            reader.diagnostics.error(
                .unknownStage, at: key.range, "unknown stage '\(key.scalar?.written ?? name)'",
                suggestion: Spelling.nearest(to: key.scalar?.written ?? name, among: registry.stages.keys.sorted()))
            return nil
        }
        let owner = Owner("stage '\(name)'", place: key.range)
        let areSettingsUsable = Settings.areMapping(settings, of: owner, with: &reader)
        let stage = areSettingsUsable ? make(type, settings, owner, &reader) : nil
        var step = Step(stage ?? outline(type, settings, owner, reader))
        step.place = key.range
        let errorsBefore = reader.diagnostics.items.count { $0.severity == .error }
        for modifier in modifiers { read(modifier, of: owner, into: &step.modifiers, with: &reader) }
        let errorsAfter = reader.diagnostics.items.count { $0.severity == .error }
        return Entry(step: step, isGood: stage != nil && errorsBefore == errorsAfter)
    }

    private func make<Target: Stage>(
        _ type: Target.Type, _ settings: Node?, _ owner: Owner, _ reader: inout SettingReader
    ) -> (any Stage)? {
        SettingBinder.bind(Target(), to: settings, of: owner, with: &reader)
    }

    private func outline<Target: Stage>(
        _ type: Target.Type, _ settings: Node?, _ owner: Owner, _ reader: SettingReader
    ) -> any Stage {
        SettingBinder.outline(Target(), of: settings, owner: owner, with: reader)
    }

    private func read(
        _ entry: Node.Entry, of owner: Owner, into modifiers: inout Modifiers, with reader: inout SettingReader
    ) {
        let node = entry.value
        reader.with(subject: "'\(entry.name)' of \(owner.name)") { reader in
            switch entry.name {
            case "label": modifiers.label = String.read(node, with: &reader)
            case "async": modifiers.async = AsyncPolicy.read(node, with: &reader) ?? nil
            case "timeout": modifiers.timeout = Duration.readPositive(node, with: &reader)
            case "retry": modifiers.retry = RetryPolicy.read(node, with: &reader)
            case "when": modifiers.when = Condition.read(node, with: &reader)
            default: modifiers.onError = readErrorPolicy(node, with: &reader)
            }
        }
    }

    private func readErrorPolicy(_ node: Node, with reader: inout SettingReader) -> ErrorPolicy {
        if let elements = node.elements {
            return .run(elements.compactMap { readEntry($0, with: &reader) }.map(\.step))
        }
        switch node.scalar?.text {
        case "stop": return .stop
        case "continue": return .continue
        default:
            let known = ["stop", "continue"]
            reader.diagnostics.error(
                .badValue, at: node.range,
                "\(reader.subject) must be stop, continue or a list of stages, not \(node.nature)",
                suggestion: node.scalar.flatMap { Spelling.nearest(to: $0.written, among: known) })
            return .stop
        }
    }
}

extension Node.Entry {
    var name: String { key.scalar?.text ?? "" }
}

extension Duration {
    static func readPositive(_ node: Node, with reader: inout SettingReader) -> Duration? {
        guard let duration = Duration.read(node, with: &reader) else { return nil }
        if duration > .zero { return duration }
        reader.diagnostics.error(.badValue, at: node.range, "\(reader.subject) must be longer than 0")
        return nil
    }
}

extension Array {
    fileprivate func partitioned(_ belongs: (Element) -> Bool) -> (matching: [Element], rest: [Element]) {
        (filter(belongs), filter { !belongs($0) })
    }
}

extension DiagnosticCode {
    /// A stage that there is not.
    public static let unknownStage = DiagnosticCode(rawValue: "unknown_stage")
    /// A modifier that there is not.
    public static let unknownModifier = DiagnosticCode(rawValue: "unknown_modifier")
    /// A setting written beside its stage.
    public static let misplacedSetting = DiagnosticCode(rawValue: "misplaced_setting")
    /// An entry without a stage.
    public static let missingStage = DiagnosticCode(rawValue: "missing_stage")
    /// No stage where messages come in.
    public static let missingEntry = DiagnosticCode(rawValue: "missing_entry")
    /// No stage that answers the client.
    public static let missingReply = DiagnosticCode(rawValue: "missing_reply")
}
