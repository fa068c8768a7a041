import Pipeline
import Synchronization

/// One step's part of a ``DiskLog``: the first messages also in memory, those beyond on disk alone until it is their turn.
final class DiskQueue: MessageQueue {
    private struct State {
        /// The last message that is, or was, in memory.
        var last: Int64 = 0
        /// Messages after that one, which are on disk alone.
        var spilled = 0
        var isRefilling = false
        /// How long to wait before what could not be read is read again.
        var pause = DiskQueue.shortestPause
        var unreadable = 0
        var isClosed = false
        /// The last of the messages of which an earlier process may have died.
        var lastSuspect: Int64 = 0
        /// How often that was so.
        var deaths: [Int64: Int] = [:]
        /// How many of these messages there still are.
        var suspects = 0

        func isSuspect(_ ticket: Int64) -> Bool { ticket <= lastSuspect || deaths[ticket] != nil }
        var producers = RoomWaiters()
    }

    /// How many messages are in memory.
    static let window = 10_000
    /// How many bytes of memory those may take.
    static let windowBytes = 16 << 20
    /// How many are read from disk at once, long before those in memory run out.
    private static let page = 2_000
    private static let shortestPause = Duration.milliseconds(50)
    private static let longestPause = Duration.seconds(1)

    let consumer: String
    private let log: DiskLog
    private let capacity: Int
    private let memory: MemoryQueue
    private let state = Mutex(State())
    private let tickets = Atomic<UInt64>(0)
    private let mayHaveSuspects = Atomic<Bool>(false)

    /// - Parameters:
    ///   - left: How many messages an earlier process left on disk.
    ///   - suspects: The number of the last of those of which a process may have died, and how often that was so.
    init(
        _ log: DiskLog, consumer: String, options: Queue.Options, left: Int,
        suspects: (last: Int64, deaths: [Int64: Int])
    ) {
        self.log = log
        self.consumer = consumer
        capacity = options.capacity ?? .max
        memory = MemoryQueue(Queue.Options(capacity: .max, lanes: options.lanes))
        state.withLock { state in
            state.spilled = left
            (state.lastSuspect, state.deaths) = suspects
            state.suspects = suspects.last > 0 ? min(left, DiskQueue.window) : suspects.deaths.count
            mayHaveSuspects.store(state.suspects > 0, ordering: .relaxed)
        }
    }

    var depth: Queue.Depth {
        var depth = memory.depth
        let (spilled, unreadable) = state.withLock { ($0.spilled, $0.unreadable) }
        depth.messages += spilled
        depth.unreadable = unreadable
        return depth
    }

    var location: String? { log.path }

    /// A message must reach the disk first.
    func pushWithoutWaiting(_ message: Message) -> Queue.PushOutcome? { nil }

    func push(_ message: Message) async throws(PipelineError) -> Queue.PushOutcome {
        if state.withLock(\.isClosed) { return .closed }
        if capacity < .max, depth.messages >= capacity { return .full }
        return try await log.append(message, for: self)
    }

    /// Takes a message that is on disk. Called in the order of the tickets.
    func accepted(_ queued: QueuedMessage) {
        let goesToMemory = state.withLock { state in
            let isRoom = memory.count < DiskQueue.window && memory.bytes < DiskQueue.windowBytes
            if state.spilled > 0 || !isRoom {
                state.spilled += 1
                return false
            }
            state.last = queued.ticket
            return true
        }
        if goesToMemory { _ = memory.push(queued) }
    }

    func next(lane: Int, upTo limit: Int, lingering linger: Duration) async -> [QueuedMessage] {
        await memory.next(lane: lane, upTo: limit, lingering: linger)
    }

    func finish(_ messages: [QueuedMessage], lane: Int) {
        memory.finish(messages, lane: lane)
        if mayHaveSuspects.load(ordering: .relaxed) {
            state.withLock { state in
                state.suspects -= messages.count { state.isSuspect($0.ticket) }
                if state.suspects <= 0 { mayHaveSuspects.store(false, ordering: .relaxed) }
            }
        }
        log.remove(messages)
        refillIfLow()
        if messages.count > 0, capacity < .max { wakeProducers() }
    }

    func putBack(_ messages: [QueuedMessage], lane: Int) {
        memory.putBack(messages, lane: lane)
    }

