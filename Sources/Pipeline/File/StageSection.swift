/// Reads `stages:`, a list of stages with their modifiers.
struct StageSection {
    let registry: Registry

    /// The steps, wired; `nil` where there are none. All that is wrong is reported.
    func read(_ root: Node, with reader: inout SettingReader) -> [Step]? {
        guard let node = root["stages"] else { return nil }
        guard let elements = node.elements, !elements.isEmpty else {
            reader.with(subject: "'stages'") { $0.wrongType(node, expected: .other("list of stages")) }
            return nil
        }
        let steps = StageReader.steps(elements, with: &reader)
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
        }
        return reader.hasErrors ? nil : steps
    }

    private func checkRoles(of steps: [Step], at place: SourceRange, with reader: inout SettingReader) {
        let entryNames = registry.stages.filter { $0.value.role == .entry }.map { $0.key }.sorted()
        var roles: [StageRole] = []
        for step in steps { step.visit { roles.append(type(of: $0.stage).role) } }
        if !roles.contains(.entry), let name = entryNames.first {
            reader.diagnostics.error(
                .missingEntry, at: place, "messages come in nowhere: begin with '- \(name)'")
        }
        if !roles.contains(.reply) {
            reader.diagnostics.warning(.missingReply, at: place, "no stage answers the client")
        }
    }
}

extension DiagnosticCode {
    /// No stage where messages come in.
    public static let missingEntry = DiagnosticCode(rawValue: "missing_entry")
    /// No stage that answers the client.
    public static let missingReply = DiagnosticCode(rawValue: "missing_reply")
}
