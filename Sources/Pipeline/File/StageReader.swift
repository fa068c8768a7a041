/// Reads the entries of a list of stages, be it `stages:` or a list inside a stage.
struct StageReader {
    private let registry: Registry

    /// The steps in order, with everything that is wrong reported. One with wrong settings keeps its place; one that is
    /// unknown is left out, and the reader knows it.
    static func steps(_ nodes: [Node], knowing registry: Registry, with reader: inout SettingReader) -> [Chain.Step] {
        let stages = StageReader(registry: registry)
        return nodes.compactMap { node in
            guard var step = stages.read(node, with: &reader) else {
                reader.stagesAreKnown = false
                return nil
            }
            // What stands in another file is part of what the file says.
            step.source = step.source.map { Node(content: .sequence([node, $0]), range: node.range) } ?? node
            return step
        }
    }

    private func read(_ node: Node, with reader: inout SettingReader) -> Chain.Step? {
        switch node.content {
        case .scalar(let scalar) where !node.isNull:
            return stage(scalar.text, named: node, settings: nil, beside: [], with: &reader)
        case .mapping(let entries) where !entries.isEmpty:
            return readMapping(entries, with: &reader)
        default:
            let hint =
                node.elements?.count == 1
                ? "one '-' is enough" : node.isNull ? "take the '-' away, or name a stage" : nil
            reader.with(subject: "each entry of 'stages'") {
                $0.wrongType(node, expected: .other("stage's name, or a mapping of it to its settings"), hint: hint)
            }
            return nil
        }
    }

    private func readMapping(_ entries: [Node.Entry], with reader: inout SettingReader) -> Chain.Step? {
        let (modifiers, rest) = entries.partitioned { PipelineWords.modifiers.contains($0.name) }
        guard let first = rest.first(where: { registry.stages[$0.name] != nil }) ?? rest.first else {
            reader.diagnostics.error(
                .missingStage, at: entries[0].key.range, "the entry has modifiers but no stage")
            return nil
        }
        if isNamedByKey(first, with: &reader) { return nil }
        let besides = (registry.stages[first.name] as? any AbbreviatedStage.Type)?.settingsBeside ?? []
        let (beside, others) = rest.filter { $0.key.range != first.key.range }.partitioned { besides.contains($0.name) }
        // Of a stage that nobody knows nobody knows what may stand beside it.
        let isKnown = registry.stages[first.name] != nil
        let empty = modifiers.filter(\.value.isNull)
        var reported: Set<String> = []
        for other in others where isKnown || registry.stages[other.name] != nil {
            let owner = empty.first { Chain.Modifiers.settings(of: $0.name).contains(other.name) }?.name
            if let owner {
                if reported.insert(owner).inserted {
                    reportOutdented(other, of: "'\(owner)'", beside: owner, with: &reader)
                }
            } else if first.value.isNull, hasSetting(other.name, first.name) {
                if reported.insert(first.name).inserted {
                    reportOutdented(other, of: "stage '\(first.name)'", beside: first.name, with: &reader)
                }
            } else {
                reportSecond(other, beside: first, with: &reader)
            }
        }
        // One that is written wrong is not missing as well.
        let misspelt = others.compactMap { other -> Node.Entry? in
            guard let meant = Spelling.meant(by: other.name, among: besides + PipelineWords.modifiers),
                besides.contains(meant),
                isKnown, registry.stages[other.name] == nil
            else { return nil }
            return Node.Entry(key: Node(content: .scalar(Scalar(meant)), range: other.key.range), value: other.value)
        }
        let whole = modifiers.filter { !reported.contains($0.name) }
        return stage(
            first.name, named: first.key, settings: first.value, beside: whole + beside + misspelt, with: &reader)
    }

    private func hasSetting(_ name: String, _ stage: String) -> Bool {
        registry.stages[stage]?.settings.contains { $0.name == name } ?? false
    }

