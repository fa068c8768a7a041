import Logging
import Synchronization

/// An asynchronous step: its queue, and the workers that run the stage for what waits in it.
package final class Background: PendingQueue {
    /// What happened in the step since it was opened.
    struct Counts {
        /// Messages dropped because the queue was full.
        var dropped = 0
        /// Runs that failed and were made again.
        var retries = 0
        /// Messages that failed for good.
        var failed = 0
    }

    private let policy: Chain.AsyncPolicy
    private let label: String
    private let pipeline: String
    private let logger: Logger
    /// Whether clients get their answer from behind this queue.
    private let answers: Bool
    /// The step's own queue in memory, or that of the resource which the policy names; another with each start.
    private let queue: Mutex<any MessageQueue>
    /// Into how many lanes the queue is split, each with a worker.
    private let lanes: Mutex<Int>
    private let workers = Mutex<[Task<Void, Never>]>([])
    private let counters = Mutex(Counts())
    /// How many messages are in the stage.
    let running = Atomic<Int>(0)
    private let isStopping = Atomic<Bool>(false), isReplaced = Atomic<Bool>(false), hasSeenUnfit = Atomic<Bool>(false)
    /// Whether others work on what waits, and this process doesn't.
    private let isLeft = Atomic<Bool>(false)
    /// Whether the time is over in which what waits may be worked on.
    private let isGivingUp = Atomic<Bool>(false)
    /// Held while a message is worked on of which a process has died.
    let suspects = AsyncMutex()
    private let succession = Mutex(Succession.none)
    /// Takes what fails for good; `nil` where the file names no dead letters.
    let letters: DeadLetterWriter?

    /// The step whose queue goes on in this one.
    private enum Succession {
        case none
        /// Its workers go on until this one takes over.
        case expected(StepRunner, Background)
        /// Its workers end, and then this one's begin.
        case begun(Task<Void, Never>)
    }

    init(policy: Chain.AsyncPolicy, label: String, pipeline: String, answers: Bool, logger: Logger) {
        self.policy = policy
        self.label = label
        self.pipeline = pipeline
        self.answers = answers
        self.logger = logger
        queue = Mutex(MemoryQueue(policy.queueOptions()))
        lanes = Mutex(policy.workers)
        letters = policy.deadLetter.map { DeadLetterWriter(DeadLetterFile(path: $0), logger: logger) }
    }

    /// What the step promises for messages that wait.
    package var guarantee: Queue.Guarantee { policy.guarantee }

    /// What happened since it was opened.
    var counts: Counts { counters.withLock(\.self) }

    /// How full the queue is.
    var depth: Queue.Depth { current.depth }

    /// What the queue counts besides; `nil` where no other process works on it.
    var sharing: QueueSharing? { shared?.sharing }

    /// The queue, where several processes work on it.
    package var shared: (any SharedMessageQueue)? {
        guarantee.isShared ? current as? any SharedMessageQueue : nil
    }

    private var current: any MessageQueue { queue.withLock(\.self) }

    /// Messages of a session that wait or are being worked on.
    func waiting(ofSession id: String) async throws(PipelineError) -> [Message] {
        try await current.waiting(ofSession: id)
    }

    /// The message of a session with an id, where it waits or is being worked on.
    func waiting(_ id: UniqueID, ofSession session: String) async throws(PipelineError) -> [Message] {
        try await current.waiting(id, ofSession: session)
    }

    /// Messages in memory that wait or are being worked on, and pass a test.
    func waiting(where passes: @Sendable (Message) -> Bool) -> [Message] {
        current.waiting(where: passes)
    }

    /// Hands a message over. Waits for room only where the policy says so.
    func send(_ message: Message) async throws(PipelineError) {
        message.settleClaims()
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
                giveUpAnswer(to: message)
                return
            }
        }
    }

    /// Says that no answer comes for a message, where it was to come from behind this queue; others come all the same.
    func giveUpAnswer(to message: Message) {
        if answers { message.reply?.abandon(message) }
    }

    /// Hands a message over if there is room for it and nothing has to be waited for.
    func sendWithoutWaiting(_ message: Message) -> Bool {
        message.settleClaims()
        return current.pushWithoutWaiting(message) == .accepted
    }

    /// Opens the queue and starts the workers.
    ///
    /// - Parameters:
    ///   - former: The step whose queue goes on here, as it is; its workers go on until ``takeOver()``.
    ///   - leavesShared: Whether what other processes can work on is left to them.
    /// - Throws: What the queue throws that can't be opened.
    func start(_ step: StepRunner, inheriting former: Background?, leavesShared: Bool) async throws {
        isStopping.store(false, ordering: .relaxed)
        isLeft.store(leavesShared && guarantee.isShared, ordering: .relaxed)
        letters?.start()
        if let former {
            queue.withLock { $0 = former.current }
            lanes.withLock { $0 = former.lanes.withLock(\.self) }
            counters.withLock { $0 = former.counts }
            succession.withLock { $0 = .expected(step, former) }
            return
        }
        // One that was closed stays closed, and a chain may be opened again.
        let options = policy.queueOptions(pipeline: pipeline, isWorkedOn: !isLeft.load(ordering: .relaxed))
        let queue = try await policy.queue?.queue(for: label, options) ?? MemoryQueue(options)
        self.queue.withLock { $0 = queue }
        startWorkers(step)
    }

    /// Goes on with the queue of the step before: its workers end what they are at, and this one's begin.
    func takeOver() {
        succession.withLock { succession in
            guard case .expected(let step, let former) = succession else { return }
            former.isReplaced.store(true, ordering: .relaxed)
            succession = .begun(
                Task {
                    await former.endWorkers()
                    self.startWorkers(step)
                })
        }
    }

    private func startWorkers(_ step: StepRunner) {
        if isLeft.load(ordering: .relaxed) { return }
        let queue = current
        let (shared, keeping) = (shared, queue as? any AttemptKeeping)
        let worker = BackgroundWorker(step: step, policy: policy, logger: logger, background: self)
        let tasks = (0..<lanes.withLock(\.self)).map { lane in
            Task {
                while true {
                    var batch = await queue.next(lane: lane, upTo: worker.batchSize, lingering: BackgroundWorker.linger)
                    if batch.isEmpty { return }
                    if let shared, !isReplaced.load(ordering: .relaxed) {
                        batch = worker.giveBackUnfit(of: batch, to: shared, lane: lane)
                        if batch.isEmpty { continue }
                    }
                    if isReplaced.load(ordering: .relaxed) { return queue.putBack(batch, lane: lane) }
                    let ended: Int
                    if let keeping, keeping.hasSuspects {
                        ended = await worker.workCautiously(on: batch, from: keeping, lane: lane)
                    } else {
                        let result = await worker.work(on: batch, from: queue, lane: lane)
                        queue.finish(result.done, lane: lane)
                        ended = result.ended
                    }
                    guard ended == batch.count else { return queue.putBack(Array(batch[ended...]), lane: lane) }
                    if isReplaced.load(ordering: .relaxed) { return }
                }
            }
        }
        workers.withLock { $0 = tasks }
    }

    /// Lets the workers end what they are at, and returns once they are gone. What waits stays in the queue.
    private func endWorkers() async {
        // Where this step has taken over itself a moment ago, its workers may yet have to begin.
        if case .begun(let start) = succession.withLock(\.self) { await start.value }
        let workers = workers.withLock(\.self)
        // One that is about to wait for messages would miss a single call.
        let waking = Task { [queue = current] in
            while !Task.isCancelled {
                queue.wakeWorkers()
                try? await Task.sleep(for: .milliseconds(5))
            }
        }
        for worker in workers { await worker.value }
        waking.cancel()
        await waking.value
    }

    /// Whether a message that can't be worked on now may be left in the queue: it is there again at the next start, for the
    /// step that takes over, or for the dead letters.
    var mayLeave: Bool {
        isReplaced.load(ordering: .relaxed) || isGivingUp.load(ordering: .relaxed)
            || isStopping.load(ordering: .relaxed) && guarantee.survivesProcess
    }

    /// Whether no message of another version of the file has been seen before.
    func isFirstUnfit() -> Bool { !hasSeenUnfit.exchange(true, ordering: .relaxed) }

    func count(_ change: (inout Counts) -> Void) {
        counters.withLock { change(&$0) }
    }

    /// Works on what waits, but no longer than `limit`; what is left then stays in a queue that outlives the process, goes to
    /// the dead letters, or is lost, and the log says so.
    ///
    /// - Returns: How many messages are lost.
    func flush(within limit: Duration) async -> Int {
        let succession = succession.withLock(\.self)
        if case .expected = succession { return 0 }
        if isReplaced.load(ordering: .relaxed) {
            // The queue is another step's, which ends these workers.
            let workers = workers.withLock(\.self)
            try? await withTimeout(limit, orThrow: PipelineError.stopping) {
                for worker in workers { await worker.value }
            }
            return 0
        }
        isStopping.store(true, ordering: .relaxed)
        let queue = current
        queue.close()
        // What is on disk stays there, also where its dead letter could not be written.
        if guarantee.survivesProcess { self.letters?.stop() }
        let letters = guarantee.survivesProcess ? nil : self.letters
        // Writing dead letters takes a part of the time, too.
        let patience = letters == nil ? limit : limit * 0.9
        let isFlushed: Void? = try? await withTimeout(patience, orThrow: PipelineError.stopping) {
            if case .begun(let start) = succession { await start.value }
            for worker in self.workers.withLock(\.self) { await worker.value }
            await letters?.waitUntilWritten()
        }
        // What is said of the rest is said before the workers give it up.
        defer {
            if isFlushed == nil { for worker in workers.withLock(\.self) { worker.cancel() } }
            workers.withLock { $0 = [] }
        }
        let left = queue.depth.messages
        guard left > 0 else { return 0 }
        if let letters { return await keepRest(of: queue, in: letters, within: limit - patience) }
        if guarantee.isShared {
            let place = queue.location ?? "the queue"
            logger.info("\(left) messages wait in \(place), for any worker", metadata: ["waiting": "\(left)"])
            return 0
        }
        if guarantee.survivesProcess {
            let place = queue.location.map { ": they are in \($0)" } ?? ""
            logger.notice(
                """
                \(left) messages stay in the queue for the next start\(place), and wait for a stage with the label \
                '\(label)' behind this queue
                """,
                metadata: ["waiting": "\(left)"])
            return 0
        }
        logger.error("Stopped with \(left) messages waiting; they are lost", metadata: ["lost": "\(left)"])
        return left
    }

    /// Writes down what is left of a queue at the end.
    ///
    /// - Returns: How many messages are lost all the same.
    private func keepRest(
        of queue: any MessageQueue, in letters: DeadLetterWriter, within limit: Duration
    ) async -> Int {
        isGivingUp.store(true, ordering: .relaxed)
        let workers = workers.withLock(\.self)
        for worker in workers { worker.cancel() }
        // What a worker is at that doesn't heed this is written down, too: it may never end.
        try? await withTimeout(
            min(.milliseconds(250), max(.milliseconds(20), limit / 2)), orThrow: PipelineError.stopping
        ) {
            for worker in workers { await worker.value }
        }
        let failed = letters.stop()
        let messages = queue.giveUp()
        defer { for message in messages { giveUpAnswer(to: message) } }
        count { $0.failed += messages.count - failed.count }
        let about: Logger.Metadata = ["waiting": "\(messages.count)", "dead_letter": "\(letters.file.path)"]
        do {
            // What has failed already says why.
            let known = Dictionary(failed.map { ($0.message.id, $0) }) { first, _ in first }
            try letters.file.append(
                messages.map { known[$0.id.description] ?? DeadLetter($0, step: label, error: .stopping) })
            logger.warning(
                "Stopped with \(messages.count) messages waiting; they are in \(letters.file.path), for 'stagecoach replay'",
                metadata: about)
            return 0
        } catch {
            logger.error(
                """
                Stopped with \(messages.count) messages waiting, which could not be written to \(letters.file.path); they \
                are lost
                """,
                metadata: about.merging(["detail": "\(error)"]) { $1 })
            return messages.count
        }
    }
}
