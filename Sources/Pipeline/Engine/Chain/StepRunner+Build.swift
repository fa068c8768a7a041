extension StepRunner {
    /// Steps made ready to run, with those inside them: names are given, queues and meters made.
    static func stepList(of steps: [Chain.Step], in context: ChainContext) -> StepList {
        var builder = StepListBuilder(labels: Labels(steps), context: context)
        return builder.stepList(of: steps, before: [])
    }
}

private struct StepListBuilder {
    var labels: Labels
    let context: ChainContext

    /// - Parameter later: The steps that a message comes to after these, the innermost list first; `nil` where these are
    ///   behind a queue.
    mutating func stepList(of steps: [Chain.Step], before later: [ArraySlice<Chain.Step>]?) -> StepList {
        let runners = steps.enumerated().map { index, step in
            runner(of: step, before: later.map { [steps[(index + 1)...]] + $0 })
        }
        return StepList(runners, takesMetrics: context.takesMetrics)
    }

    private mutating func runner(of step: Chain.Step, before later: [ArraySlice<Chain.Step>]?) -> StepRunner {
        let label = labels.label(for: step)
        var step = step
        var route = later.flatMap { DeltaRoute(from: step, to: $0) }
        if var composite = step.composite {
            composite.branches = composite.branches.map { branch in
                var branch = branch
                branch.stepList = stepList(of: branch.steps, before: step.modifiers.async == nil ? later : nil)
                return branch
            }
            step.stage = composite
            // What has left from inside is known to whoever might begin again.
            let isSource = composite.branches.flatMap(\.stepList.steps).contains { $0.route != nil }
            if isSource { route = DeltaRoute(filters: []) }
        }
        var errorSteps: [StepRunner] = []
        if case .run(let steps) = step.modifiers.onError { errorSteps = stepList(of: steps, before: nil).steps }
        return StepRunner(step, label: label, errorSteps: errorSteps, in: context, route: route)
    }
}
