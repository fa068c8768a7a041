import Synchronization
package import Tracing

/// Steps in order, with the resources they share: what a pipeline file builds into.
///
/// In Swift the same is written with a builder:
///
/// ```swift
/// let chain = try Chain(resources: ["model": Echo()]) { Receive(); Validate(); Complete(); Respond() }
/// try await chain.open()
/// ```
public final class Chain: Sendable {
    /// Who takes traces when the chain is made; `nil` where nobody does.
    package let tracer: (any Tracer)?
    /// Whether there is one: asked for each message, and cheaper than looking at it.
    package let isTraced: Bool

    /// What its queues hold.
    package let pending = StageContext.PendingMessages()

    /// Which of its models answer in place of which.
    package let alternatives: ModelAlternatives

    private let stepList: StepList
    /// What it was made of.
    private let written: [Chain.Step]
    package let resources: [NamedResource]
    let opened = OpenedParts()
    /// Whether what other processes can work on is left to them.
    private let leavesShared = Atomic<Bool>(false)

    /// The steps in order; ``all`` has those inside them, too.
    package var steps: [StepRunner] { stepList.steps }

    /// Every step, each before those inside it.
    package var all: [StepRunner] { steps.flatMap(\.all) }

    /// A chain of steps whose wiring was checked.
    ///
    /// - Parameter name: What it is called in metrics.
    init(checked steps: [Chain.Step], resources: [NamedResource], name: String) {
        alternatives = ModelAlternatives(of: steps.flatMap(\.allStages))
        written = steps
        let context = ChainContext(pipeline: name, pending: pending, alternatives: alternatives)
        stepList = StepRunner.stepList(of: steps, in: context)
        let tracer = InstrumentationSystem.tracer
        isTraced = !(tracer is NoOpTracer)
        self.tracer = isTraced ? tracer : nil
        self.resources = resources
        answersInBackground = stepList.steps.contains(where: \.answersInBackground)
        pending.watch(all.compactMap(\.background))
    }

    /// A chain written in Swift. Each stage gets the resources it uses, by kind or by name, as from a pipeline file.
    ///
    /// - Throws: ``Chain/BuildError`` with everything that is wrong with the wiring or the resources.
    public convenience init(
        resources: KeyValuePairs<String, any Resource> = [:], @Chain.Builder _ steps: () -> [Chain.Step]
    ) throws(Chain.BuildError) {
        let named = resources.map { NamedResource(name: $0.key, resource: $0.value) }
        var reader = SettingReader(
            diagnostics: Diagnostics(source: SourceFile(path: "Chain", text: "")), resources: named)
        let bound = steps().compactMap { Chain.bind($0, with: &reader) }
        let problems = Wiring.problems(in: bound, registry: nil)
        let messages =
            reader.diagnostics.items.map(\.message) + problems.filter { $0.severity == .error }.map(\.message)
        if !messages.isEmpty { throw Chain.BuildError(problems: messages) }
        self.init(checked: bound, resources: named, name: "chain")
    }

    /// The same chain under another name, which metrics have. Neither is to be opened beside the other: they share what their
    /// stages keep.
    package func named(_ name: String) -> Chain { Chain(checked: written, resources: resources, name: name) }

    /// The stages in order, each before those that it holds.
    public var stages: [any Stage] { all.map(\.stage) }

    /// Where the file names each of them; `nil` in a chain written in Swift.
    package var places: [SourceRange?] { all.map(\.place) }

    /// Their labels.
    public var labels: [String] { all.map(\.label) }

    /// Where the file names the stage that messages come in through; `nil` in a chain written in Swift.
    package var entryPlace: SourceRange? { steps.first?.place }

    /// How each resource is, in the order of the file, and then each stage that depends on something of its own.
    public var health: [(name: String, health: Health)] {
        resourceHealth + stageHealth
    }

    private var resourceHealth: [(name: String, health: Health)] { resources.map { ($0.name, $0.resource.health) } }

    private var stageHealth: [(name: String, health: Health)] {
        all.compactMap { step in (step.stage as? any SupervisedStage).map { (step.label, $0.health) } }
    }

    /// ``health``, and for each resource that is not ready the models that answer in its place; `nil` where none do.
    package var readiness: [(name: String, health: Health, standIns: [String]?)] {
        resourceHealth.map { name, health in
            (name, health, health == .ready ? nil : alternatives.standIns(for: name))
        } + stageHealth.map { ($0.name, $0.health, nil) }
    }

