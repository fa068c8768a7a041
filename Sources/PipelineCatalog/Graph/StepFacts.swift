import Pipeline

/// What a drawing says of a step beside its name: the model that it asks for, its deadlines, and what happens after an error.
struct StepFacts {
    private(set) var all: [String] = []

    init(_ step: StepRunner) {
        let modifiers = step.modifiers
        if let asking = step.stage as? any AskingStage, let model = StepFacts.model(of: asking) {
            all.append("model \(PrintableText.escaped(model))")
        }
        if let deadline = step.stage.ownDeadline { all.append("call timeout \(deadline.words)") }
        if let deadline = modifiers.timeout { all.append("timeout \(deadline.words)") }
        if let retry = modifiers.retry { all.append(StepFacts.words(of: retry)) }
        // Other stages that run then are drawn, and to stop is what all do.
        if case .continue = modifiers.onError { all.append("on_error: continue") }
    }

    /// What a queue does after an error.
    static func of(_ policy: Chain.AsyncPolicy) -> [String] {
        let retry = policy.retry.map { [words(of: $0)] } ?? []
        return retry + (policy.deadLetter == nil ? [] : ["then to dead_letter"])
    }

    /// `nil` where it needs no name, as one that answers by itself.
    private static func model<Stage: AskingStage>(of stage: Stage) -> String? {
        let isOffline = stage.asked.allSatisfy { type(of: $0.model).name == "echo" }
        return stage.model.isEmpty || isOffline && stage.model == Stage().model ? nil : stage.model
    }

    private static func words(of retry: Chain.RetryPolicy) -> String {
        "retry \(retry.attempts) attempts, \(retry.backoff.words) to \(retry.maxBackoff.words)"
    }
}
