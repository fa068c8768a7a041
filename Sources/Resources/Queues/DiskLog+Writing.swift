import Logging
import Pipeline
import Synchronization

/// The one task that writes, and reads what is on disk alone.
extension DiskLog {
    private struct Work {
        let file: DiskLogFile
        let appends: [Append]
        let removals: [Int64]
        let removedBytes: Int
        let refills: [DiskQueue]
    }

    func writeSoon() {
        let isFirst = state.withLock { state in
            guard !state.isWriting, state.file != nil else { return false }
            state.isWriting = true
            return true
        }
        if isFirst { Task { await self.write() } }
    }

    func writeSoon(after delay: Duration) {
        Task {
            try? await Task.sleep(for: delay)
            self.writeSoon()
        }
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
            let tickets = try await work.file.commit(work.appends.map(\.row), removing: work.removals)
            report(nil)
            for (append, ticket) in zip(work.appends, tickets) {
                append.queue.accepted(QueuedMessage(append.message, ticket: ticket, size: append.row.size))
                append.done.resume(returning: .success(.accepted))
            }
            release(work.removedBytes)
        } catch {
            let failure = PipelineError.databaseUnavailable(
                "the queue can't be written: \(DiskLogError.text(of: error))")
            report(failure)
            release(work.appends.reduce(0) { $0 + $1.row.size })
            for append in work.appends { append.done.resume(returning: .failure(failure)) }
            if keepsForLater(work) {
                // A full disk is no reason to spin.
                try? await Task.sleep(for: DiskLog.removalDelay)
            }
        }
    }

    /// Takes up removals again that failed; at the end of the process their messages come again at the next start instead.
    private func keepsForLater(_ work: Work) -> Bool {
        guard !work.removals.isEmpty else { return false }
        return state.withLock { state in
            guard !state.isClosing else { return false }
            state.removals += work.removals
            state.removedBytes += work.removedBytes
            return true
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
        let wanted = queue.wanted
        do {
            let page = try await file.messages(
                of: queue.consumer, after: wanted.after, limit: wanted.messages, bytes: wanted.bytes)
            report(unread: nil, for: queue)
            if let first = page.unreadable.first {
                state.withLock(\.logger)?.error(
                    "\(page.unreadable.count) messages in the queue can't be read; they stay in \(path)",
                    metadata: ["step": "\(queue.consumer)", "number": "\(first)"])
            }
            queue.refilled(with: page)
        } catch {
            report(
                unread: .databaseUnavailable("the queue can't be read: \(DiskLogError.text(of: error))"), for: queue)
            let pause = queue.pauseAfterFailure()
            Task {
                try? await Task.sleep(for: pause)
                if self.state.withLock({ !$0.isClosing }) { self.refill(queue) }
            }
        }
    }

    /// Says of each message once that its session's history lacks it, as it can't be read.
    func reportMissing(_ tickets: [Int64], for consumer: String) {
        guard !tickets.isEmpty else { return }
        let (news, logger) = state.withLock { state in
            // More than anybody reads of; then they are said again.
            if state.saidMissing.count >= 1_000 { state.saidMissing = [] }
            return (tickets.filter { state.saidMissing.insert($0).inserted }, state.logger)
        }
        guard let first = news.first else { return }
        logger?.error(
            "\(news.count) messages in the queue can't be read, and their session's history lacks them; they stay in \(path)",
            metadata: ["step": "\(consumer)", "number": "\(first)"])
    }

    /// Notes how the file is, and says so when that changes.
    private func report(_ error: PipelineError?) {
        let (before, logger) = state.withLock { state in
            defer { state.failure = error }
            return (state.failure, state.logger)
        }
        say(error, after: before, "The queue can be written again", to: logger)
    }

    /// Notes whether a step's messages can be read, and says so when that changes.
    private func report(unread error: PipelineError?, for queue: DiskQueue) {
        let (before, logger) = state.withLock { state in
            defer { state.unread[queue.consumer] = error }
            return (state.unread[queue.consumer], state.logger)
        }
        say(error, after: before, "The queue can be read again", to: logger)
    }

    private func say(
        _ error: PipelineError?, after before: PipelineError?, _ isWell: Logger.Message, to logger: Logger?
    ) {
        if let error, before == nil {
            logger?.error(
                "\(error.message); it is tried again",
                metadata: ["code": "\(error.code)", "detail": "\(error.detail ?? "")", "file": "\(path)"])
        } else if error == nil, before != nil {
            logger?.notice(isWell)
        }
    }
}
