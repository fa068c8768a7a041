extension Wiring {
    /// A queue that outlives the process takes no way back to a client with it, and keeps its promise only where the
    /// answer leaves after it.
    mutating func checkGuarantees() {
        checkGuarantees(of: all, answeredBy: nil)
    }

    /// - Parameter answered: The step that may have answered before these.
    private mutating func checkGuarantees(of steps: [Chain.Step], answeredBy answered: Chain.Step?) {
        var answered = answered
        for step in steps {
            let replies = step.all.filter(\.isReply)
            if step.modifiers.async?.guarantee.survivesProcess == true {
                for reply in replies {
                    add(
                        .replyBehindQueue, reply,
                        "'\(reply.shownName)' can't stand behind a queue that outlives the process: after a restart there is "
                            + "no client to answer; take 'queue' away from "
                            + (step.composite == nil ? "its 'async'" : "'\(step.shownName)'\(step.line)"))
                }
                if replies.isEmpty, let answered { addLateQueue(step, after: answered) }
                continue
            }
            for (index, branch) in (step.composite?.branches ?? []).enumerated() {
                let other = step.composite?.flow == .all ? step.reply(outsideBranch: index) : nil
                checkGuarantees(of: branch.steps, answeredBy: answered ?? other)
            }
            answered = answered ?? replies.first
        }
    }

    private mutating func addLateQueue(_ step: Chain.Step, after answered: Chain.Step) {
        let message =
            "'\(step.shownName)' keeps its messages in a queue that outlives the process, but "
            + "'\(answered.shownName)'\(answered.line) answers before they are in it; a process killed in between "
            + "loses an answered message; move it above '\(answered.shownName)'"
        problems.append(Problem(code: .lateQueue, place: step.place, message: message, severity: .warning))
    }
}

extension Chain.Step {
    /// A stage that answers in another branch than this one.
    fileprivate func reply(outsideBranch index: Int) -> Chain.Step? {
        (composite?.branches ?? []).enumerated().filter { $0.offset != index }.flatMap {
            $0.element.steps.flatMap(\.all)
        }
        .first(where: \.isReply)
    }
}