    func wakeWorkers() {
        memory.wakeWorkers()
    }

    /// Asks for messages from disk where few are left in memory.
    func refillIfLow() {
        let isNeeded = state.withLock { state in
            guard state.spilled > 0, !state.isRefilling, !state.isClosed,
                memory.count <= DiskQueue.window - DiskQueue.page, memory.bytes <= DiskQueue.windowBytes / 2
            else {
                return false
            }
            state.isRefilling = true
            return true
        }
        if isNeeded { log.refill(self) }
    }

    /// What is to be read from disk next.
    var wanted: (after: Int64, messages: Int, bytes: Int) {
        (state.withLock(\.last), DiskQueue.page, max(1, DiskQueue.windowBytes - memory.bytes))
    }

    /// Takes what was read from disk.
    func refilled(with page: DiskLogFile.Page) {
        // First, so that who looks for a message finds it in memory where it does not count as on disk alone any more.
        for queued in page.messages { _ = memory.push(queued) }
        state.withLock { state in
            state.isRefilling = false
            state.pause = DiskQueue.shortestPause
            state.unreadable += page.unreadable.count
            state.spilled = page.count == 0 ? 0 : max(0, state.spilled - page.count)
            state.last = page.last ?? state.last
        }
        // What was finished meanwhile has woken nobody: it counted twice.
        if capacity < .max { wakeProducers() }
        refillIfLow()
    }

    /// How long to wait before reading again, after it failed: twice as long each time.
    func pauseAfterFailure() -> Duration {
        state.withLock { state in
            defer { state.pause = min(state.pause * 2, DiskQueue.longestPause) }
            return state.pause
        }
    }

    func waiting(ofSession id: String) async throws(PipelineError) -> [Message] {
        try await waiting(ofSession: id, only: nil)
    }

    func waiting(_ id: UniqueID, ofSession session: String) async throws(PipelineError) -> [Message] {
        try await waiting(ofSession: session, only: id).filter { $0.id == id }
    }

    func waiting(where passes: @Sendable (Message) -> Bool) -> [Message] { memory.waiting(where: passes) }

    private func waiting(ofSession session: String, only id: UniqueID?) async throws(PipelineError) -> [Message] {
        // What comes into memory after this look is found twice, not never.
        let (after, spilled) = state.withLock { ($0.last, $0.spilled) }
        let inMemory = memory.waiting(ofSession: session)
        if spilled == 0 { return inMemory }
        return inMemory + (try await log.messages(ofSession: session, only: id, for: consumer, after: after))
    }

    func waitForRoom() async {
        let ticket = tickets.add(1, ordering: .relaxed).newValue
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustWait = state.withLock { state in
                    let isFull = memory.count + state.spilled >= capacity || log.isFull
                    guard isFull, !state.isClosed, !Task.isCancelled else { return false }
                    state.producers.add(ticket, continuation)
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.producers.remove(ticket) }?.resume()
        }
    }

    /// Lets those that wait for room look again.
    func wakeProducers() {
        for producer in state.withLock({ $0.producers.take() }) { producer.resume() }
    }

    /// What was not handed out stays on disk for the next start.
    func close() {
        state.withLock { $0.isClosed = true }
        memory.close()
        log.forget(self)
        wakeProducers()
    }

    func giveUp() -> [Message] { [] }
}

extension DiskQueue: AttemptKeeping {
    var hasSuspects: Bool { mayHaveSuspects.load(ordering: .relaxed) }

    func deaths(of messages: [QueuedMessage]) -> [Int?] {
        state.withLock { state in
            messages.map { state.isSuspect($0.ticket) ? state.deaths[$0.ticket] ?? 0 : nil }
        }
    }

    func attemptsBegin(_ messages: [QueuedMessage]) async { await keep(messages, adding: 1) }

    func attemptsEnd(_ messages: [QueuedMessage]) async { await keep(messages, adding: 0) }

    private func keep(_ messages: [QueuedMessage], adding death: Int) async {
        let deaths = state.withLock { state in
            messages.map { ($0.ticket, (state.deaths[$0.ticket] ?? 0) + death) }
        }
        await log.keep(Dictionary(deaths) { first, _ in first })
    }
}
