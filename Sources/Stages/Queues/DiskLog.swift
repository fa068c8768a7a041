import Logging
import Pipeline
import Synchronization

/// A log of messages in an SQLite file. One task writes: what arrives while it commits goes into the next commit
/// together, so that many messages share one sync to disk.
final class DiskLog: Sendable {
    typealias Outcome = Result<PushOutcome, PipelineError>

    struct Append: Sendable {
        let message: Message
        let size: Int
        let queue: DiskQueue
        let done: CheckedContinuation<Outcome, Never>
    }

    private struct State {
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
        /// Bytes of messages in the file, those on their way included.
        var used = 0
        var size = 0
        var isFull = false
        var health = Health.failing(.databaseUnavailable("the queue is not open"))
        var idle: [CheckedContinuation<Void, Never>] = []
        var logger: Logger?
    }

    /// How many messages one commit takes at most.
    private static let commitLimit = 1_000
    /// How many removals wait at most: a commit of theirs is synced, too, and what is removed late is only done twice.
    private static let removalLimit = 5_000
    /// How long a removal waits for a commit that it can go with.
    private static let removalDelay = Duration.milliseconds(100)

    private let state = Mutex(State())

    var health: Health { state.withLock(\.health) }

    /// Whether the last message found no room.
    var isFull: Bool { state.withLock(\.isFull) }

    /// Opens the file, or makes it.
    ///
    /// - Throws: ``DiskLogError`` where another process has it, or it is no queue.
    func open(path: String, size: Int, logger: Logger) async throws {
        do throws(FileProblem) {
            try DurableFiles.makeFolder(DurableFiles.folder(of: path))
        } catch {
            throw DiskLogError("the queue '\(path)' can't be made: \(error)")
        }
        let lock = try FileLock(path: path + ".lock", of: path)
        let file = try await DiskLogFile.open(path: path)
        let used = try await file.usedBytes()
        state.withLock { state in
            (state.lock, state.file, state.size, state.used) = (lock, file, size, used)
            state.logger = logger
            state.health = .ready
        }
    }

    /// The part of a step, with what an earlier process left in it.
    func queue(for consumer: String, _ options: QueueOptions) async throws -> DiskQueue {
        guard let file = state.withLock(\.file) else { throw DiskLogError("the queue is not open") }
        let left = try await file.count(of: consumer)
        let queue = DiskQueue(self, consumer: consumer, options: options, left: left)
        let logger = state.withLock { state in
            state.queues.append(queue)
            return state.logger
        }
        if left > 0 {
            logger?.notice("\(left) messages of an earlier run wait", metadata: ["step": "\(consumer)"])
            queue.refillIfLow()
        }
        return queue
    }

    /// Says what waits for steps that take nothing from here: one has another label now, or another queue.
    func reportAbandoned() async {
        let (file, known, logger) = state.withLock { ($0.file, Set($0.queues.map(\.consumer)), $0.logger) }
        guard let file, let counts = try? await file.counts() else { return }
        for (consumer, count) in counts where !known.contains(consumer) {
            logger?.warning(
                "\(count) messages wait for a stage that is not behind this queue; give one the label, and the queue, again",
                metadata: ["step": "\(consumer)"])
        }
    }

    /// Puts a message into the next commit and returns once that is on disk.
    func append(_ message: Message, for queue: DiskQueue) async throws(PipelineError) -> PushOutcome {
        let size = DiskLogFile.size(of: message)
        let outcome = await withCheckedContinuation { (done: CheckedContinuation<Outcome, Never>) in
            let refusal: Outcome? = state.withLock { state in
                guard state.file != nil else { return .success(.closed) }
                guard state.used + size <= state.size else {
                    state.isFull = true
                    return .success(.full)
                }
                state.used += size
                state.appends.append(Append(message: message, size: size, queue: queue, done: done))
                return nil
            }
            if let refusal { done.resume(returning: refusal) } else { writeSoon() }
        }
        return try outcome.get()
    }

