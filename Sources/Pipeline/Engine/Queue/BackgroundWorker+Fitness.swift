import Logging

/// Messages that another version of the file has handed over.
extension BackgroundWorker {
    /// Gives back what lacks a field that the stage needs: a process with another version of the file can work on it. What
    /// follows it in its session goes with it, as it would overtake it here. It is no attempt, and the log says it once.
    ///
    /// - Returns: What can be worked on.
    func giveBackUnfit(
        of batch: [QueuedMessage], to queue: any SharedMessageQueue, lane: Int
    ) -> [QueuedMessage] {
        let needs = step.neededFields
        // Most often all can be worked on, and none of them is copied to find that out.
        let isFit = batch.indices.allSatisfy { index in needs.allSatisfy { batch[index].message.has($0) } }
        if isFit { return batch }
        var sessions: Set<String> = []
        let unfit = batch.filter { queued in
            let session = queued.message.session.id
            guard needs.contains(where: { !queued.message.has($0) }) else { return sessions.contains(session) }
            sessions.insert(session)
            return true
        }
        guard let first = unfit.first else { return batch }
        if background.isFirstUnfit(), let field = needs.first(where: { !first.message.has($0) }) {
            logger.warning(
                """
                A message lacks '\(field)', as another version of the file has handed it over; such messages are given \
                back for a worker of that version
                """,
                metadata: ["message": "\(first.message.id)"])
        }
        queue.giveBack(unfit, lane: lane)
        let tickets = Set(unfit.map(\.ticket))
        return batch.filter { !tickets.contains($0.ticket) }
    }
}

extension StepRunner {
    /// The fields that a message must have to be worked on behind the queue.
    ///
    /// What a stage inside needs only for some messages is no part of it.
    var neededFields: [Field] {
        let stages: [any Stage]
        if let group = composite as? Chain.InBackground {
            stages = group.branches.flatMap(\.steps).filter { $0.modifiers.when == nil }.map(\.stage)
        } else {
            stages = [stage]
        }
        var provided = Fields()
        var needed: [Field] = []
        for stage in stages {
            for field in stage.requires where !provided.contains(field) { needed.append(field) }
            provided.formUnion(stage.provides)
        }
        return needed
    }
}

extension Message {
    /// Whether a field that a queue keeps is there.
    fileprivate func has(_ field: Field) -> Bool {
        switch field {
        case .prompt, .history: true
        case .completion: completion != nil
        default: self[field] != nil || Fields.ofError.contains(field)
        }
    }
}
