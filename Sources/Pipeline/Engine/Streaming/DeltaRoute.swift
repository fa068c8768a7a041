/// The way of an answer's pieces from the stage that makes them to the one that sends them.
struct DeltaRoute {
    /// Stages between the two that work on each piece.
    let filters: [any DeltaStage]

    init(filters: [any DeltaStage]) {
        self.filters = filters
    }

    /// The way from a step through those that come after it; `nil` where there is none.
    init?(from source: Chain.Step, to later: [ArraySlice<Chain.Step>]) {
        guard source.stage.streams, case .success(let route)? = DeltaRoute.search(from: source, to: later) else {
            return nil
        }
        self = route
    }

    /// Why pieces of an answer don't leave as they come.
    struct Obstacle: Error {
        let step: Chain.Step
        let message: String
    }

    /// Stages that are told to stream where no other one does its half.
    static func halves(of steps: [Chain.Step]) -> [Obstacle] {
        let all = steps.flatMap(\.all)
        let (senders, takers) = (all.filter(\.stage.streams), all.filter(\.stage.takesPieces))
        func told(_ step: Chain.Step) -> Bool { type(of: step.stage).settings.contains { $0.name == "stream" } }
        if takers.isEmpty {
            return senders.filter { told($0) && $0.stage.provides.contains(.completion) }.map { step in
                let reply = all.first { $0.isReply }?.shownName ?? "respond"
                return Obstacle(
                    step: step,
                    message: "'stream: true' of '\(step.shownName)' does nothing for clients: '\(reply)' sends answers "
                        + "whole; write '\(reply): {stream: true}', too")
            }
        }
        guard senders.isEmpty else { return [] }
        return takers.filter(told).map { step in
            let model = all.last { $0.stage is any AskingStage }?.shownName
            return Obstacle(
                step: step,
                message: "'stream: true' of '\(step.shownName)' does nothing: no stage makes its answer in pieces"
                    + (model.map { "; write '\($0): {stream: true}', too" } ?? ""))
        }
    }

    /// What keeps pieces back in a pipeline that asks for streaming at both ends.
    static func obstacles(in steps: [Chain.Step]) -> [Obstacle] {
        obstacles(in: steps, before: [], behind: nil)
    }

    /// - Parameters:
    ///   - later: The steps that a message comes to after these, the innermost list first.
    ///   - queue: The step with the queue that these are behind.
    private static func obstacles(
        in steps: [Chain.Step], before later: [ArraySlice<Chain.Step>], behind queue: Chain.Step?
    ) -> [Obstacle] {
        steps.enumerated().flatMap { index, step -> [Obstacle] in
            let later = [steps[(index + 1)...]] + later
            let isBehind = step.modifiers.async == nil ? queue : queue ?? step
            let inside = (step.composite?.branches ?? []).flatMap {
                obstacles(in: $0.steps, before: later, behind: isBehind)
            }
            guard step.stage.streams else { return inside }
            if let queue, let end = later.joined().first(where: \.stage.takesPieces) {
                return inside + [obstacle(queue, "runs in the background", end: end)]
            }
            guard case .failure(let obstacle)? = search(from: step, to: later) else { return inside }
            return inside + [obstacle]
        }
    }

    private static func obstacle(_ step: Chain.Step, _ reason: String, end: Chain.Step) -> Obstacle {
        Obstacle(
            step: step,
            message:
                "streaming is off: '\(step.shownName)'\(step.line) \(reason), so '\(end.shownName)' sends answers whole"
        )
    }

    /// `nil` where no stage after it sends pieces.
    private static func search(from source: Chain.Step, to later: [ArraySlice<Chain.Step>]) -> Result<
        DeltaRoute, Obstacle
    >? {
        let rest = later.joined()
        guard let end = rest.lazy.flatMap(\.all).first(where: \.stage.takesPieces) else { return nil }
        var filters: [any DeltaStage] = []
        func blocked(_ step: Chain.Step, _ reason: String) -> Result<DeltaRoute, Obstacle> {
            .failure(obstacle(step, reason, end: end))
        }
        if source.modifiers.async != nil { return blocked(source, "runs in the background") }
        for step in rest {
            let isLast = step.stage.takesPieces
            if step.modifiers.async != nil {
                if isLast || step.all.contains(where: \.stage.takesPieces) {
                    return blocked(step, "runs in the background")
                }
                continue
            }
            if isLast || step.stage is any DeltaStage, step.modifiers.when != nil {
                return blocked(step, "runs only for some messages")
            }
            if isLast { break }
            if let filter = step.stage as? any DeltaStage {
                filters.append(filter)
            } else if let needing = step.first(where: \.needsWholeAnswer) {
                let isEnd = needing.stage.takesPieces
                return blocked(
                    needing, isEnd ? "stands inside '\(step.shownName)'" : "needs the whole answer before it")
            }
        }
        return .success(DeltaRoute(filters: filters))
    }
}

extension Chain.Step {
    /// The first step of these, it or one inside it and not behind a queue.
    fileprivate func first(where isWanted: (Chain.Step) -> Bool) -> Chain.Step? {
        if modifiers.async != nil { return nil }
        if isWanted(self) { return self }
        for step in composite?.branches.flatMap(\.steps) ?? [] {
            if let found = step.first(where: isWanted) { return found }
        }
        return nil
    }

    fileprivate var needsWholeAnswer: Bool {
        stage.requires.contains(.completion) || stage.provides.contains(.completion)
    }
}
