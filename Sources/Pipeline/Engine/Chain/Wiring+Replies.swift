/// Stages that answer a client who has its answer already.
extension Wiring {
    mutating func checkSecondReplies() {
        _ = checkReplies(of: all, after: nil)
    }

    /// - Parameter answered: The step that has answered every message before these.
    /// - Returns: The step that has answered every message after them; `nil` where some have no answer yet.
    private mutating func checkReplies(of steps: [Chain.Step], after answered: Chain.Step?) -> Chain.Step? {
        var answered = answered
        for step in steps {
            if step.isReply {
                if let answered {
                    problems.append(
                        Problem(
                            code: .secondReply, place: step.place,
                            message:
                                "'\(step.shownName)'\(step.origin ?? "") does nothing here: '\(answered.shownName)'\(answered.line) "
                                + "has answered by then", severity: .note))
                }
                if step.runsForEveryMessage { answered = answered ?? step }
            }
            guard let composite = step.composite else { continue }
            let ends = composite.branches.map { checkReplies(of: $0.steps, after: answered) }
            guard answered == nil, step.runsForEveryMessage, let first = ends.compactMap(\.self).first else { continue }
            let isCertain =
                switch composite.flow {
                case .oneOf(let isExhaustive): isExhaustive && ends.allSatisfy { $0 != nil }
                case .fallback: ends.allSatisfy { $0 != nil }
                case .all: true
                }
            if isCertain { answered = first }
        }
        return answered
    }
}

extension DiagnosticCode {
    /// A stage that answers where the client has its answer.
    public static let secondReply = DiagnosticCode(rawValue: "second_reply")
    /// A resource that no stage uses.
    public static let unusedResource = DiagnosticCode(rawValue: "unused_resource")
}
