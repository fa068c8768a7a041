import Logging
import Synchronization

/// Writes the dead letters of a step. A letter that can't be written is tried again until it is; meanwhile its message stays
/// in its queue, where it counts, and comes again after a restart if the queue outlives the process.
final class DeadLetterWriter: Sendable {
    /// The queue that a message came from, and its lane.
    struct Origin: Sendable {
        let queue: any MessageQueue
        let lane: Int
        /// The queue, where a process may have died of the message.
        var suspects: (any AttemptKeeping)?
    }

    private struct Unwritten {
        let letter: DeadLetter
        let queued: QueuedMessage
        let origin: Origin
    }

    private struct State {
        /// Letters that could not be written, the oldest first. Their messages are in a queue, which bounds them.
        var unwritten: [Unwritten] = []
        var retrying: Task<Void, Never>?
        var isStopped = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    /// How many letters are written at once.
    private static let batch = 1_000

    let file: DeadLetterFile
    private let logger: Logger
    private let state = Mutex(State())

    init(_ file: DeadLetterFile, logger: Logger) {
        self.file = file
        self.logger = logger
    }

    /// Begins anew, where it was stopped before.
    func start() {
        state.withLock { state in
            if state.isStopped { state = State() }
        }
    }

    /// Writes a letter.
    ///
    /// - Returns: Whether it is on disk; where it is not, its message is finished once it is.
    func write(_ letter: DeadLetter, of queued: QueuedMessage, from origin: Origin) -> Bool {
        let isAlone = state.withLock { $0.unwritten.isEmpty }
        // Letters stay in order, and a full disk is not asked by every one.
        let problem: (any Error)? = isAlone ? problem(writing: [letter]) : nil
        if isAlone, problem == nil { return true }
        let isFirst = state.withLock { state in
            state.unwritten.append(Unwritten(letter: letter, queued: queued, origin: origin))
            guard state.retrying == nil, !state.isStopped else { return false }
            state.retrying = Task { await self.retry() }
            return true
        }
        if isFirst, let problem {
            logger.error(
                "Dead letters can't be written; their messages stay in the queue, and it is tried again",
                metadata: ["dead_letter": "\(file.path)", "detail": "\(problem)"])
        }
        return false
    }

    /// Returns once every letter is written, or ``stop()`` was called.
    func waitUntilWritten() async {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                let isDone = state.unwritten.isEmpty || state.isStopped
                if !isDone { state.waiting.append(continuation) }
                return isDone
            }
            if isDone { continuation.resume() }
        }
    }

    /// Tries no more.
    ///
    /// - Returns: What could not be written.
    @discardableResult
    func stop() -> [DeadLetter] {
        let (letters, retrying) = state.withLock { state in
            state.isStopped = true
            return (state.unwritten.map(\.letter), state.retrying)
        }
        retrying?.cancel()
        resumeWaiting()
        return letters
    }

    private func problem(writing letters: [DeadLetter]) -> (any Error)? {
        do {
            try file.append(letters)
            return nil
        } catch {
            return error
        }
    }

    private func retry() async {
        var pause = Duration.milliseconds(50)
        while true {
            try? await EngineTime.pause(for: pause)
            let batch: [Unwritten] = state.withLock { state in
                state.isStopped ? [] : Array(state.unwritten.prefix(DeadLetterWriter.batch))
            }
            if batch.isEmpty { return }
            guard problem(writing: batch.map(\.letter)) == nil else {
                pause = min(pause * 2, .seconds(1))
                continue
            }
            let isDone = state.withLock { state in
                state.unwritten.removeFirst(batch.count)
                guard state.unwritten.isEmpty else { return false }
                state.retrying = nil
                return true
            }
            for entry in batch { entry.origin.queue.finish([entry.queued], lane: entry.origin.lane) }
            if isDone {
                logger.notice("Dead letters can be written again", metadata: ["dead_letter": "\(file.path)"])
                return resumeWaiting()
            }
        }
    }

    private func resumeWaiting() {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
