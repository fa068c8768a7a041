/// The way of an answer's pieces from the stage that makes them to the one that sends them.
struct DeltaRoute {
    /// Stages between the two that work on each piece.
    let filters: [any DeltaStage]

    /// Why pieces of an answer don't leave as they come.
    struct Obstacle {
        let step: Step
        let message: String
    }

    /// The ways in a pipeline, by the index of the step that makes the pieces.
    static func all(in steps: [Step]) -> [Int: DeltaRoute] {
        var routes: [Int: DeltaRoute] = [:]
        for index in steps.indices where steps[index].stage.sendsDeltas {
            if case .success(let route)? = search(from: index, in: steps) { routes[index] = route }
        }
        return routes
    }

    /// What keeps pieces back in a pipeline that asks for streaming at both ends.
    static func obstacles(in steps: [Step]) -> [Obstacle] {
        steps.indices.compactMap { index in
            guard steps[index].stage.sendsDeltas, case .failure(let blocked)? = search(from: index, in: steps) else {
                return nil
            }
            return blocked.obstacle
        }
    }

    private struct Blocked: Error {
        let obstacle: Obstacle
    }

    /// `nil` where no stage after it sends pieces.
    private static func search(from index: Int, in steps: [Step]) -> Result<DeltaRoute, Blocked>? {
        let source = steps[index]
        let rest = steps[(index + 1)...]
        guard let end = rest.firstIndex(where: { $0.stage.takesDeltas }) else { return nil }
        var filters: [any DeltaStage] = []
        func blocked(_ step: Step, _ reason: String) -> Result<DeltaRoute, Blocked> {
            let name = step.modifiers.label ?? step.name
            let line = step.place.map { " (line \($0.start.line))" } ?? ""
            let message =
                "streaming is off: '\(name)'\(line) \(reason), so '\(steps[end].modifiers.label ?? steps[end].name)' sends "
                + "answers whole"
            return .failure(Blocked(obstacle: Obstacle(step: step, message: message)))
        }
        if source.modifiers.async != nil { return blocked(source, "runs in the background") }
        for step in steps[(index + 1)...end] {
            let isLast = step.stage.takesDeltas
            if step.modifiers.async != nil {
                if isLast { return blocked(step, "runs in the background") }
                continue
            }
            if isLast || step.stage is any DeltaStage, step.modifiers.when != nil {
                return blocked(step, "runs only for some messages")
            }
            if isLast { break }
            if let filter = step.stage as? any DeltaStage {
                filters.append(filter)
            } else if step.stage.requires.contains(.completion) || step.stage.provides.contains(.completion) {
                return blocked(step, "needs the whole answer before it")
            }
        }
        return .success(DeltaRoute(filters: filters))
    }
}
