extension StepRunner {
    /// Steps made ready to run, with those inside them: names are given, queues and meters made.
    static func track(of steps: [Step], in surroundings: StepSurroundings) -> Track {
        var builder = TrackBuilder(labels: Labels(steps), surroundings: surroundings)
        return builder.track(of: steps, before: [])
    }
}

private struct TrackBuilder {
    var labels: Labels
    let surroundings: StepSurroundings

    /// - Parameter later: The steps that a message comes to after these, the innermost list first; `nil` where these are
    ///   behind a queue.
    mutating func track(of steps: [Step], before later: [ArraySlice<Step>]?) -> Track {
        let runners = steps.enumerated().map { index, step in
            runner(of: step, before: later.map { [steps[(index + 1)...]] + $0 })
        }
        return Track(runners, takesMetrics: surroundings.takesMetrics)
    }

    private mutating func runner(of step: Step, before later: [ArraySlice<Step>]?) -> StepRunner {
        let label = labels.label(for: step)
        var step = step
        var route = later.flatMap { DeltaRoute(from: step, to: $0) }
        if var composite = step.composite {
            composite.branches = composite.branches.map { branch in
                var branch = branch
                branch.track = track(of: branch.steps, before: step.modifiers.async == nil ? later : nil)
                return branch
            }
            step.stage = composite
            // What has left from inside is known to whoever might begin again.
            let isSource = composite.branches.flatMap(\.track.steps).contains { $0.route != nil }
            if isSource { route = DeltaRoute(filters: []) }
        }
        var instead: [StepRunner] = []
        if case .run(let steps) = step.modifiers.onError { instead = track(of: steps, before: nil).steps }
        return StepRunner(step, label: label, instead: instead, in: surroundings, route: route)
    }
}
