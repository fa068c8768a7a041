/// Steps made ready to run, one after the other: those of a chain, or of one branch of a composite stage.
package struct StepList: Sendable {
    package let steps: [StepRunner]
    /// The same, which `steps` keeps alive.
    private let uncounted: [Uncounted<StepRunner>]
    /// `nil` where nobody takes metrics.
    private let clock: StepClock?

    init(_ steps: [StepRunner] = [], takesMetrics: Bool = false) {
        self.steps = steps
        uncounted = steps.map(Uncounted.init)
        clock = takesMetrics ? .shared : nil
    }

    /// Runs a message through the steps.
    ///
    /// - Parameter first: The step to begin with: where ``runWithoutWaiting(_:)`` came to.
    /// - Throws: The first error that no step's `on_error` takes.
    func run(_ message: inout Message, from first: Int = 0) async throws(PipelineError) {
        var time = clock?.now ?? 0
        var index = first
        while index < steps.endIndex {
            do {
                try await steps[index].run(&message, since: &time)
            } catch {
                await keepPart(of: &message, after: index)
                throw error
            }
            index = try runWithoutWaiting(&message, after: index, since: &time)
        }
    }

    /// Runs what follows a step that had to wait, as far as that goes without: a stage that is waited for has memory in the
    /// task, and most have nothing to wait for. Spans, and the pieces of an answer inside a composite stage, need the task.
    @inline(never)
    private func runWithoutWaiting(
        _ message: inout Message, after index: Int, since time: inout UInt64
    ) throws(PipelineError) -> Int {
        let next = index + 1
        guard next < steps.endIndex, message.trace == nil, message.deltas == nil else { return next }
        return try runWithoutWaiting(&message, from: next, since: &time)
    }

    /// Runs a message through the steps up to the first that has to wait.
    ///
    /// - Returns: That step, for ``run(_:from:)``; `nil` once every step has run.
    /// - Throws: As ``run(_:from:)``.
    func runWithoutWaiting(_ message: inout Message) throws(PipelineError) -> Int? {
        var time = clock?.now ?? 0
        let next = try runWithoutWaiting(&message, from: 0, since: &time)
        return next < steps.endIndex ? next : nil
    }

    /// - Returns: The step to go on with; that behind the last where every step has run.
    @inline(__always)
    private func runWithoutWaiting(
        _ message: inout Message, from first: Int, since time: inout UInt64
    ) throws(PipelineError) -> Int {
        let slot = clock == nil ? nil : ThreadSlot.current
        // A closure that lends can't throw a typed error: it is carried out.
        var failure: PipelineError?
        for index in first..<uncounted.endIndex {
            let hasRun = uncounted[index].lend { step in
                do throws(PipelineError) {
                    return try step.runWithoutWaiting(&message, since: &time, in: slot)
                } catch {
                    failure = error
                    return false
                }
            }
            if hasRun { continue }
            if let failure { throw failure }
            return index
        }
        return uncounted.endIndex
    }

    /// Runs a message through the steps as far as that goes without waiting; what is left then travels in the message.
    ///
    /// - Returns: Whether every step has run.
    func runOrSuspend(_ message: inout Message) throws(PipelineError) -> Bool {
        guard let index = try runWithoutWaiting(&message) else { return true }
        let inner = message.continuation
        message.continuation = Continuation { message throws(PipelineError) in
            message.continuation = inner
            try await run(&message, from: index)
        }
        return false
    }

    /// Goes on with what ``runOrSuspend(_:)`` left.
    func resume(with message: inout Message) async throws(PipelineError) {
        guard let continuation = message.takeContinuation() else { return try await run(&message) }
        try await continuation.resume(with: &message)
    }

    /// Stores what has left for the client of an answer that broke off, whatever becomes of the message's own task.
    ///
    /// Apart, and without a copy, as memory for both would be part of each message that waits.
    @inline(never)
    private func keepPart(of broken: inout Message, after index: Int) async {
        guard let text = broken.deltas?.text, !text.isEmpty else { return }
        var message = broken
        message.completion = Completion(partial: text)
        (message.reply, message.deltas) = (nil, nil)
        let rest = steps[(index + 1)...].flatMap { [message] in $0.takersOfPart(of: message) }
        await Task { [message] in
            for step in rest {
                var copy = message
                do throws(PipelineError) {
                    try await step.run(&copy)
                } catch {
                    step.logger.failure(error, of: message)
                }
            }
        }.value
    }
}
