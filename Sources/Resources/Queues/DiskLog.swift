import Logging
import Pipeline
import Synchronization

/// A log of messages in an SQLite file. One task writes: what arrives while it commits goes into the next commit
/// together, so that many messages share one sync to disk.
final class DiskLog: Sendable {
    typealias Outcome = Result<Queue.PushOutcome, PipelineError>

    struct Append: Sendable {
        let message: Message
        let row: DiskLogRow
        let queue: DiskQueue
        let done: CheckedContinuation<Outcome, Never>
    }

    struct State {
        var path = ""
        var file: DiskLogFile?
        var lock: FileLock?
        var queues: [DiskQueue] = []
        var appends: [Append] = []
        var removals: [Int64] = []
        /// Bytes of the messages that are to be removed.
        var removedBytes = 0
        var refills: [DiskQueue] = []
        var isWriting = false
        var isRemovalDue = false
        var isClosing = false
        /// Bytes of messages in the file, those on their way included.
        var used = 0
        var size = 0
        var isFull = false
        /// Why the file is not open, or can't be written.
        var failure: PipelineError? = .databaseUnavailable("the queue is not open")
        /// Why the messages of steps can't be read, by the step.
        var unread: [String: PipelineError] = [:]
        /// Numbers of messages that the log has said are missing in the history of their session.
        var saidMissing: Set<Int64> = []
        var idle: [CheckedContinuation<Void, Never>] = []
        var logger: Logger?
    }

    /// How many messages one commit takes at most.
    static let commitLimit = 1_000
    /// How many removals wait at most: a commit of theirs is synced, too, and what is removed late is only done twice.
    private static let removalLimit = 5_000
    /// How long a removal waits for a commit that it can go with.
    static let removalDelay = Duration.milliseconds(100)

    let state = Mutex(State())

    var health: Health {
        state.withLock { ($0.failure ?? $0.unread.values.first).map(Health.failing) ?? .ready }
    }

    /// Whether the last message found no room.
    var isFull: Bool { state.withLock(\.isFull) }

    /// The file's path.
    var path: String { state.withLock(\.path) }

    /// Opens the file, or makes it.
    ///
    /// - Throws: ``DiskLogError`` where another process has it, or it is no queue.
    func open(path: String, size: Int, logger: Logger) async throws {
        do throws(FileProblem) {
            try DurableFiles.makeFolder(DurableFiles.folder(of: path))
        } catch {
            throw DiskLogError("the queue '\(path)' can't be made: \(error)")
        }
        let lock = try await FileLock.take(path: path + ".lock", of: path)
        let file = try await DiskLogFile.open(path: path, size: size)
        let used = try await file.usedBytes()
        state.withLock { state in
            state = State()
            (state.path, state.lock, state.file, state.size, state.used) = (path, lock, file, size, used)
            state.logger = logger
            state.failure = nil
        }
    }

    /// The part of a step, with what an earlier process left in it.
    func queue(for consumer: String, _ options: Queue.Options) async throws -> DiskQueue {
        guard let file = state.withLock(\.file) else { throw DiskLogError("the queue is not open") }
        let left = try await file.count(of: consumer)
        // Where they can't be read nothing is counted, and what else is wrong with the file is said elsewhere.
        let suspects = left > 0 ? try? await file.suspects(of: consumer, upTo: DiskQueue.window) : nil
        let queue = DiskQueue(self, consumer: consumer, options: options, left: left, suspects: suspects ?? (0, [:]))
        let logger = state.withLock { state in
            state.queues.append(queue)
            return state.logger
        }
        if left > 0 {
            let waiting = left == 1 ? "1 message of an earlier run waits" : "\(left) messages of an earlier run wait"
            logger?.notice("\(waiting)", metadata: ["step": "\(consumer)"])
            queue.refillIfLow()
        }
        return queue
    }

    /// Keeps how often processes would have died of messages, if this one did now.
    func keep(_ deaths: [Int64: Int]) async {
        guard let file = state.withLock(\.file) else { return }
        do {
            try await file.keep(deaths)
        } catch {
            // Then it is not counted: no message is given up for what nobody knows.
            let logger = state.withLock(\.logger)
            logger?.debug("Attempts can't be counted", metadata: ["detail": "\(DiskLogError.text(of: error))"])
        }
    }

