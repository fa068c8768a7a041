extension Chain.Step {
    /// The step, and those inside it, without files that take what fails: a test leaves nothing behind.
    var withoutDeadLetters: Chain.Step {
        var copy = self
        copy.modifiers.async?.deadLetter = nil
        if var composite = copy.composite {
            composite.branches = composite.branches.map { Chain.StageList($0.steps.map(\.withoutDeadLetters)) }
            copy.stage = composite
        }
        if case .run(let steps) = modifiers.onError { copy.modifiers.onError = .run(steps.map(\.withoutDeadLetters)) }
        return copy
    }
}
