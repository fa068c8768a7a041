import Logging
import Synchronization

/// A step made ready to run: what its modifiers ask for is decided here once, not for every message.
package final class StepRunner: Sendable {
    package let label: String
    package let stage: any Stage
    /// The stage, where it need not always wait.
    private let immediate: any OftenImmediateStage
    /// Whether the stage itself answers the client.
    package let isReply: Bool
    /// Whether the stage sends an answer's pieces as they come.
    private let streams: Bool
    /// The stage, where it is one that holds others.
    package let composite: (any CompositeStage)?
    package let modifiers: Chain.Modifiers
    package let place: SourceRange?
    let source: Node?
    package let background: Background?
    /// Whether nothing is done around the stage, and nobody looks at its messages.
    private let isPlain = Atomic<Bool>(false)
    /// Whether only `when` stands between the message and the stage, so that the stage may run without waiting.
    private let isDirect: Bool
    private let isPlainWithoutRoute = Atomic<Bool>(false)
    let looks = StepTap()
    let isWatched = Atomic<Bool>(false)
    /// The last messages that failed here.
    package let failures = RecentFailures()
    /// Whether the stage itself stores.
    private let stores: Bool
    /// How many messages the stage is storing.
    private let storing = Atomic<Int>(0)
    /// The steps inside that store, those behind a queue of their own left out; known where there is a deadline to tell why
    /// it passed.
    private let innerStores: [StepRunner]
    package let errorSteps: [StepRunner]
    private let context: StageContext
    /// The way of the pieces that are made of an answer here, or in a stage inside it; `nil` where they are not to leave.
    let route: DeltaRoute?
    /// `nil` where nobody takes metrics.
    let meter: StepMeter?
    private let quick: QuickMeter?

    init(_ step: Chain.Step, label: String, errorSteps: [StepRunner], in chain: ChainContext, route: DeltaRoute?) {
        self.route = route
        self.label = label
        self.stage = step.stage
        immediate = step.stage as? any OftenImmediateStage ?? AlwaysWaiting()
        isReply = step.isReply
        streams = step.stage.streams
        composite = step.composite
        self.modifiers = step.modifiers
        self.place = step.place
        source = step.source
        self.errorSteps = errorSteps
        context = StageContext(label: label, in: chain)
        meter = chain.meter(of: step.stage, label: label)
        quick = meter?.quick
        let modifiers = step.modifiers
        let hasOwnErrorPolicy = if case .stop = modifiers.onError { false } else { true }
        isDirect = modifiers.timeout == nil && modifiers.retry == nil && !hasOwnErrorPolicy
        stores = step.stage.stores
        let inner = modifiers.timeout == nil ? [] : (step.composite?.branches ?? []).flatMap(\.stepList.steps)
        innerStores = inner.flatMap(\.storesInside)
        let answers = step.all.contains(where: \.isReply) || errorSteps.flatMap(\.all).contains(where: \.isReply)
        background = modifiers.async.map { [context] in
            Background(
                policy: $0, label: label, pipeline: context.pipeline, answers: answers, logger: context.logger)
        }
        watch(false)
    }

    /// Takes messages off the way on which nobody looks at them, or puts them back on it.
    func watch(_ isWatched: Bool) {
        let isPlain = !isWatched && isDirect && modifiers.async == nil && modifiers.when == nil
        self.isWatched.store(isWatched, ordering: .relaxed)
        self.isPlain.store(isPlain, ordering: .relaxed)
        isPlainWithoutRoute.store(isPlain && route == nil, ordering: .relaxed)
    }

    /// Where it says what it does.
    var logger: Logger { context.logger }

    func openStage() async throws {
        try await stage.open(context)
    }

    /// Opens its queue, where it has one.
    ///
    /// - Parameters:
    ///   - former: The asynchronous step whose queue goes on here.
    ///   - leavesShared: Whether what other processes can work on is left to them.
    func startWorkers(inheriting former: Background?, leavesShared: Bool) async throws {
        try await background?.start(self, inheriting: former, leavesShared: leavesShared)
    }

    func close() async {
        await stage.close()
    }

    /// Runs the step for a message that comes to it now.
    func run(_ message: inout Message) async throws(PipelineError) {
        var time = meter?.now ?? 0
        try await run(&message, since: &time)
    }

    /// - Parameter time: When the step before it ended; when this one did, after it.
    func run(_ message: inout Message, since time: inout UInt64) async throws(PipelineError) {
        let outer = message.deltas
        if let route, let reply = message.reply, reply.takesDeltas {
            message.deltas = Message.DeltaStream(reply, through: route.filters, inside: outer)
        } else if outer != nil, streams {
            message.deltas = nil
        }
        if let trace = message.trace {
            try await run(&message, since: &time, with: trace)
        } else {
            try await runThroughModifiers(&message, since: &time)
        }
        message.deltas = outer
    }

    private func runThroughModifiers(_ message: inout Message, since time: inout UInt64) async throws(PipelineError) {
        if isPlain.load(ordering: .relaxed) {
            meter?.arrived()
            do {
                try await runStage(&message)
            } catch {
                throw failed(error, of: message, since: &time)
            }
            meter?.passed(message, since: &time)
            return
        }
        // Whoever goes on with a message was chosen for it before, and may have changed it since.
        if message.continuation == nil, let condition = modifiers.when, !condition.matches(message) { return }
        do {
            if let background {
                try await handOver(message, to: background)
            } else {
                meter?.arrived()
                let start = time
                try await runWithRetries(&message, retry: modifiers.retry)
                meter?.passed(message, since: &time)
                worked(on: message, from: start, to: time)
                return
            }
        } catch {
            // Who hands over does not run the stage, so that it is not timed.
            let error = background == nil ? failed(error, of: message, since: &time) : error
            try await recover(from: error, &message)
        }
        time = meter?.now ?? 0
    }

    /// Does it in a span of its own. Like what follows it stands apart, as memory for it would be part of each message that
    /// waits in a stage.
    @inline(never)
    private func run(
        _ message: inout Message, since time: inout UInt64, with trace: MessageTrace
    ) async throws(PipelineError) {
        // Who passes a message by, or hands it over, does not run the stage.
        guard background == nil, modifiers.when?.matches(message) != false else {
            return try await runThroughModifiers(&message, since: &time)
        }
        try await inSpan(of: trace, &message) { message throws(PipelineError) in
            try await runThroughModifiers(&message, since: &time)
        }
    }

    @inline(never)
    private func handOver(_ message: Message, to background: Background) async throws(PipelineError) {
        do {
            try await background.send(message)
        } catch {
            meter?.failed(error)
            note(error, of: message, from: 0, to: 0)
            throw error
        }
    }

    /// Counts what the stage threw, and says that it was this step's.
    private func failed(
        _ error: any Error, of message: borrowing Message, since time: inout UInt64
    ) -> PipelineError {
        let (error, start) = (PipelineError(error, stage: label), time)
        meter?.failed(error, since: &time)
        note(error, of: message, from: start, to: time)
        return error
    }

    /// Does the same without waiting, and says whether it could.
    ///
    /// What most messages need stands in the chain's loop, the rest apart: together it would be half as fast again.
    ///
    /// - Parameter slot: The thread's; `nil` where nobody takes metrics.
    @inline(__always)
    func runWithoutWaiting(
        _ message: inout Message, since time: inout UInt64, in slot: ThreadSlot?
    ) throws(PipelineError) -> Bool {
        guard isPlainWithoutRoute.load(ordering: .relaxed) else {
            return try runModifiedWithoutWaiting(&message, since: &time, in: slot)
        }
        return try runStageWithoutWaiting(&message, since: &time, in: slot)
    }

    @inline(never)
    private func runModifiedWithoutWaiting(
        _ message: inout Message, since time: inout UInt64, in slot: ThreadSlot?
    ) throws(PipelineError) -> Bool {
        guard route == nil, isDirect || background != nil else { return false }
        if let condition = modifiers.when, !condition.matches(message) { return true }
        if let background { return background.sendWithoutWaiting(message) }
        let start = time
        guard try runStageWithoutWaiting(&message, since: &time, in: slot) else { return false }
        worked(on: message, from: start, to: time)
        return true
    }

    @inline(__always)
    private func runStageWithoutWaiting(
        _ message: inout Message, since time: inout UInt64, in slot: ThreadSlot?
    ) throws(PipelineError) -> Bool {
        do {
            guard try immediate.runWithoutWaiting(&message) else { return false }
        } catch {
            throw arrivedAndFailed(error, message, since: &time)
        }
        if let slot { passedThrough(message, since: &time, in: slot) }
        return true
    }

    @inline(__always)
    private func passedThrough(_ message: borrowing Message, since time: inout UInt64, in slot: ThreadSlot) {
        if let quick {
            quick.passedThrough(message, since: &time, in: slot)
        } else {
            meter?.passedThrough(message, since: &time, in: slot)
        }
    }

    @inline(never)
    private func arrivedAndFailed(
        _ error: any Error, _ message: borrowing Message, since time: inout UInt64
    ) -> PipelineError {
        meter?.arrived()
        return failed(error, of: message, since: &time)
    }

    /// Does what the step's `on_error` says.
    ///
    /// - Throws: The error, where nothing takes it.
    @inline(never)
    func recover(from error: PipelineError, _ message: inout Message) async throws(PipelineError) {
        guard message.mayRecover(from: error) else { throw error }
        switch modifiers.onError {
        case .stop:
            throw error
        case .continue:
            context.logger.failure(error, of: message, note: "; the message goes on")
        case .run:
            context.logger.failure(error, of: message, note: "; other stages run instead")
            message.note(error)
            for step in errorSteps { try await step.run(&message) }
        }
    }

    /// Runs the stage with its deadline, again after errors that may pass.
    @inline(never)
    func runWithRetries(
        _ message: inout Message, retry: Chain.RetryPolicy?, retrying: () -> Void = {}
    ) async throws(PipelineError) {
        var failures = 0
        while true {
            do {
                var attempt = message
                try await runOnce(&attempt)
                message = attempt
                return
            } catch {
                let error = PipelineError(error, stage: label)
                failures += 1
                let isBegun = message.deltas?.hasLeft == true
                guard let retry, error.isRetryable, failures < retry.attempts, !isBegun else { throw error }
                let pause = max(retry.delay(afterFailures: failures), error.retryAfter ?? .zero)
                // Nobody waits for an API that asks for more patience than the file allows.
                if pause > retry.maxBackoff { throw error }
                retrying()
                meter?.retried()
                do {
                    try await EngineTime.pause(for: pause)
                } catch {
                    throw PipelineError(error, stage: label)
                }
            }
        }
    }

    private func runOnce(_ message: inout Message) async throws {
        guard let limit = modifiers.timeout else { return try await runStage(&message) }
        message = try await withTimeout(limit, orThrow: self.late(after: limit)) { [message] in
            var copy = message
            try await self.runStage(&copy)
            return copy
        }
    }

    private func runStage(_ message: inout Message) async throws {
        guard stores else { return try await stage.run(&message) }
        storing.add(1, ordering: .relaxed)
        defer { storing.subtract(1, ordering: .relaxed) }
        try await stage.run(&message)
    }

    /// The error of a run that took too long.
    func late(after limit: Duration) -> PipelineError {
        var error = PipelineError(.timeout, "The message took too long", isRetryable: true, detail: "after \(limit)")
        error.isUnansweredStore = stores || innerStores.contains { $0.storing.load(ordering: .relaxed) > 0 }
        return error
    }
}
