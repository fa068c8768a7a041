package import Pipeline

/// What a pipeline promises, part by part: what `explain` puts in words, and what two files are compared by.
package struct PipelineGuarantees: Sendable {
    /// The pipeline's name.
    let name: String
    /// Where the file is.
    let path: String
    private(set) var parts: [GuaranteedPart] = []

    /// The sections of the file that promise something, such as `host`.
    private(set) var sections: [GuaranteedPart] = []

    /// What can be lost, and when: behind queues first, each under the label of the step that has the queue.
    var losses: [String] { queueLosses + storingLosses }

    private var queueLosses: [String] = []
    private var storingLosses: [String] = []
    private let steps: [StepRunner]
    private let asksModels: Bool
    /// Kinds of stages, and whether every message comes to one of them.
    private var covering: [ObjectIdentifier: Bool] = [:]

    /// What a file promises.
    package init(_ file: PipelineFile) {
        (name, path) = (file.name, file.path)
        let chain = file.chain
        steps = chain.steps
        asksModels = steps.flatMap(\.all).contains { $0.stage is any AskingStage }
        parts.append(whole)
        var state = State()
        walk(steps, Way(), &state)
        parts += chain.resources.map(part)
        for (key, section) in file.sections.sorted(by: { $0.key < $1.key }) {
            guard let section = section as? any Guaranteeing else { continue }
            sections.append(GuaranteedPart(kind: .section, name: key, type: "", guarantees: section.guarantees))
        }
    }

    /// What a message has been through.
    private struct State {
        var isAnswered = false
        var isAsked = false
    }

    /// A queue that messages wait in.
    private struct StepQueue {
        let guarantees: [Guarantee]
        /// The steps behind it that they are about.
        let carriers: Set<ObjectIdentifier>

        init(of step: StepRunner, isAnswered: Bool) {
            guarantees = step.queueGuarantees(isAnswered: isAnswered)
            carriers = Set(step.queueCarriers.map { ObjectIdentifier($0) })
        }
    }

    /// How messages come to a step.
    private struct Way {
        /// The queue that they wait in.
        var queue: StepQueue?
        var attempts = 1
        var isForAll = true
        var failure = FailureRule.stop

        func into(_ step: StepRunner, isAnswered: Bool) -> Way {
            var way = self
            way.isForAll = isForAll && step.modifiers.when == nil
            if step.background != nil {
                way.queue = StepQueue(of: step, isAnswered: isAnswered)
                (way.attempts, way.failure) = (1, .stop)
            } else {
                let own = FailureRule(step.modifiers.onError)
                if own.rank < failure.rank { way.failure = own }
            }
            way.attempts *= step.attempts
            return way
        }

        func into(branch index: Int, of composite: any CompositeStage) -> Way {
            var way = self
            switch composite.flow {
            case .oneOf(let isExhaustive): way.isForAll = isForAll && isExhaustive && composite.branches.count == 1
            case .all: break
            case .fallback where index == 0: if way.failure == .stop { way.failure = .othersRun }
            case .fallback: way.isForAll = false
            }
            return way
        }
    }

    private mutating func walk(_ steps: [StepRunner], _ outer: Way, _ state: inout State) {
        for step in steps {
            let way = outer.into(step, isAnswered: state.isAnswered)
            if step.background != nil { queueLosses += way.queue?.guarantees.losses(of: step) ?? [] }
            if let composite = step.composite {
                let before = state
                for (index, branch) in composite.branches.enumerated() {
                    var inner = before
                    inner.isAnswered = inner.isAnswered || composite.answers(outsideBranch: index)
                    walk(branch.stepList.steps, way.into(branch: index, of: composite), &inner)
                    state.isAsked = state.isAsked || inner.isAsked
                    if step.background == nil { state.isAnswered = state.isAnswered || inner.isAnswered }
                }
            } else {
                parts.append(part(step, way, state))
                state.isAsked = state.isAsked || step.stage is any AskingStage
                let answers = step.background == nil && step.isReply
                state.isAnswered = state.isAnswered || answers
            }
            if !step.errorSteps.isEmpty {
                var (errorWay, inner) = (outer, state)
                errorWay.isForAll = false
                walk(step.errorSteps, errorWay, &inner)
            }
        }
    }

    private mutating func part(_ step: StepRunner, _ way: Way, _ state: State) -> GuaranteedPart {
        let kind = type(of: step.stage)
        let stores = step.stage.stores
        let own = (step.stage as? any Guaranteeing)?.guarantees ?? []
        var all = own
        let refuses = own.contains(where: \.refuses)
        let isForAll = way.isForAll || (stores || refuses) && isEverywhere(kind)
        if let queue = way.queue {
            if queue.carriers.contains(ObjectIdentifier(step)) { all += queue.guarantees }
        } else if stores {
            let stored = step.storingGuarantees(isAnswered: state.isAnswered, failure: way.failure)
            storingLosses += stored.losses(of: step)
            all += stored
        } else if !step.isReply, !(step.stage is any EntryStage) {
            if !refuses {
                all += step.directGuarantees(isAnswered: state.isAnswered, failure: way.failure)
            }
            if state.isAnswered { all.append(nextMessage(after: step)) }
        }
        if way.attempts > 1 {
            all.append(
                Guarantee(
                    "attempts", "is tried up to \(way.attempts) times, after errors that may pass",
                    .level(Double(way.attempts)), in: .list, presence: .withPart, otherwise: "is tried once"))
        }
        if stores {
            all.append(
                Guarantee(
                    "stored messages",
                    isForAll ? "stores every message" : "stores only messages that come to it: not all do",
                    .level(isForAll ? 1 : 0), in: .unsaid, presence: .always, otherwise: "nothing is stored by it"))
        }
        if refuses { all += refusals(isForAll, way, state) }
        return GuaranteedPart(
            kind: .stage, name: step.label, type: kind.name, isNamed: step.modifiers.label != nil,
            nature: stores ? "storing" : nil, guarantees: all)
    }

    /// Whether every message comes to a stage of a kind.
    private mutating func isEverywhere(_ kind: any Stage.Type) -> Bool {
        if let known = covering[ObjectIdentifier(kind)] { return known }
        let isEverywhere = steps.cover { type(of: $0) == kind }
        covering[ObjectIdentifier(kind)] = isEverywhere
        return isEverywhere
    }

    private func nextMessage(after step: StepRunner) -> Guarantee {
        let delay = LongestDelay(of: step)
        let bound = delay.isBounded ? delay.total : nil
        let time = bound.map { "at most \($0.words)" } ?? "as long as it takes"
        return Guarantee(
            "next message", "the client's next message waits for this, \(time)", .atMost(bound), in: .waits)
    }

    /// What a step that refuses messages promises by where it stands.
    private func refusals(_ isForAll: Bool, _ way: Way, _ state: State) -> [Guarantee] {
        var all = [
            Guarantee(
                "refused messages",
                isForAll ? "looks at every message" : "looks only at messages that come to it: not all do",
                .level(isForAll ? 1 : 0), in: .unsaid)
        ]
        let isTold = way.queue == nil && !state.isAnswered
        all.append(
            isTold
                ? Guarantee(.failure, way.failure.words, .level(way.failure.rank), in: .unsaid)
                : Guarantee(.failure, "what it refuses is logged; the client is not told", .level(0), in: .unsaid))
        if asksModels {
            all.append(
                Guarantee(
                    "asked models",
                    state.isAsked ? "refuses only after a model was asked" : "refuses before a model is asked",
                    .level(state.isAsked ? 0 : 1), in: .unsaid))
        }
        return all
    }

    private func part(_ named: NamedResource) -> GuaranteedPart {
        let resource = named.resource
        let type = type(of: resource)
        let nature: String? =
            resource is any RowStore
            ? "database" : resource is any Model ? "model" : resource is any QueueStore ? "queue" : nil
        let kind = Guarantee("type", "is \(type.name)", .unranked, in: .comparison)
        return GuaranteedPart(
            kind: .resource, name: named.name, type: type.name, nature: nature, source: named.source,
            guarantees: [kind] + ((resource as? any Guaranteeing)?.guarantees ?? []))
    }

    /// What is promised of the pipeline as a whole.
    private var whole: GuaranteedPart {
        let delay = LongestDelay(of: steps)
        // That a queue may be full, or is on disk, is said of the queue.
        let wait = Guarantee(
            "longest wait", "a client waits \(delay.words)",
            .levels([-Double(delay.unbounded), -delay.total.inSeconds]), in: .unsaid)
        let answers = steps.flatMap(\.all).contains(where: \.isReply)
        let answersAll = steps.cover { $0 is any ReplyStage }
        let words =
            answersAll
            ? "every client gets an answer"
            : answers ? "clients get an answer to some of their messages" : "no stage answers the client"
        let answer = Guarantee("answers", words, .level(answersAll ? 2 : answers ? 1 : 0), in: .waits)
        return GuaranteedPart(kind: .pipeline, name: name, type: "", guarantees: answers ? [answer, wait] : [answer])
    }
}

