extension Wiring {
    /// Whether some stage provides the field, or might.
    func isKnown(_ field: Field) -> Bool {
        [.prompt, .completion, .history].contains(field) || Fields.ofError.contains(field)
            || all.flatMap(\.all).contains { $0.stage.provides.contains(field) }
            || registry?.stages(providing: field).isEmpty == false
    }

    /// The field that a name was meant to be.
    private func meant(by name: String, among known: [String]) -> String? {
        if let near = Spelling.nearest(to: name, among: known) { return near }
        switch Synonyms.plain(name) {
        case "username", "user", "user_name", "name": return "session.username"
        case "user_id", "userid": return "session.user_id"
        case "session", "session_id", "id", "conversation": return "session.id"
        case "answer", "response", "reply", "output", "result": return "completion"
        case "message", "input", "question", "query", "text", "msg", "content": return "prompt"
        default: return nil
        }
    }

    /// A field that nobody knows: most often one that is written wrong, in a template or a condition.
    func unknown(_ field: Field, neededBy step: Chain.Step, available: Fields) -> Problem {
        let use = step.fieldUses.first { $0.field == field }
        if let use, use.isFromVariable {
            return Problem(
                code: .wiring, place: use.place,
                message:
                    "stage '\(step.shownName)'\(step.origin ?? "") needs a field that no stage provides: the value of a variable names it "
                    + "in \(use.setting)")
        }
        var known = PipelineWords.fields
        for field in all.flatMap(\.all).flatMap(\.stage.provides) + available where !known.contains(field.name) {
            known.append(field.name)
        }
        let variable = ForeignVariable(in: "{{\(field.name)}}")
        return Problem(
            code: .wiring, place: use?.place ?? step.place,
            message: "stage '\(step.shownName)'\(step.origin ?? "") needs '\(field)', which no stage provides"
                + (variable.map { "; a variable is written ${\($0.name)}" } ?? ""),
            suggestion: variable == nil ? meant(by: field.name, among: known) : nil)
    }
}
