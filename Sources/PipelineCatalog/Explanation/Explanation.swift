package import Pipeline

/// A pipeline in words: what clients wait for, what can be lost and when, the longest delays.
package struct Explanation: Sendable {
    private let name: String
    private let steps: [StepRunner]
    let guarantees: PipelineGuarantees

    /// Explains a pipeline.
    package init(_ file: PipelineFile) {
        name = file.name
        steps = file.chain.steps
        guarantees = PipelineGuarantees(file)
    }

    /// The text.
    package var text: String {
        var lines = ["pipeline \(name)", "", "What a client waits for:"]
        lines += waits.map { "  \($0)" }
        lines += ["", "The longest a client waits for its answer, its own earlier messages left out:"]
        lines += longest.map { "  \($0)" }
        lines += ["", "What can be lost, and when:"]
        lines += losses.map { "  \($0)" }
        if !promises.isEmpty { lines += ["", "What else is promised:"] + promises.map { "  \($0)" } }
        return lines.joined(separator: "\n")
    }

    private var waits: [String] {
        var lines: [String] = []
        var isAnswered = false
        for (index, step) in steps.enumerated() {
            let inner = words(for: step, &isAnswered)
            lines += inner.prefix(1).map { "\(index + 1). \($0)" } + inner.dropFirst().map { " \($0)" }
        }
        if !isAnswered { lines.append("No stage answers the client.") }
        return lines
    }

    /// A line for the step, and lines for those that it holds.
    private func words(
        for step: StepRunner, _ isAnswered: inout Bool, isBehindQueue: Bool = false
    ) -> [String] {
        let who =
            isBehindQueue
            ? "nobody waits"
            : isAnswered ? "the client has its answer; its next message waits for this" : "the client waits"
        var lines = ["\(step.label): \(words(for: step, who))"]
        if step.isReply { isAnswered = true }
        guard let composite = step.composite else { return lines }
        let (before, isInside) = (isAnswered, isBehindQueue || step.background != nil)
        for (name, branch) in zip(composite.branchNames, composite.branches) {
            var isAnsweredHere = before
            lines.append("  \(name):")
            for inner in branch.stepList.steps {
                lines += words(for: inner, &isAnsweredHere, isBehindQueue: isInside).map { "    \($0)" }
            }
            isAnswered = isAnswered || isAnsweredHere
        }
        return lines
    }

    private func words(for step: StepRunner, _ who: String) -> String {
        let condition = step.modifiers.when == nil ? "" : " (only for messages that 'when' selects)"
        if let background = step.background {
            let handed =
                background.guarantee.isShared
                ? "once NATS has acknowledged the message"
                : background.guarantee.survivesProcess ? "once the message is on disk, synced" : "at once"
            let full = (step.modifiers.async?.whenFull ?? .wait).words
            return "runs in the background\(condition); the next stage begins \(handed); \(full)"
        }
        if step.isReply { return "the answer leaves\(condition)" }
        let delay = LongestDelay(of: step)
        let bound = delay.isBounded ? delay.total : nil
        let time = bound.map { $0 == .zero ? "at once" : "at most \($0.words)" } ?? "as long as it takes"
        let way =
            switch (step.composite)?.flow {
            case .oneOf(isExhaustive: true)? where step.stage is Chain.Route: "one of its cases runs; "
            case .oneOf(isExhaustive: false)?: "one of its cases runs, or none; "
            case .all?: "its branches run at the same time; "
            case .fallback?: "'catch' runs where it fails; "
            default: ""
            }
        return "\(way)\(who), \(time)\(condition)"
    }

    private var longest: [String] {
        let delay = LongestDelay(of: steps)
        let total = delay.total == .zero ? "no stage before the answer has to wait" : delay.total.words
        return [total] + delay.exceptions.map { "and \($0)" }
    }
}
