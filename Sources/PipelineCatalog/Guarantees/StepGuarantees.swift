import Pipeline

/// What the engine promises of a step by its modifiers and by where it stands.
extension StepRunner {
    /// What the step's queue promises of the messages in it; none where it has no queue.
    ///
    /// - Parameter isAnswered: Whether the answer has left before a message comes to the queue.
    func queueGuarantees(isAnswered: Bool) -> [Guarantee] {
        guard let policy = modifiers.async, let queue = background?.guarantee else { return [] }
        let isLate = isAnswered && queue.survivesProcess
        let killed = queue.killedWords(isAnswered: isAnswered)
        var all = [
            Guarantee(
                .killedProcess, killed, .level(queue.survivesProcess ? isLate ? 2 : 3 : 1), in: .losses),
            Guarantee(.outage, queue.whenDown, queue.strengthWhenDown, in: .losses),
            Guarantee(
                .lostMachine, queue.whenMachineLost, .level(queue.survivesMachine ? 3 : queue.survivesProcess ? 2 : 1),
                in: .losses),
            policy.whenFull.guarantee,
        ]
        if let limit = modifiers.timeout {
            all.append(Guarantee(.slowRun, words(forRunsLongerThan: limit), .level(1), in: .losses))
        } else {
            let isBounded = leaves.allSatisfy { $0.stage.bound != nil || $0.modifiers.timeout != nil }
            all.append(
                Guarantee(
                    .slowRun, isBounded ? "a run ends by itself" : "a run may take as long as it takes",
                    .level(isBounded ? 1 : 0), in: .unsaid))
        }
        all.append(
            policy.deadLetter.map {
                Guarantee(.failure, "what fails for good goes to \($0)", .level(2), in: .losses)
            }
                ?? Guarantee(
                    .failure, "what fails for good is logged and gone; 'dead_letter' would keep it", .level(0),
                    in: .losses))
        return all
    }

    private func words(forRunsLongerThan limit: Duration) -> String {
        let run = "a run that takes longer than \(limit.words)"
        if stage.stores {
            return "\(run) is an outage of where it stores: it is made again until it ends in time"
        }
        let retry = modifiers.async?.retry ?? modifiers.retry
        let otherwise = retry.map { "is one of the \($0.attempts) attempts of 'retry'" } ?? "has failed for good"
        let stores = inner.contains { !$0.storesInside.isEmpty }
        return stores
            ? "\(run) is an outage where a stage inside was storing, and waited for; else it \(otherwise)"
            : "\(run) \(otherwise)"
    }

    /// What is promised of what a step stores without a queue.
    ///
    /// - Parameters:
    ///   - isAnswered: Whether the answer has left before it.
    ///   - failure: What becomes of a message that can't be stored.
    func storingGuarantees(isAnswered: Bool, failure: FailureRule) -> [Guarantee] {
        if isAnswered {
            let end = "between the answer and the end of '\(label)' loses that message"
            return [
                Guarantee(.killedProcess, "a process killed \(end)", .level(2), in: .losses),
                Guarantee(
                    .outage, "what can't be stored after its answer is logged and gone", .levels([0, 0]), in: .unsaid),
                Guarantee(.lostMachine, "a machine lost \(end)", .level(2), in: .unsaid),
                Guarantee(.failure, "what fails after its answer is logged and gone", .level(0), in: .unsaid),
                Guarantee(.fullQueue, "no queue can be full", .level(2), in: .unsaid),
            ]
        }
        let isTold = failure == .stop
        let safe =
            isTold
            ? "nothing that was answered: it is done before the answer leaves"
            : "nothing that it stored; but a message with which it fails goes on to its answer"
        return [
            Guarantee(.killedProcess, safe, .level(3), in: .losses),
            Guarantee(.outage, "what can't be stored is not kept; \(failure.words)", .unranked, in: .unsaid),
            Guarantee(.lostMachine, safe, .level(3), in: .unsaid),
            Guarantee(.failure, failure.words, .level(failure.rank), in: .unsaid),
            Guarantee(.fullQueue, "no queue can be full", .level(2), in: .unsaid),
        ]
    }

    /// The steps behind its queue that its guarantees are about: those that store, where there are any.
    var queueCarriers: [StepRunner] {
        let leaves = leaves
        let storing = leaves.filter { $0.stage.stores }
        return storing.isEmpty ? leaves : storing
    }

    /// Itself, or the steps that it holds; those behind a queue of their own left out.
    private var leaves: [StepRunner] {
        guard let composite else { return [self] }
        return composite.branches.flatMap(\.stepList.steps).flatMap { $0.background == nil ? $0.leaves : [] }
    }

    /// What a step without a queue has of the promises that a queue would weaken, where it stores nothing itself.
    func directGuarantees(isAnswered: Bool, failure: FailureRule) -> [Guarantee] {
        // Where it stands behind the answer nobody waits for it, and it may stand there as well as before.
        let strength = isAnswered ? Guarantee.Strength.unranked : .level(3)
        let done =
            isAnswered ? "it is done before the connection's next message" : "it is done before the answer leaves"
        var all = [
            Guarantee(.killedProcess, done, strength, in: .unsaid),
            Guarantee(.lostMachine, done, strength, in: .unsaid),
            Guarantee(.fullQueue, "no queue can be full", .level(2), in: .unsaid),
        ]
        if !isAnswered {
            // Others that run instead may do it as well.
            all.append(Guarantee(.failure, failure.words, .level(failure == .goesOn ? 0 : 2), in: .unsaid))
        }
        return all
    }

    /// How often it is tried, the first time included.
    var attempts: Int { (modifiers.async?.retry ?? modifiers.retry)?.attempts ?? 1 }
}

/// What becomes of a message with which a step fails for good.
enum FailureRule {
    case stop
    case othersRun
    case goesOn

    init(_ policy: Chain.ErrorPolicy) {
        self =
            switch policy {
            case .stop: .stop
            case .run: .othersRun
            case .continue: .goesOn
            }
    }

    var rank: Double {
        switch self {
        case .stop: 2
        case .othersRun: 1
        case .goesOn: 0
        }
    }

    var words: String {
        switch self {
        case .stop: "a message with which it fails is an error to its client"
        case .othersRun: "other stages run for a message with which it fails"
        case .goesOn: "a message with which it fails is logged and goes on"
        }
    }
}

extension Queue.Guarantee {
    /// More room is stronger.
    fileprivate var strengthWhenDown: Guarantee.Strength {
        .levels([room.map(Double.init) ?? .infinity, capacity.map(Double.init) ?? .infinity])
    }
}

extension Chain.AsyncPolicy.WhenFull {
    /// What a full queue does, in words.
    var words: String {
        switch self {
        case .wait: "a full queue makes the client wait"
        case .reject: "a full queue is the error 'busy'"
        case .drop: "a full queue drops the message"
        }
    }

    fileprivate var guarantee: Guarantee {
        switch self {
        case .wait: Guarantee(.fullQueue, words, .level(2), in: .waits)
        case .reject: Guarantee(.fullQueue, words, .level(1), in: .waits)
        case .drop:
            Guarantee(
                .fullQueue, "what comes while the queue is full is dropped, counted and logged", .level(0), in: .losses)
        }
    }
}

extension String {
    static let killedProcess = "a killed process"
    static let outage = "an outage"
    static let lostMachine = "a lost machine"
    static let fullQueue = "a full queue"
    static let slowRun = "a slow run"
    static let failure = "failures"
}
