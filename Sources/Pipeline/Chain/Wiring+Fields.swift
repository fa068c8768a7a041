extension Wiring {
    /// Whether some stage provides the field, or might.
    func isKnown(_ field: Field) -> Bool {
        [.prompt, .completion, .history].contains(field) || Fields.ofError.contains(field)
            || all.flatMap(\.all).contains { $0.stage.provides.contains(field) }
            || registry?.stages(providing: field).isEmpty == false
    }

    /// A field that nobody knows: most often one that is written wrong, in a template or a condition.
    func unknown(_ field: Field, neededBy step: Step, available: Fields) -> Problem {
        let use = step.fieldUses.first { $0.field == field }
        if let use, use.isFromVariable {
            return Problem(
                code: .wiring, place: use.place,
                message:
                    "stage '\(step.shownName)'\(step.origin ?? "") needs a field that no stage provides: the value of a variable names it "
                    + "in \(use.setting)")
        }
        var known = FieldPath.builtIn
        for field in all.flatMap(\.all).flatMap(\.stage.provides) + available where !known.contains(field.name) {
            known.append(field.name)
        }
        return Problem(
            code: .wiring, place: use?.place ?? step.place,
            message: "stage '\(step.shownName)'\(step.origin ?? "") needs '\(field)', which no stage provides",
            suggestion: Spelling.nearest(to: field.name, among: known))
    }
}
