extension Chain.Step {
    /// The lists of stages inside it, those that run after an error included.
    var inner: [[Chain.Step]] {
        var lists = composite?.branches.map(\.steps) ?? []
        if case .run(let errorSteps) = modifiers.onError { lists.append(errorSteps) }
        return lists
    }

    /// It and every step inside it.
    var all: [Chain.Step] {
        let inner = inner
        return inner.isEmpty ? [self] : [self] + inner.flatMap { $0.flatMap(\.all) }
    }

    /// Looks at it and at every step inside it, which ``all`` would copy.
    func visit(_ look: (Chain.Step) -> Void) {
        look(self)
        for list in inner {
            for step in list { step.visit(look) }
        }
    }

    /// Those of them that a message has been through once it leaves the step; none behind a queue.
    var inTurn: [Chain.Step] { modifiers.async == nil ? [self] + inner.flatMap { $0.flatMap(\.inTurn) } : [] }
}