    /// A setting in the line below its owner that is indented no further than it.
    private func reportOutdented(
        _ entry: Node.Entry, of owner: String, beside name: String, with reader: inout SettingReader
    ) {
        reader.diagnostics.error(
            .misplacedSetting, at: entry.key.range,
            "'\(entry.name)' is a setting of \(owner): indent it further than '\(name)', or write \(name): "
                + "{\(entry.name): …}")
    }

    /// `name: receive`, as other programs name a step.
    private func isNamedByKey(_ entry: Node.Entry, with reader: inout SettingReader) -> Bool {
        guard ["name", "stage", "type", "step", "uses", "kind", "id", "task", "run"].contains(entry.name),
            registry.stages[entry.name] == nil, let written = entry.value.scalar?.written,
            let name = registry.stages[written] != nil
                ? written : Spelling.meant(by: written, among: registry.stages.keys.sorted())
        else { return false }
        reader.diagnostics.error(
            .unknownStage, at: entry.key.range,
            "the stage's name is the key, with its settings behind it: write '- \(name): {…}'")
        return true
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
            let besides = (stage as? any AbbreviatedStage.Type)?.settingsBeside ?? []
            let known = besides + PipelineWords.modifiers
            let meant = Spelling.meant(by: other.name, among: known)
            let problem = ForeignMarks.problem(of: other.name)
            let list = problem.map { ": \($0)" } ?? "; there are: \(known.joined(separator: ", "))"
            reader.diagnostics.error(
                .unknownModifier, at: other.key.range,
                "unknown modifier '\(other.name)' of stage '\(first.name)'\(meant == nil ? list : "")",
                suggestion: meant)
        }
    }

    /// - Parameter beside: The modifiers, and the settings that stand beside the stage.
    private func stage(
        _ name: String, named key: Node, settings: Node?, beside: [Node.Entry], with reader: inout SettingReader
    ) -> Chain.Step? {
        guard let type = registry.stages[name] else {
            reportUnknown(key.scalar?.written ?? name, at: key.range, with: &reader)
            return nil
        }
        let owner = Owner("stage '\(name)'", place: key.range)
        let (modifiers, more) = beside.partitioned { PipelineWords.modifiers.contains($0.name) }
        let settings = (type as? any AbbreviatedStage.Type)?.written(out: settings, with: more) ?? settings
        let outerUses = reader.fieldUses
        reader.fieldUses = []
        defer { reader.fieldUses = outerUses }
        let areSettingsUsable = Settings.areMapping(settings, of: owner, type, with: &reader)
        var stage = areSettingsUsable ? make(type, settings, owner, &reader) : nil
        var usedRoot: Node?
        if var use = stage as? Use {
            let used = UsedFile(use, at: key.range, written: settings).read(with: &reader)
            use.stages = Chain.StageList(used?.steps ?? [])
            usedRoot = used?.root
            stage = used == nil ? nil : use
        }
        if stage == nil, type is any CompositeStage.Type {
            reader.stagesAreKnown = false
            return nil
        }
        var step = Chain.Step(stage ?? outline(type, settings, owner, reader))
        step.isWhole = stage != nil
        step.place = key.range
        step.source = usedRoot
        for modifier in modifiers { read(modifier, of: owner, into: &step.modifiers, with: &reader) }
        step.fieldUses = reader.fieldUses
        return step
    }

    private func reportUnknown(_ name: String, at range: SourceRange, with reader: inout SettingReader) {
        let known = registry.stages.keys.sorted()
        let word = String(name.prefix { $0.isLetter || $0.isNumber || $0 == "_" })
        let isFollowed = word.count < name.count && registry.stages[word] != nil
        let meant = isFollowed ? nil : Spelling.meant(by: name, among: known)
        let hint =
            ForeignMarks.problem(of: name).map { ": \($0)" }
            ?? (isFollowed
                ? name.hasSuffix(":")
                    ? "; take the quotes away: \(name)" : "; its settings follow a ':', as in '- \(word): {…}'"
                : meant == nil ? "; there are: \(known.joined(separator: ", ")); \(Registry.hint)" : "")
        reader.diagnostics.error(
            .unknownStage, at: range, "unknown stage '\(name)'\(hint)", suggestion: hint.isEmpty ? meant : nil)
    }

    private func make<Target: Stage>(
        _ type: Target.Type, _ settings: Node?, _ owner: Owner, _ reader: inout SettingReader
    ) -> (any Stage)? {
        SettingBinder.bind(Prototype<Target>(), to: settings, of: owner, with: &reader)
    }

    private func outline<Target: Stage>(
        _ type: Target.Type, _ settings: Node?, _ owner: Owner, _ reader: SettingReader
    ) -> any Stage {
        SettingBinder.outline(Target.self, of: settings, owner: owner, with: reader)
    }

    private func read(
        _ entry: Node.Entry, of owner: Owner, into modifiers: inout Chain.Modifiers, with reader: inout SettingReader
    ) {
        let node = entry.value
        reader.with(subject: "'\(entry.name)' of \(owner.name)") { reader in
            switch entry.name {
            case "label": modifiers.label = String.read(node, with: &reader)
            case "async" where modifiers.async != nil:
                reader.diagnostics.error(
                    .misplacedModifier, at: entry.key.range,
                    "\(owner.name) has a queue already; what 'async' says belongs among its settings")
            case "async":
                modifiers.async =
                    reader.curing(node, of: .boolean) { Chain.AsyncPolicy.read($0, with: &$1) } ?? nil
            case "timeout":
                modifiers.timeout = reader.curing(node, of: .duration) { Duration.readPositive($0, with: &$1) }
            case "retry":
                modifiers.retry = reader.curing(node, of: Chain.RetryPolicy.settingType) {
                    Chain.RetryPolicy.read($0, with: &$1)
                }
            case "when":
                modifiers.when = reader.curing(node, of: Chain.Condition.settingType) {
                    Chain.Condition.read($0, with: &$1)
                }
            default:
                modifiers.onError =
                    reader.curing(node, of: .stages) { readErrorPolicy($0, with: &$1) } ?? .stop
            }
            if !reader.hasErrors { reader.lookForSlips(in: entry, of: .any) }
        }
    }

    private func readErrorPolicy(_ node: Node, with reader: inout SettingReader) -> Chain.ErrorPolicy? {
        if let elements = node.elements {
            return .run(StageReader.steps(elements, knowing: registry, with: &reader))
        }
        switch node.scalar?.text {
        case "stop": return .stop
        case "continue": return .continue
        default:
            let known = ["stop", "continue"]
            reader.diagnostics.error(
                .badValue, at: node.range,
                "\(reader.subject) must be stop, continue or a list of stages, not \(node.nature)",
                suggestion: node.scalar.flatMap { Spelling.meant(by: $0.written, among: known) })
            return nil
        }
    }
}

extension AbbreviatedStage {
    /// Settings with those that stand right behind the stage's name, or beside it, under their own names.
    fileprivate static func written(out settings: Node?, with beside: [Node.Entry]) -> Node? {
        let main = Self.settings.first { $0.name == mainSetting }
        let takesMapping = if case .dictionary = main?.type { true } else { false }
        guard let settings, !settings.isNull, takesMapping || settings.entries == nil || !beside.isEmpty else {
            return settings
        }
        func entry(_ name: String, _ value: Node) -> Node.Entry {
            Node.Entry(key: Node(content: .scalar(Scalar(name)), range: value.range), value: value)
        }
        let isWrittenOut = settings.entries != nil && !takesMapping
        let own = isWrittenOut ? settings.entries ?? [] : [entry(mainSetting, settings)]
        return Node(content: .mapping(own + beside), range: settings.range)
    }
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
}
