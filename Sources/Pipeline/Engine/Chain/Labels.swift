/// Gives every step a name of its own: its label, or the stage's name with `-2`, `-3` … where it comes again.
struct Labels {
    private var taken: Set<String>

    /// Labels that were chosen go before those that are made up.
    init(_ steps: [Chain.Step]) {
        taken = Set(Labels.chosen(in: steps).map(\.text))
    }

    mutating func label(for step: Chain.Step) -> String {
        if let label = step.modifiers.label { return label }
        var label = step.name
        var number = 2
        while !taken.insert(label).inserted {
            label = "\(step.name)-\(number)"
            number += 1
        }
        return label
    }

    /// The labels that the author chose, in order, those of nested steps included, and where their stages are.
    static func chosen(in steps: [Chain.Step]) -> [(text: String, place: SourceRange?)] {
        var chosen: [(text: String, place: SourceRange?)] = []
        for step in steps {
            if let label = step.modifiers.label { chosen.append((label, step.place)) }
            for inner in step.inner { chosen += Labels.chosen(in: inner) }
        }
        return chosen
    }
}
