import Logging
import Synchronization

/// An asynchronous step: a queue in memory and the workers that run the stage for what waits in it.
final class Background: Sendable {
    private let policy: AsyncPolicy
    private let label: String
    private let logger: Logger
    private let queue: MemoryQueue
    private let workers = Mutex<[Task<Void, Never>]>([])
    private let droppedCount = Atomic<Int>(0)

    init(policy: AsyncPolicy, label: String, logger: Logger) {
        self.policy = policy
        self.label = label
        self.logger = logger
        queue = MemoryQueue(capacity: policy.capacity, lanes: policy.workers)
    }

    /// Messages dropped because the queue was full.
    var dropped: Int { droppedCount.load(ordering: .relaxed) }

    /// Hands a message over. Waits for room only where the policy says so.
    func send(_ message: Message) async throws(PipelineError) {
        while true {
            switch queue.push(message) {
            case .accepted: return
            case .closed: throw PipelineError(PipelineError.stopping, stage: label)
            case .full: break
            }
            switch policy.whenFull {
            case .wait:
                await queue.waitForRoom()
                if Task.isCancelled { throw PipelineError(CancellationError(), stage: label) }
            case .reject:
                let error = PipelineError(.busy, "Too many messages are waiting", isRetryable: true)
                throw PipelineError(error, stage: label)
            case .drop:
                droppedCount.add(1, ordering: .relaxed)
                let error = PipelineError(.busy, "Dropped: the queue is full")
                logger.failure(PipelineError(error, stage: label), of: message)
                return
            }
        }
    }

    /// Hands a message over if there is room for it.
    func sendWithoutWaiting(_ message: Message) -> Bool {
        queue.push(message) == .accepted
    }

    func start(_ step: StepRunner) {
        workers.withLock { workers in
            workers = (0..<policy.workers).map { lane in
                Task { [queue] in
                    let worker = BackgroundWorker(step: step, policy: self.policy, logger: self.logger)
                    while true {
                        let batch = await queue.next(
                            lane: lane, upTo: worker.batchSize, lingering: BackgroundWorker.linger)
                        if batch.isEmpty { return }
                        await worker.work(on: batch)
                        queue.finish(batch.count)
                    }
                }
            }
        }
    }

    /// Works on what waits, but no longer than `limit`; what is left then is lost and said in the log.
    func flush(within limit: Duration) async {
        queue.close()
        let workers = workers.withLock { workers in
            defer { workers = [] }
            return workers
        }
        let isFlushed: Void? = try? await withTimeout(limit, orThrow: PipelineError.stopping) {
            for worker in workers { await worker.value }
        }
        if isFlushed == nil {
            for worker in workers { worker.cancel() }
            let count = queue.count
            logger.error("Stopped with \(count) messages waiting; they are lost", metadata: ["lost": "\(count)"])
        }
    }
}