    /// Takes messages out that were worked on. Where the process is killed before, they come again.
    func remove(_ messages: [QueuedMessage]) {
        guard !messages.isEmpty else { return }
        let bytes = messages.reduce(0) { $0 + DiskLogFile.size(of: $1.message) }
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
            Task {
                try? await Task.sleep(for: DiskLog.removalDelay)
                self.writeSoon()
            }
        }
    }

    /// Reads messages of a part that are on disk alone.
    func refill(_ queue: DiskQueue) {
        state.withLock { $0.refills.append(queue) }
        writeSoon()
    }

    /// Messages of a session beyond those in memory.
    func messages(ofSession id: String, for consumer: String, after ticket: Int64) async -> [Message] {
        guard let file = state.withLock(\.file) else { return [] }
        return (try? await file.messages(ofSession: id, for: consumer, after: ticket)) ?? []
    }

    /// Writes what is pending and closes the file.
    func close() async {
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
        try? file?.close()
        lock?.unlock()
    }

    // MARK: The writer

    private func writeSoon() {
        let isFirst = state.withLock { state in
            guard !state.isWriting, state.file != nil else { return false }
            state.isWriting = true
            return true
        }
        if isFirst { Task { await self.write() } }
    }

    private struct Work {
        let file: DiskLogFile
        let appends: [Append]
        let removals: [Int64]
        let removedBytes: Int
        let refills: [DiskQueue]
    }

    private func nextWork() -> Work? {
        let (work, idle): (Work?, [CheckedContinuation<Void, Never>]) = state.withLock { state in
            guard let file = state.file,
                !(state.appends.isEmpty && state.removals.isEmpty && state.refills.isEmpty)
            else {
                state.isWriting = false
                defer { state.idle = [] }
                return (nil, state.idle)
            }
            let appends = Array(state.appends.prefix(DiskLog.commitLimit))
            state.appends.removeFirst(appends.count)
            let work = Work(
                file: file, appends: appends, removals: state.removals, removedBytes: state.removedBytes,
                refills: state.refills)
            (state.removals, state.removedBytes, state.refills, state.isRemovalDue) = ([], 0, [], false)
            return (work, [])
        }
        for continuation in idle { continuation.resume() }
        return work
    }

    private func write() async {
        while let work = nextWork() {
            if !work.appends.isEmpty || !work.removals.isEmpty { await commit(work) }
            for queue in work.refills { await read(from: work.file, into: queue) }
        }
    }

    private func commit(_ work: Work) async {
        do {
            let tickets = try await work.file.commit(work.appends, removing: work.removals)
            report(nil)
            for (append, ticket) in zip(work.appends, tickets) {
                append.queue.accepted(QueuedMessage(append.message, ticket: ticket))
                append.done.resume(returning: .success(.accepted))
            }
            release(work.removedBytes)
        } catch {
            let failure = PipelineError.databaseUnavailable(
                "the queue can't be written: \(DiskLogError.text(of: error))")
            report(failure)
            release(work.appends.reduce(0) { $0 + $1.size })
            for append in work.appends { append.done.resume(returning: .failure(failure)) }
            if work.removals.isEmpty { return }
            state.withLock { state in
                state.removals += work.removals
                state.removedBytes += work.removedBytes
            }
            // A full disk is no reason to spin.
            try? await Task.sleep(for: DiskLog.removalDelay)
        }
    }

    private func release(_ bytes: Int) {
        guard bytes > 0 else { return }
        let queues: [DiskQueue] = state.withLock { state in
            state.used -= bytes
            defer { state.isFull = false }
            return state.isFull ? state.queues : []
        }
        for queue in queues { queue.wakeProducers() }
    }

    private func read(from file: DiskLogFile, into queue: DiskQueue) async {
        let (after, number) = queue.wanted
        do {
            let read = try await file.messages(of: queue.consumer, after: after, limit: number)
            for ticket in read.unreadable {
                state.withLock(\.logger)?.error(
                    "A message in the queue can't be read; it stays in the file", metadata: ["number": "\(ticket)"])
            }
            queue.refilled(with: read.messages, count: read.count, last: read.last)
        } catch {
            queue.refillFailed()
            state.withLock(\.logger)?.error("The queue can't be read", metadata: ["detail": "\(error)"])
        }
    }

    /// Notes how the file is, and says so when that changes.
    private func report(_ error: PipelineError?) {
        let (before, logger) = state.withLock { state in
            defer { state.health = error.map(Health.failing) ?? .ready }
            return (state.health.error, state.logger)
        }
        if let error, before == nil {
            logger?.error("\(error.message)", metadata: ["code": "\(error.code)", "detail": "\(error.detail ?? "")"])
        } else if error == nil, before != nil {
            logger?.notice("The queue can be written again")
        }
    }
}