extension [Guarantee] {
    /// Those about losses, as lines.
    fileprivate func losses(of step: StepRunner) -> [String] {
        filter { $0.section == .losses }.map { "\(step.label): \($0.words)" }
    }
}

extension CompositeStage {
    /// Whether a branch that runs at the same time as this one answers.
    fileprivate func answers(outsideBranch index: Int) -> Bool {
        flow == .all
            && branches.enumerated().contains { other, branch in
                other != index && branch.stepList.steps.flatMap(\.all).contains(where: \.isReply)
            }
    }
}

extension LongestDelay {
    /// How long, as the rest of a sentence.
    fileprivate var words: String {
        let time = total == .zero ? "for no stage before the answer" : "at most \(total.words)"
        return ([time] + exceptions).joined(separator: ", and ")
    }
}

extension [StepRunner] {
    /// Whether every message comes to such a stage.
    fileprivate func cover(_ isSuch: (any Stage) -> Bool) -> Bool {
        contains { step in
            guard step.modifiers.when == nil else { return false }
            guard let composite = step.composite else { return isSuch(step.stage) }
            let branches = composite.branches.map { $0.stepList.steps.cover(isSuch) }
            return switch composite.flow {
            case .oneOf(let isExhaustive): isExhaustive && branches.allSatisfy(\.self)
            case .all: branches.contains(true)
            case .fallback: branches.first == true
            }
        }
    }
}
