import Pipeline

extension GuaranteeComparison {
    /// The comparison as people read it: a verdict, then each change with what was promised and what is.
    package var text: String {
        let groups: [(title: String, changes: [GuaranteeChange])] = [
            ("Weaker", changes(.weaker)), ("Stronger", changes(.stronger)),
            ("Different, neither weaker nor stronger", changes(.different)),
        ]
        var lines = [verdict]
        for (title, changes) in groups where !changes.isEmpty {
            lines += ["", "\(title):"]
            for change in changes {
                let pipeline = pipelines.count > 1 ? change.pipeline.map { "\($0): " } ?? "" : ""
                lines += [
                    "  \(pipeline)\(change.title)", "    before: \(change.before)", "    now:    \(change.now)",
                ]
            }
        }
        return lines.map(PrintableText.escaped).joined(separator: "\n")
    }

    private var verdict: String {
        let names = pipelines.joined(separator: ", ")
        if changes.isEmpty { return "\(names): every promise is as it was" }
        let counts = [
            (changes(.weaker).count, "weaker"), (changes(.stronger).count, "stronger"),
            (changes(.different).count, "different"),
        ]
        return "\(names): " + counts.map { $0 == 0 ? "none \($1)" : "\($0) \($1)" }.joined(separator: ", ")
    }
}
