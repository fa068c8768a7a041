package import Pipeline

extension Chain {
    /// For each step behind a queue: what can be lost there, and when.
    package var asynchronousNotes: [String] {
        var isAnswered = false
        return Self.notes(of: steps, after: &isAnswered)
    }

    /// - Parameter isAnswered: Whether the client has its answer before these.
    private static func notes(of steps: [StepRunner], after isAnswered: inout Bool) -> [String] {
        var notes: [String] = []
        for step in steps {
            if let queue = step.background?.guarantee {
                let place = queue.survivesProcess ? "that outlives the process" : "in memory"
                let words = queue.killedWords(isAnswered: isAnswered)
                notes.append("'\(step.label)' runs behind a queue \(place): \(words)")
            } else if step.isReply {
                isAnswered = true
            }
            let before = isAnswered
            for list in (step.composite?.branches.map(\.stepList.steps) ?? []) + [step.errorSteps] {
                var inner = before
                notes += Self.notes(of: list, after: &inner)
                if step.background == nil { isAnswered = isAnswered || inner }
            }
        }
        return notes
    }
}

extension Queue.Guarantee {
    /// What happens when the process is killed, where clients have their answer before the message is in the queue or not.
    func killedWords(isAnswered: Bool) -> String {
        isAnswered && survivesProcess
            ? "a process killed between the answer and the queue loses that message; then \(whenKilled)" : whenKilled
    }
}
