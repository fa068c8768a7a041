/// A pipeline in words: what clients wait for, what can be lost and when, the longest delays.
public struct Explanation: Sendable {
    private let name: String
    private let steps: [StepRunner]

    /// Explains a pipeline.
    public init(_ file: PipelineFile) {
        name = file.name
        steps = file.chain.steps
    }

    /// The text.
    public var text: String {
        var lines = ["pipeline \(name)", "", "What a client waits for:"]
        lines += waits.map { "  \($0)" }
        lines += ["", "The longest a client waits for its answer, its own earlier messages left out:"]
        lines += longest.map { "  \($0)" }
        lines += ["", "What can be lost, and when:"]
        lines += losses.map { "  \($0)" }
        return lines.joined(separator: "\n")
    }

    /// The steps up to the one that answers; those after it hold up the connection's next message.
    private var answerIndex: Int? { steps.firstIndex { type(of: $0.stage).role == .reply } }

    private var waits: [String] {
        var lines = steps.enumerated().map { index, step in
            "\(index + 1). \(step.label): \(words(for: step, isAnswered: index > (answerIndex ?? .max)))"
        }
        if answerIndex == nil { lines.append("No stage answers the client.") }
        return lines
    }

    private func words(for step: StepRunner, isAnswered: Bool) -> String {
        let condition = step.modifiers.when == nil ? "" : " (only for messages that 'when' selects)"
        if let background = step.background {
            let handed = background.guarantee.survivesProcess ? "once the message is on disk" : "at once"
            let full =
                switch step.modifiers.async?.whenFull {
                case .reject?: "a full queue is the error 'busy'"
                case .drop?: "a full queue drops the message"
                default: "a full queue makes the client wait"
                }
            return "runs in the background\(condition); the next stage begins \(handed); \(full)"
        }
        if type(of: step.stage).role == .reply { return "the answer leaves\(condition)" }
        let bound = bound(of: step)
        let time = bound.map { $0 == .zero ? "at once" : "at most \($0.inWords)" } ?? "as long as it takes"
        let who = isAnswered ? "the client has its answer; its next message waits for this" : "the client waits"
        return "\(who), \(time)\(condition)"
    }

    private var longest: [String] {
        var total = Duration.zero
        var lines: [String] = []
        for step in steps.prefix(answerIndex ?? steps.count) {
            if let background = step.background {
                if step.modifiers.async?.whenFull == .wait {
                    lines.append("while the queue of '\(step.label)' is full, as long as that lasts")
                }
                if background.guarantee.survivesProcess { lines.append("one commit to disk for '\(step.label)'") }
            } else if let bound = bound(of: step) {
                total += bound
            } else {
                lines.append("as long as '\(step.label)' takes: nothing bounds it; a 'timeout' beside it does")
            }
        }
        return [total == .zero ? "no stage before the answer has to wait" : total.inWords] + lines.map { "and \($0)" }
    }

    private var losses: [String] {
        var lines: [String] = []
        for step in steps.flatMap(\.all) {
            guard let background = step.background else { continue }
            let guarantee = background.guarantee
            lines += [
                "\(step.label): \(guarantee.whenKilled)", "\(step.label): \(guarantee.whenDown)",
                "\(step.label): \(guarantee.whenMachineLost)",
            ]
            switch step.modifiers.async?.whenFull {
            case .drop?:
                lines.append("\(step.label): what comes while the queue is full is dropped, counted and logged")
            default: break
            }
            lines.append(
                step.modifiers.async?.deadLetter.map { "\(step.label): what fails for good goes to \($0)" }
                    ?? "\(step.label): what fails for good is logged and gone; 'dead_letter' would keep it")
        }
        let writers = steps.enumerated().filter { $0.element.background == nil && $0.element.stage is any BatchStage }
        for (index, step) in writers {
            lines.append(
                index < (answerIndex ?? .max)
                    ? "\(step.label): nothing that was answered: it is done before the answer leaves"
                    : "\(step.label): a process killed between the answer and the end of '\(step.label)' loses that message"
            )
        }
        return lines.isEmpty ? ["nothing is kept, so nothing that is kept can be lost"] : lines
    }

    /// How long a step takes at most, its retries included; `nil` where nothing bounds it.
    private func bound(of step: StepRunner) -> Duration? {
        let limits = [step.stage.longestRun, step.modifiers.timeout].compactMap { $0 }
        guard let once = limits.min() else { return nil }
        guard let retry = step.modifiers.retry, once > .zero else { return once }
        var total = once * retry.attempts
        for failures in 1..<max(2, retry.attempts) where retry.attempts > 1 {
            total += retry.longestDelay(afterFailures: failures)
        }
        return total
    }
}

extension Duration {
    /// `30s`, `250ms`, `5m`: as pipeline files have it.
    fileprivate var inWords: String { settingText ?? "\(self)" }
}