    /// The resources of a kind, such as `(any RowStore).self`, in the order of the file.
    public func resources<Kind>(of kind: Kind.Type) -> [Kind] {
        resources.compactMap { $0.resource as? Kind }
    }

    /// The resources of a kind with their names, in the order of the file.
    package func namedResources<Kind>(of kind: Kind.Type) -> [(name: String, resource: Kind)] {
        resources.compactMap { named in (named.resource as? Kind).map { (named.name, $0) } }
    }

    /// Leaves what waits in queues that other processes share to them; before it is opened. A chain that replaces this one
    /// does the same.
    package func leaveSharedQueues() { leavesShared.store(true, ordering: .relaxed) }

    /// Opens the resources, then the stages, and starts the workers.
    ///
    /// - Parameter former: The chain that this one is to replace, which goes on. Resources that both have stay open, and
    ///   what waits in the queues of the former waits for ``takeOver()``.
    /// - Throws: What the first of them throws that fails; those opened before it are closed again.
    public func open(replacing former: Chain? = nil) async throws {
        do {
            for named in resources {
                opened.add { await named.close() }
                try await named.open()
            }
            for step in all {
                opened.add { await step.close() }
                try await step.openStage()
            }
            if former?.leavesShared.load(ordering: .relaxed) == true { leaveSharedQueues() }
            let leavesShared = leavesShared.load(ordering: .relaxed)
            // The first message may be there already, and come to any stage.
            for step in all {
                try await step.startWorkers(
                    inheriting: former?.background(like: step, of: self), leavesShared: leavesShared)
            }
            for queue in resources(of: (any QueueStore).self) { await queue.reportAbandoned() }
        } catch {
            await close(within: .zero)
            throw error
        }
    }

    /// Lets its workers go on with the queues of the chain that it replaces, whose own workers end first. Called once
    /// nothing can keep it from replacing the other.
    public func takeOver() {
        for background in all.compactMap(\.background) { background.takeOver() }
    }

    /// The asynchronous step whose queue goes on in a step of another chain: what waits under `resources:` does under the
    /// same label; what waits in memory does in a step that is the same, and otherwise ends in its own.
    private func background(like step: StepRunner, of chain: Chain) -> Background? {
        guard let mine = all.first(where: { $0.label == step.label && $0.background != nil }),
            step.background != nil, mine.queueName == step.queueName
        else { return nil }
        let names = mine.queueName.map { [$0] } ?? mine.all.flatMap(\.usedResources)
        let areSame = names.allSatisfy { name in
            guard let left = resource(named: name), let right = chain.resource(named: name) else { return false }
            return left.isSame(as: right)
        }
        let saysTheSame = mine.source.flatMap { source in step.source?.says(theSameAs: source) } ?? false
        return areSame && (mine.queueName != nil || saysTheSame) ? mine.background : nil
    }

    private func resource(named name: String) -> NamedResource? { resources.first { $0.name == name } }

    /// Opens the resources alone, queues left out: for commands that look at them without running messages.
    ///
    /// - Throws: As ``open(replacing:)``.
    package func openResources() async throws {
        do {
            for named in resources where !(named.resource is any QueueStore) {
                opened.add { await named.close() }
                try await named.open()
            }
        } catch {
            await close(within: .zero)
            throw error
        }
    }

    /// Opens the resources without queues, and the stages without their workers: for ``rerun(_:at:)``.
    ///
    /// - Throws: As ``open(replacing:)``.
    package func openForReruns() async throws {
        try await openResources()
        do {
            for step in all {
                opened.add { await step.close() }
                try await step.openStage()
            }
            try await openSharedQueues()
        } catch {
            await close(within: .zero)
            throw error
        }
    }

    /// Runs the stage with that label for a message, as its workers would; behind a queue that processes share, the message is
    /// put back for them.
    ///
    /// - Throws: ``PipelineError`` where the stage fails, or there is none.
    package func rerun(_ message: inout Message, at label: String) async throws(PipelineError) {
        guard let step = all.first(where: { $0.label == label }) else {
            throw PipelineError(.stageFailed, "The pipeline has no stage '\(label)'")
        }
        if let queue = step.background?.shared { return try await putBack(message, into: queue) }
        try await step.runWithRetries(&message, retry: step.modifiers.async?.retry ?? step.modifiers.retry)
    }

