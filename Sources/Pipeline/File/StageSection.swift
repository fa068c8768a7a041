/// Reads `stages:`, a list of stages with their modifiers.
struct StageSection {
    let registry: Registry

    /// The steps, wired; `nil` where there are none. All that is wrong is reported.
    func read(_ root: Node, with reader: inout SettingReader) -> [Chain.Step]? {
        guard let node = root["stages"] else { return nil }
        guard let elements = node.elements, !elements.isEmpty else {
            let hint =
                node.entries?.isEmpty == false
                ? "put '- ' before each of them, as in '- \(node.entries?[0].name ?? "")'"
                : node.scalar.flatMap { scalar in
                    scalar.isInterpolated || scalar.text.isEmpty
                        ? nil : "write \(scalar.text.replacing(",", with: " ").asWords)"
                }
            reader.with(subject: "'stages'") { $0.wrongType(node, expected: .other("list of stages"), hint: hint) }
            return nil
        }
        let steps = StageReader.steps(elements, knowing: registry, with: &reader)
        let place = root.entries?.first { $0.key.scalar?.text == "stages" }?.key.range ?? node.range
        // Stages with wrong settings still say what they provide; unknown ones might provide anything.
        if reader.stagesAreKnown {
            for problem in Wiring.problems(in: steps, registry: registry) {
                let place = problem.place ?? node.range
                switch problem.severity {
                case .error:
                    reader.diagnostics.error(problem.code, at: place, problem.message, suggestion: problem.suggestion)
                case .warning: reader.diagnostics.warning(problem.code, at: place, problem.message)
                case .note: reader.diagnostics.note(problem.code, at: place, problem.message)
                }
            }
            checkRoles(of: steps, at: place, with: &reader)
            checkUses(of: steps, root["resources"]?.entries ?? [], with: &reader)
        }
        return reader.hasErrors ? nil : steps
    }

    private func checkRoles(of steps: [Chain.Step], at place: SourceRange, with reader: inout SettingReader) {
        let entryNames = registry.stages.filter { $0.value is any EntryStage.Type }.map { $0.key }.sorted()
        var (hasEntry, hasReply) = (false, false)
        for step in steps {
            step.visit {
                hasEntry = hasEntry || $0.isEntry
                hasReply = hasReply || $0.isReply
            }
        }
        if !hasEntry, let name = entryNames.first {
            reader.diagnostics.error(
                .missingEntry, at: place, "no stage receives messages: begin with '- \(name)'")
        }
        // Below a key that nobody knows there may be more of them.
        if !hasReply, !reader.diagnostics.items.contains(where: { $0.code == .unknownKey }) {
            let name = registry.stages.filter { $0.value is any ReplyStage.Type }.keys.min()
            reader.diagnostics.warning(
                .missingReply, at: place,
                "no stage answers the client" + (name.map { "; end with '- \($0)'" } ?? ""))
        }
    }

    /// A resource that is only looked at by those that look at all is used by none.
    private func checkUses(of steps: [Chain.Step], _ entries: [Node.Entry], with reader: inout SettingReader) {
        guard !reader.hasErrors, reader.file.filter == nil else { return }
        let used = Set(steps.flatMap(\.all).flatMap(\.usedResources))
        for entry in entries where !used.contains(entry.name) {
            let kind = reader.resources.first { $0.name == entry.name }.map {
                type(of: $0.resource).kind
            }
            reader.diagnostics.note(
                .unusedResource, at: entry.key.range,
                "no stage uses the resource '\(entry.name)'"
                    + (kind == "queue" ? "; one does with 'async: {queue: \(entry.name)}' beside it" : ""))
        }
    }
}

extension Chain.Step {
    /// The names of the resources that the stage and its queue use; not of those that it only looks at with all others.
    fileprivate var usedResources: [String] {
        let uses = (Property.all(of: stage) + (modifiers.async.map(Property.all) ?? [])).compactMap(\.use)
        let named = uses.filter { !$0.isEverything }.flatMap(\.names)
        if case .hold(_, let shared?) = (stage as? any EntryStage)?.onDisconnect { return named + [shared] }
        return named
    }
}

extension DiagnosticCode {
    /// No stage where messages come in.
    public static let missingEntry = DiagnosticCode(rawValue: "missing_entry")
    /// No stage that answers the client.
    public static let missingReply = DiagnosticCode(rawValue: "missing_reply")
}
