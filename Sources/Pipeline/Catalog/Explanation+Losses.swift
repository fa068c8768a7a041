extension Explanation {
    /// What can be lost, and when.
    var losses: [String] {
        var lines = steps.flatMap(\.all).flatMap { $0.background == nil ? [] : losses(behind: $0) }
        var isAnswered = false
        for step in steps { lines += losses(in: step, &isAnswered) }
        return lines.isEmpty ? ["nothing is kept, so nothing that is kept can be lost"] : lines
    }

    private func losses(behind step: StepRunner) -> [String] {
        guard let guarantee = step.background?.guarantee else { return [] }
        var lines = [guarantee.whenKilled, guarantee.whenDown, guarantee.whenMachineLost].map { "\(step.label): \($0)" }
        if step.modifiers.async?.whenFull == .drop {
            lines.append("\(step.label): what comes while the queue is full is dropped, counted and logged")
        }
        if let limit = step.modifiers.timeout {
            lines.append("\(step.label): \(words(forRunsLongerThan: limit, of: step))")
        }
        lines.append(
            step.modifiers.async?.deadLetter.map { "\(step.label): what fails for good goes to \($0)" }
                ?? "\(step.label): what fails for good is logged and gone; 'dead_letter' would keep it")
        return lines
    }

    private func words(forRunsLongerThan limit: Duration, of step: StepRunner) -> String {
        let run = "a run that takes longer than \(limit.settingText ?? "\(limit)")"
        if step.stage is any BatchStage {
            return "\(run) is an outage of where it stores: it is made again until it ends in time"
        }
        let retry = step.modifiers.async?.retry ?? step.modifiers.retry
        let otherwise = retry.map { "is one of the \($0.attempts) attempts of 'retry'" } ?? "has failed for good"
        let stores = step.inner.contains { !$0.storesInside.isEmpty }
        return stores
            ? "\(run) is an outage where a stage inside was storing, and waited for; else it \(otherwise)"
            : "\(run) \(otherwise)"
    }

    /// What stages lose that store something while the client waits, or after its answer.
    private func losses(in step: StepRunner, _ isAnswered: inout Bool) -> [String] {
        if step.background != nil { return [] }
        if type(of: step.stage).role == .reply { isAnswered = true }
        if step.stage is any BatchStage {
            return [
                isAnswered
                    ? "\(step.label): a process killed between the answer and the end of '\(step.label)' loses that message"
                    : "\(step.label): nothing that was answered: it is done before the answer leaves"
            ]
        }
        let composite = step.composite
        var lines: [String] = []
        let before = isAnswered
        for (index, branch) in (composite?.branches ?? []).enumerated() {
            // Of branches that run at the same time another may answer first.
            var isAnsweredHere = before || composite?.answers(outsideBranch: index) == true
            for inner in branch.track.steps { lines += losses(in: inner, &isAnsweredHere) }
            isAnswered = isAnswered || isAnsweredHere
        }
        return lines
    }
}

extension CompositeStage {
    /// Whether a branch that runs at the same time as this one answers.
    fileprivate func answers(outsideBranch index: Int) -> Bool {
        flow == .all
            && branches.enumerated().contains { other, branch in
                other != index && branch.track.steps.flatMap(\.all).contains { type(of: $0.stage).role == .reply }
            }
    }
}
