import Logging
import Tracing

/// Runs a stage for messages from a queue. Errors go to the log and the dead letters; a resource that is down is waited
/// for.
struct BackgroundWorker: Sendable {
    let step: StepRunner
    let policy: AsyncPolicy
    let logger: Logger
    let background: Background

    /// The host stops, and what can't be worked on now stays in its queue.
    private struct LeftInQueue: Error {}

    private var batchStage: (any BatchStage)? { step.stage as? any BatchStage }

    private var retry: RetryPolicy? { policy.retry ?? step.modifiers.retry }

    /// How long the first message of a batch waits for others: a transaction costs as much as ten rows.
    static let linger = Duration.milliseconds(5)

    /// One for stages that take messages one by one.
    var batchSize: Int { batchStage == nil ? 1 : policy.batch }

    /// Works on messages that wait together.
    ///
    /// - Returns: Those that have ended, well or not; fewer than all only where the rest stays in its queue.
    func work(on batch: [QueuedMessage]) async -> [QueuedMessage] {
        step.meter?.arrived(batch.count)
        if let batchStage, batch.count > 1 { return await work(on: batch[...], by: batchStage) }
        var done: [QueuedMessage] = []
        for queued in batch {
            guard await isDone(with: queued) else { break }
            done.append(queued)
        }
        return done
    }

    /// One bad message fails a whole batch, which is then halved until the bad one stands alone.
    private func work(on batch: ArraySlice<QueuedMessage>, by stage: any BatchStage) async -> [QueuedMessage] {
        if batch.count == 1, let only = batch.first { return await isDone(with: only) ? [only] : [] }
        do {
            try await run(batch.map(\.message), by: stage)
            return Array(batch)
        } catch is LeftInQueue {
            return []
        } catch {
            let middle = batch.startIndex + batch.count / 2
            let first = await work(on: batch[..<middle], by: stage)
            guard first.count == batch.count / 2 else { return first }
            return first + (await work(on: batch[middle...], by: stage))
        }
    }

    private func run(_ batch: [Message], by stage: any BatchStage) async throws {
        try await throughOutages {
            var time = step.meter?.now ?? 0
            let spans = batch.compactMap { $0.trace?.begin(step.label, batchOf: batch.count) }
            var failure: (any Error)?
            defer { for span in spans { span.end(failure.map { PipelineError($0, stage: step.label) }) } }
            let work: @Sendable () async throws -> Void = { try await stage.run(batch: batch) }
            do {
                if let limit = step.modifiers.timeout {
                    let late = PipelineError(.timeout, "The messages took too long", isRetryable: true)
                    try await withTimeout(limit, orThrow: late, work)
                } else {
                    try await work()
                }
            } catch {
                failure = error
                throw error
            }
            step.meter?.passed(batchOf: batch.count, since: &time)
        }
    }

    private func isDone(with queued: QueuedMessage) async -> Bool {
        if background.mayLeave, Task.isCancelled { return false }
        return await hasEnded(queued.message)
    }

    private func hasEnded(_ message: Message) async -> Bool {
        var message = message
        var time: UInt64 = 0
        do {
            do {
                try await throughOutages {
                    time = step.meter?.now ?? 0
                    try await run(&message)
                }
                step.meter?.passed(message, since: &time)
            } catch is LeftInQueue {
                return false
            } catch {
                let error = PipelineError(error, stage: step.label)
                let isLeftInQueue = background.mayLeave && Task.isCancelled
                if !isLeftInQueue { step.meter?.failed(error, since: &time) }
                try await step.recover(from: error, &message)
            }
        } catch {
            if background.mayLeave, Task.isCancelled { return false }
            logger.failure(error, of: message)
            background.count { $0.failed += 1 }
            await keep(message, after: error)
            background.giveUpAnswer(to: message)
        }
        return true
    }

    private func run(_ message: inout Message) async throws(PipelineError) {
        guard let trace = message.trace else { return try await runWithRetries(&message) }
        let span = trace.begin(step.label)
        var failure: PipelineError?
        if step.stage is any CompositeStage { message.trace = trace.inside(span) }
        defer { message.trace = trace }
        await ServiceContext.$current.withValue(span.context) {
            do throws(PipelineError) {
                try await runWithRetries(&message)
            } catch {
                failure = error
            }
        }
        span.end(failure)
        if let failure { throw failure }
    }

    private func runWithRetries(_ message: inout Message) async throws(PipelineError) {
        try await step.runWithRetries(&message, retry: retry) { background.count { $0.retries += 1 } }
    }

    /// Puts a message that failed for good where `dead_letter` says.
    private func keep(_ message: Message, after error: PipelineError) async {
        guard let path = policy.deadLetter else { return }
        do {
            try DeadLetterFile(path: path).append([DeadLetter(message, step: step.label, error: error)])
        } catch {
            logger.error(
                "The dead letter could not be written; the message is lost",
                metadata: ["message_id": "\(message.id)", "dead_letter": "\(path)", "detail": "\(error)"])
        }
    }

    /// Tries again for as long as a resource is down: what waits is kept until the queue is full.
    private func throughOutages(_ body: () async throws -> Void) async throws {
        var pause = Duration.milliseconds(50)
        var isReported = false
        while true {
            do {
                return try await body()
            } catch let error as PipelineError where error.isOutage && !Task.isCancelled {
                if background.mayLeave { throw LeftInQueue() }
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
