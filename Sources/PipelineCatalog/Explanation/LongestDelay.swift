import Pipeline

/// How long a client waits for steps at most, up to the one that answers.
struct LongestDelay {
    /// The time that is known.
    private(set) var total = Duration.zero

    /// What comes on top of it, in words.
    private(set) var exceptions: [String] = []

    /// How many stages have no end; a queue that is full is told apart.
    private(set) var unbounded = 0

    /// Whether every stage has an end.
    var isBounded: Bool { unbounded == 0 }

    /// That of steps one after the other.
    init(of steps: [StepRunner]) {
        for step in steps {
            if step.isReply { return }
            add(LongestDelay(of: step))
            if step.background == nil, step.inner.contains(where: \.answers) { return }
        }
    }

    /// That of one step with its modifiers.
    init(of step: StepRunner) {
        if let background = step.background {
            if step.modifiers.async?.whenFull == .wait {
                exceptions.append("while the queue of '\(step.label)' is full, as long as that lasts")
            }
            if background.guarantee.isShared {
                exceptions.append("one acknowledgement of NATS for '\(step.label)'")
            } else if background.guarantee.survivesProcess {
                exceptions.append("one synced commit to disk for '\(step.label)'")
            }
            return
        }
        if let composite = step.composite {
            addBranches(of: composite)
        } else if let bound = step.stage.bound {
            total = bound
            if let waits = (step.stage as? any WaitingStage)?.waits { exceptions.append(waits) }
        } else {
            unbounded += 1
            exceptions.append("as long as '\(step.label)' takes: nothing bounds it; a 'timeout' beside it does")
        }
        if let limit = step.modifiers.timeout {
            total = isBounded && exceptions.isEmpty ? min(total, limit) : limit
            (unbounded, exceptions) = (0, [])
        }
        if let retry = step.modifiers.retry, total > .zero {
            let once = total
            // What an API asks to wait is waited for up to 'max_backoff', however short the waits of our own are.
            total = once * retry.attempts + retry.maxBackoff * (retry.attempts - 1)
        }
        add(LongestDelay(of: step.errorSteps))
    }

    private mutating func add(_ next: LongestDelay) {
        total += next.total
        unbounded += next.unbounded
        exceptions += next.exceptions
    }

    private mutating func addBranches(of composite: any CompositeStage) {
        let branches = composite.branches.map { LongestDelay(of: $0.stepList.steps) }
        let longest = branches.map(\.total).max() ?? .zero
        for branch in branches { add(branch) }
        if composite.flow != .fallback { total = longest }
    }
}

extension StepRunner {
    /// Whether an answer leaves here, or in a step inside it, before it ends.
    fileprivate var answers: Bool {
        isReply || background == nil && inner.contains(where: \.answers)
    }
}
