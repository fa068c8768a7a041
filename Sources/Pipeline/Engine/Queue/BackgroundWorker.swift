import Logging
import Synchronization
import Tracing

/// Runs a stage for messages from a queue. Errors go to the log and the dead letters; a resource that is down is waited
/// for.
struct BackgroundWorker: Sendable {
    let step: StepRunner
    let policy: Chain.AsyncPolicy
    let logger: Logger
    let background: Background

    /// The host stops, and what can't be worked on now stays in its queue.
    private struct LeftInQueue: Error {}

    private var batchStage: (any BatchStage)? { step.stage as? any BatchStage }

    private var retry: Chain.RetryPolicy? { policy.retry ?? step.modifiers.retry }

    /// How long the first message of a batch waits for others: a transaction costs as much as ten rows.
    static let linger = Duration.milliseconds(5)

    /// One for stages that take messages one by one.
    var batchSize: Int { batchStage == nil ? 1 : policy.batch }

    /// What became of messages that were handed to a worker.
    struct Result {
        /// Those that the queue can let go of.
        var done: [QueuedMessage] = []
        /// How many have ended, from the first on: those that are done, and those whose dead letter is still to be written.
        var ended = 0

        static func + (left: Result, right: Result) -> Result {
            Result(done: left.done + right.done, ended: left.ended + right.ended)
        }
    }

    /// Works on messages that wait together.
    ///
    /// - Parameter suspects: The queue, where a process may have died of some of them.
    /// - Returns: Those that have ended, well or not; fewer than all only where the rest stays in its queue.
    func work(
        on batch: [QueuedMessage], from queue: any MessageQueue, lane: Int, suspects: (any AttemptKeeping)? = nil
    ) async -> Result {
        step.meter?.arrived(batch.count)
        background.running.add(batch.count, ordering: .relaxed)
        defer { background.running.subtract(batch.count, ordering: .relaxed) }
        let origin = DeadLetterWriter.Origin(queue: queue, lane: lane, suspects: suspects)
        if let batchStage, batch.count > 1 { return await work(on: batch[...], of: origin, by: batchStage) }
        var result = Result()
        for queued in batch {
            guard let outcome = await end(of: queued, from: origin) else { break }
            result = result + outcome
        }
        return result
    }

    /// One bad message fails a whole batch, which is then halved until the bad one stands alone. So is one that took longer
    /// than it may: a part of it may be done in time.
    private func work(
        on batch: ArraySlice<QueuedMessage>, of origin: DeadLetterWriter.Origin, by stage: any BatchStage
    ) async -> Result {
        if batch.count == 1, let only = batch.first { return await end(of: only, from: origin) ?? Result() }
        do {
            try await run(batch, of: origin, by: stage)
            return Result(done: Array(batch), ended: batch.count)
        } catch is LeftInQueue {
            return Result()
        } catch {
            if background.mayLeave, (error as? PipelineError)?.isOutage == true { return Result() }
            let middle = batch.startIndex + batch.count / 2
            let first = await work(on: batch[..<middle], of: origin, by: stage)
            guard first.ended == batch.count / 2 else { return first }
            return first + (await work(on: batch[middle...], of: origin, by: stage))
        }
    }

    private func run(
        _ queued: ArraySlice<QueuedMessage>, of origin: DeadLetterWriter.Origin, by stage: any BatchStage
    ) async throws {
        let batch = queued.map(\.message)
        try await throughOutages(of: queued, origin, orUnansweredStore: false) {
            var time = step.meter?.now ?? 0
            let spans = batch.compactMap { $0.trace?.begin(step.label, batchOf: batch.count) }
            var failure: (any Error)?
            defer { for span in spans { span.end(failure.map { PipelineError($0, stage: step.label) }) } }
            let work: @Sendable () async throws -> Void = { try await stage.run(batch: batch) }
            do {
                if let limit = step.modifiers.timeout {
                    try await withTimeout(limit, orThrow: step.late(after: limit), work)
                } else {
                    try await work()
                }
            } catch {
                failure = error
                throw error
            }
            let start = time
            step.meter?.passed(batchOf: batch.count, since: &time)
            for message in batch { step.worked(on: message, from: start, to: time) }
        }
    }

    /// Works on a message to its end.
    ///
    /// - Returns: `nil` where it stays in its queue.
    private func end(of queued: QueuedMessage, from origin: DeadLetterWriter.Origin) async -> Result? {
        if background.mayLeave, Task.isCancelled { return nil }
        var message = queued.message
        var time: UInt64 = 0
        do {
            do {
                try await throughOutages(of: [queued], origin) {
                    time = step.meter?.now ?? 0
                    try await run(&message)
                }
                let start = time
                step.meter?.passed(message, since: &time)
                step.worked(on: message, from: start, to: time)
            } catch is LeftInQueue {
                return nil
            } catch {
                let error = PipelineError(error, stage: step.label)
                let isLeftInQueue = background.mayLeave && Task.isCancelled
                if !isLeftInQueue {
                    let start = time
                    step.meter?.failed(error, since: &time)
                    step.note(error, of: message, from: start, to: time)
                }
                try await step.recover(from: error, &message)
            }
        } catch {
            if background.mayLeave, Task.isCancelled { return nil }
            return fail(queued, message, with: error, from: origin)
        }
        return Result(done: [queued], ended: 1)
    }

    /// A message has failed for good.
    ///
    /// - Parameter message: What the stage has made of it; as it was in the queue where it was not run.
    func fail(
        _ queued: QueuedMessage, _ message: Message? = nil, with error: PipelineError,
        from origin: DeadLetterWriter.Origin
    ) -> Result {
        let message = message ?? queued.message
        logger.failure(error, of: message)
        background.count { $0.failed += 1 }
        background.giveUpAnswer(to: message)
        let letter = DeadLetter(message, step: step.label, error: error)
        let isWritten = background.letters?.write(letter, of: queued, from: origin) ?? true
        return Result(done: isWritten ? [queued] : [], ended: 1)
    }

    private func run(_ message: inout Message) async throws(PipelineError) {
        guard let trace = message.trace else { return try await runWithRetries(&message) }
        try await step.inSpan(of: trace, &message, runWithRetries)
    }

    private func runWithRetries(_ message: inout Message) async throws(PipelineError) {
        try await step.runWithRetries(&message, retry: retry) { background.count { $0.retries += 1 } }
    }

    /// Tries again for as long as a resource is down: what waits is kept until the queue is full.
    ///
    /// - Parameter waitsForStore: Whether a deadline that passed while storing counts as an outage.
    private func throughOutages(
        of messages: ArraySlice<QueuedMessage>, _ origin: DeadLetterWriter.Origin,
        orUnansweredStore waitsForStore: Bool = true, _ body: () async throws -> Void
    ) async throws {
        var pause = Duration.milliseconds(50)
        var isReported = false
        while true {
            do {
                return try await body()
            } catch let error as PipelineError where error.isOutage && !Task.isCancelled {
                if error.isUnansweredStore, !waitsForStore { throw error }
                if background.mayLeave { throw LeftInQueue() }
                // Who is killed while it waits for a database has not died of a message.
                if !isReported, let queue = origin.suspects { await queue.attemptsEnd(Array(messages)) }
                if !isReported {
                    logger.warning(
                        "\(error.message); messages wait until it is back",
                        metadata: ["detail": "\(error.detail ?? "")"])
                    isReported = true
                }
                background.count { $0.retries += 1 }
                try await EngineTime.pause(for: pause * Double.random(in: 0.75...1))
                pause = min(pause * 2, .seconds(1))
            }
        }
    }
}
