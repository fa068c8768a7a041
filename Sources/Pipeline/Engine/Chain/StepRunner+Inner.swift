/// What is inside a step, and what it uses.
extension StepRunner {
    /// The runners inside this step: those that a composite stage holds, and those of its error policy.
    package var inner: [StepRunner] {
        (composite?.branches.flatMap(\.stepList.steps) ?? []) + errorSteps
    }

    /// It and every runner inside it.
    package var all: [StepRunner] { [self] + inner.flatMap(\.all) }

    /// The first steps with a queue, on every way into this one.
    var outermostQueues: [StepRunner] { background == nil ? inner.flatMap(\.outermostQueues) : [self] }

    /// It and the steps inside it that store, but for those behind a queue of their own.
    package var storesInside: [StepRunner] {
        if background != nil { return [] }
        return stage.stores ? [self] : inner.flatMap(\.storesInside)
    }

    /// Whether an answer may leave from behind a queue.
    var answersInBackground: Bool {
        outermostQueues.flatMap(\.all).contains(where: \.isReply)
    }

    /// The steps in it that take an answer that broke off.
    func takersOfPart(of message: Message) -> [StepRunner] {
        if stage is any PartialAnswerStage { return [self] }
        guard let composite, modifiers.when?.matches(message) != false else { return [] }
        return composite.branchesForPart(of: message).flatMap(\.stepList.steps).flatMap { $0.takersOfPart(of: message) }
    }

    /// The names of the resources that the stage and its queue use.
    package var usedResources: [String] {
        (Property.all(of: stage) + (modifiers.async.map(Property.all) ?? [])).compactMap(\.use).flatMap(\.names)
    }

    /// The resource that is its queue; `nil` where it has one of its own.
    package var queueName: String? {
        modifiers.async.flatMap { Property.all(of: $0).compactMap(\.use).flatMap(\.names).first }
    }
}