    /// How each asynchronous step's queue is.
    package var queues: [QueueStatus] {
        all.compactMap { step in
            step.background.map {
                QueueStatus(
                    label: step.label, depth: $0.depth, counts: $0.counts, sharing: $0.sharing,
                    running: $0.running.load(ordering: .relaxed))
            }
        }
    }

    /// Whether an answer may leave after ``run(_:from:)`` has returned, as a reply stage stands behind a queue.
    public let answersInBackground: Bool

    /// Runs a message through the steps.
    ///
    /// - Parameters:
    ///   - message: The message, which the steps change.
    ///   - first: The step to begin with: where ``runWithoutWaiting(_:)`` came to.
    /// - Throws: The first error that no step's `on_error` takes, with the label of the step it came from.
    public func run(_ message: inout Message, from first: Int = 0) async throws(PipelineError) {
        try await stepList.run(&message, from: first)
    }

    /// Runs a message through the steps up to the first that has to wait.
    ///
    /// - Returns: That step, for ``run(_:from:)``; `nil` once every step has run.
    /// - Throws: As ``run(_:from:)``.
    public func runWithoutWaiting(_ message: inout Message) throws(PipelineError) -> Int? {
        // With spans to make, a task more is nothing.
        if message.trace != nil { return 0 }
        return try stepList.runWithoutWaiting(&message)
    }

    /// Lets the workers end what waits, but no longer than `limit`, then closes stages and resources in reverse order, which
    /// have the rest of that time, and a second at least. Closes what is open, also after a failed ``open(replacing:)``, and
    /// only once.
    ///
    /// - Returns: How many messages waited in memory for each asynchronous stage, by its label, and are lost.
    @discardableResult
    public func close(within limit: Duration = .seconds(30)) async -> [String: Int] {
        let deadline = ContinuousClock.now + limit
        let lost = await flush(until: deadline)
        await opened.closeAll(until: max(deadline, .now + Chain.closing))
        return lost
    }

    /// The same where the process ends: what has not closed by then is not waited for.
    ///
    /// - Parameters:
    ///   - work: Until when the workers may work on what waits.
    ///   - end: When stages and resources are to be closed.
    package func close(workingUntil work: ContinuousClock.Instant, by end: ContinuousClock.Instant) async -> [String:
        Int]
    {
        let lost = await flush(until: work)
        // Also where everything before took longer than it should: some have programs to end.
        await opened.closeAll(until: max(end, .now + Chain.leastClosing))
        return lost
    }

    private func flush(until deadline: ContinuousClock.Instant) async -> [String: Int] {
        var lost: [String: Int] = [:]
        var steps = steps
        // What a queue holds may yet come to those inside it.
        while !steps.isEmpty {
            let queues = steps.flatMap(\.outermostQueues)
            await withTaskGroup(of: (String, Int).self) { group in
                for step in queues {
                    guard let background = step.background else { continue }
                    group.addTask { (step.label, await background.flush(within: max(.zero, deadline - .now))) }
                }
                for await (label, count) in group where count > 0 { lost[label] = count }
            }
            steps = queues.flatMap(\.inner)
        }
        return lost
    }

    /// How long stages and resources have to close once the time is over, and where the process ends.
    private static let closing = Duration.seconds(1)
    private static let leastClosing = Duration.milliseconds(50)

    private static func bind(_ step: Chain.Step, with reader: inout SettingReader) -> Chain.Step? {
        func bound(_ stage: some Stage, _ reader: inout SettingReader) -> (any Stage)? {
            let nowhere = SourceLocation(line: 1, column: 1)
            let owner = Owner(
                "stage '\(step.modifiers.label ?? step.name)'", place: SourceRange(start: nowhere, end: nowhere))
            return SettingBinder.bind(Prototype(stage), to: nil, of: owner, with: &reader)
        }
        guard let stage = bound(step.stage, &reader) else { return nil }
        var copy = step
        copy.stage = stage
        if var composite = stage as? any CompositeStage {
            composite.branches = composite.branches.map { branch in
                Chain.StageList(branch.steps.compactMap { bind($0, with: &reader) })
            }
            copy.stage = composite
        }
        if case .run(let steps) = step.modifiers.onError {
            copy.modifiers.onError = .run(steps.compactMap { bind($0, with: &reader) })
        }
        return copy
    }
}

extension Chain {
    /// What is wrong with a chain written in Swift.
    public struct BuildError: Error, CustomStringConvertible {
        /// Each problem in one sentence.
        public let problems: [String]

        /// All problems, one a line.
        public var description: String { problems.joined(separator: "\n") }
    }
}
