import Logging

/// Runs a stage for messages from a queue. Errors go to the log; a resource that is down is waited for.
struct BackgroundWorker: Sendable {
    let step: StepRunner
    let policy: AsyncPolicy
    let logger: Logger

    private var batchStage: (any BatchStage)? { step.stage as? any BatchStage }

    private var retry: RetryPolicy? { policy.retry ?? step.modifiers.retry }

    /// How long the first message of a batch waits for others: a transaction costs as much as ten rows.
    static let linger = Duration.milliseconds(5)

    /// One for stages that take messages one by one.
    var batchSize: Int { batchStage == nil ? 1 : policy.batch }

    func work(on batch: [Message]) async {
        if let batchStage, batch.count > 1, await isDone(with: batch, by: batchStage) { return }
        for message in batch { await work(on: message) }
    }

    /// Whether the batch was worked on as one; one bad message fails a whole batch, so then each goes alone.
    private func isDone(with batch: [Message], by stage: any BatchStage) async -> Bool {
        do {
            try await throughOutages {
                let work: @Sendable () async throws -> Void = { try await stage.run(batch: batch) }
                guard let limit = step.modifiers.timeout else { return try await work() }
                let late = PipelineError(.timeout, "The messages took too long", isRetryable: true)
                try await withTimeout(limit, orThrow: late, work)
            }
            return true
        } catch {
            return false
        }
    }

    private func work(on message: Message) async {
        var message = message
        do {
            do {
                try await throughOutages { try await step.runWithRetries(&message, retry: retry) }
            } catch {
                try await step.recover(from: PipelineError(error, stage: step.label), &message)
            }
        } catch {
            logger.failure(error, of: message)
            message.reply?.abandon(message)
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
                if !isReported {
                    logger.warning(
                        "\(error.message); messages wait until it is back",
                        metadata: ["detail": "\(error.detail ?? "")"])
                    isReported = true
                }
                try await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(1))
            }
        }
    }
}