    /// Forgets a part that takes nothing any more.
    func forget(_ queue: DiskQueue) {
        state.withLock { state in
            state.queues.removeAll { $0 === queue }
            state.unread[queue.consumer] = nil
        }
    }

    /// Says what waits for steps that take nothing from here: one has another label now, or another queue.
    func reportAbandoned() async {
        let (file, path, known, logger) = state.withLock {
            ($0.file, $0.path, Set($0.queues.map(\.consumer)), $0.logger)
        }
        guard let file else { return }
        do {
            for (consumer, count) in try await file.counts() where !known.contains(consumer) {
                logger?.warning(
                    """
                    \(count) messages wait for a stage that is not behind this queue; give one the label '\(consumer)', and \
                    the queue, again, and they are worked on: they are in \(path)
                    """,
                    metadata: ["step": "\(consumer)", "file": "\(path)"])
            }
        } catch {
            logger?.error("The queue can't be read", metadata: ["detail": "\(DiskLogError.text(of: error))"])
        }
    }

    /// Puts a message into the next commit and returns once that is on disk.
    func append(_ message: Message, for queue: DiskQueue) async throws(PipelineError) -> Queue.PushOutcome {
        let row = DiskLogRow(message, for: queue.consumer)
        let outcome = await withCheckedContinuation { (done: CheckedContinuation<Outcome, Never>) in
            let refusal: Outcome? = state.withLock { state in
                guard state.file != nil, !state.isClosing else { return .success(.closed) }
                // One that is larger than the whole would otherwise wait for ever.
                guard state.used == 0 || state.used + row.size <= state.size else {
                    state.isFull = true
                    return .success(.full)
                }
                state.used += row.size
                state.appends.append(Append(message: message, row: row, queue: queue, done: done))
                return nil
            }
            if let refusal { done.resume(returning: refusal) } else { writeSoon() }
        }
        return try outcome.get()
    }

    /// Takes messages out that were worked on. Where the process is killed before, they come again.
    func remove(_ messages: [QueuedMessage]) {
        guard !messages.isEmpty else { return }
        let bytes = messages.reduce(0) { $0 + $1.size }
        let (isMany, isFirst) = state.withLock { state in
            let isFirst = !state.isRemovalDue
            state.removals += messages.lazy.map(\.ticket)
            state.removedBytes += bytes
            state.isRemovalDue = true
            return (state.removals.count >= DiskLog.removalLimit || state.isFull, isFirst)
        }
        if isMany {
            writeSoon()
        } else if isFirst {
            writeSoon(after: DiskLog.removalDelay)
        }
    }

    /// Reads messages of a part that are on disk alone.
    func refill(_ queue: DiskQueue) {
        state.withLock { $0.refills.append(queue) }
        writeSoon()
    }

    /// Messages of a session beyond those in memory: the last ones, where they are very many, or the one with an id.
    func messages(
        ofSession session: String, only id: UniqueID?, for consumer: String, after ticket: Int64
    ) async throws(PipelineError) -> [Message] {
        guard let file = state.withLock(\.file) else { return [] }
        do {
            let (messages, unreadable) = try await file.messages(
                ofSession: session, only: id, for: consumer, after: ticket)
            reportMissing(unreadable, for: consumer)
            return messages
        } catch {
            throw .databaseUnavailable("the queue can't be read: \(DiskLogError.text(of: error))")
        }
    }

    /// Writes what is pending and closes the file.
    func close() async {
        state.withLock { $0.isClosing = true }
        writeSoon()
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                if state.isWriting { state.idle.append(continuation) }
                return !state.isWriting
            }
            if isIdle { continuation.resume() }
        }
        let (file, lock) = state.withLock { state in
            defer { (state.file, state.lock) = (nil, nil) }
            return (state.file, state.lock)
        }
        do {
            try await file?.close()
        } catch {
            let logger = state.withLock(\.logger)
            logger?.warning("The queue could not be closed", metadata: ["detail": "\(DiskLogError.text(of: error))"])
        }
        lock?.unlock()
    }
}
