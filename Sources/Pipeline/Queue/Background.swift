import Logging
import Synchronization

/// An asynchronous step: its queue, and the workers that run the stage for what waits in it.
final class Background: Sendable {
    /// What happened in the step since it was opened.
    struct Counts {
        /// Messages dropped because the queue was full.
        var dropped = 0
        /// Runs that failed and were made again.
        var retries = 0
        /// Messages that failed for good.
        var failed = 0
    }

    private let policy: AsyncPolicy
    private let label: String
    private let logger: Logger
    /// The step's own queue in memory, or that of the resource which the policy names; another with each start.
    private let queue: Mutex<any MessageQueue>
    private let workers = Mutex<[Task<Void, Never>]>([])
    private let counters = Mutex(Counts())
    private let isStopping = Atomic<Bool>(false)

    init(policy: AsyncPolicy, label: String, logger: Logger) {
        self.policy = policy
        self.label = label
        self.logger = logger
        queue = Mutex(MemoryQueue(policy.queueOptions))
    }

    /// What the step promises for messages that wait.
    var guarantee: QueueGuarantee { policy.guarantee }

    /// What happened since it was opened.
    var counts: Counts { counters.withLock(\.self) }

    /// How full the queue is.
    var depth: QueueDepth { current.depth }

    private var current: any MessageQueue { queue.withLock(\.self) }

    /// Messages of a session that wait or are being worked on.
    func waiting(ofSession id: String) async -> [Message] {
        await current.waiting(ofSession: id)
    }

    /// Hands a message over. Waits for room only where the policy says so.
    func send(_ message: Message) async throws(PipelineError) {
        let queue = current
        while true {
            do throws(PipelineError) {
                switch try await queue.push(message) {
                case .accepted: return
                case .closed: throw PipelineError.stopping
                case .full: break
                }
            } catch {
                throw PipelineError(error, stage: label)
            }
            switch policy.whenFull {
            case .wait:
                await queue.waitForRoom()
                if Task.isCancelled { throw PipelineError(CancellationError(), stage: label) }
            case .reject:
                let error = PipelineError(.busy, "Too many messages are waiting", isRetryable: true)
                throw PipelineError(error, stage: label)
            case .drop:
                counters.withLock { $0.dropped += 1 }
                let error = PipelineError(.busy, "Dropped: the queue is full")
                logger.failure(PipelineError(error, stage: label), of: message)
                return
            }
        }
    }

    /// Hands a message over if there is room for it and nothing has to be waited for.
    func sendWithoutWaiting(_ message: Message) -> Bool {
        current.pushWithoutWaiting(message) == .accepted
    }

    /// Opens the queue and starts the workers.
    ///
    /// - Throws: What the queue throws that can't be opened.
    func start(_ step: StepRunner) async throws {
        // One that was closed stays closed, and a chain may be opened again.
        let queue = try await policy.queue?.queue(for: label, policy.queueOptions) ?? MemoryQueue(policy.queueOptions)
        self.queue.withLock { $0 = queue }
        isStopping.store(false, ordering: .relaxed)
        let worker = BackgroundWorker(step: step, policy: policy, logger: logger, background: self)
        workers.withLock { workers in
            workers = (0..<policy.workers).map { lane in
                Task {
                    while true {
                        let batch = await queue.next(
                            lane: lane, upTo: worker.batchSize, lingering: BackgroundWorker.linger)
                        if batch.isEmpty { return }
                        let done = await worker.work(on: batch)
                        queue.finish(done, lane: lane)
                        // What is left stays where the queue keeps it.
                        if done.count < batch.count { return }
                    }
                }
            }
        }
    }

    /// Whether a message that can't be worked on now may be left in the queue: it is there again at the next start.
    var mayLeave: Bool { isStopping.load(ordering: .relaxed) && guarantee.survivesProcess }

    func count(_ change: (inout Counts) -> Void) {
        counters.withLock { change(&$0) }
    }

    /// Works on what waits, but no longer than `limit`; what is left then is lost, or stays in a queue that outlives the
    /// process, and the log says so.
    func flush(within limit: Duration) async {
        isStopping.store(true, ordering: .relaxed)
        let queue = current
        queue.close()
        let workers = workers.withLock { workers in
            defer { workers = [] }
            return workers
        }
        let isFlushed: Void? = try? await withTimeout(limit, orThrow: PipelineError.stopping) {
            for worker in workers { await worker.value }
        }
        if isFlushed == nil { for worker in workers { worker.cancel() } }
        let left = queue.depth.messages
        guard left > 0 else { return }
        if guarantee.survivesProcess {
            logger.notice("\(left) messages stay in the queue for the next start", metadata: ["waiting": "\(left)"])
        } else {
            logger.error("Stopped with \(left) messages waiting; they are lost", metadata: ["lost": "\(left)"])
        }
    }
}
