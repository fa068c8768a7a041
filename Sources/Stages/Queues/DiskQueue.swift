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
        var isClosed = false
        var producers = RoomWaiters()
    }

    /// How many messages are held in memory.
    static let window = 10_000
    /// How many are read from disk at once, long before those in memory run out.
    private static let page = 2_000

    let consumer: String
    private let log: DiskLog
    private let capacity: Int
    private let memory: MemoryQueue
    private let state = Mutex(State())
    private let tickets = Atomic<UInt64>(0)

    /// - Parameter left: How many messages an earlier process left on disk.
    init(_ log: DiskLog, consumer: String, options: QueueOptions, left: Int) {
        self.log = log
        self.consumer = consumer
        capacity = options.capacity ?? .max
        memory = MemoryQueue(QueueOptions(capacity: .max, lanes: options.lanes))
        state.withLock { $0.spilled = left }
    }

    var depth: QueueDepth {
        var depth = memory.depth
        depth.messages += state.withLock(\.spilled)
        return depth
    }

    /// A message must reach the disk first.
    func pushWithoutWaiting(_ message: Message) -> PushOutcome? { nil }

    func push(_ message: Message) async throws(PipelineError) -> PushOutcome {
        if state.withLock(\.isClosed) { return .closed }
        if capacity < .max, depth.messages >= capacity { return .full }
        return try await log.append(message, for: self)
    }

    /// Takes a message that is on disk. Called in the order of the tickets.
    func accepted(_ queued: QueuedMessage) {
        let goesToMemory = state.withLock { state in
            if state.spilled > 0 || memory.count >= DiskQueue.window {
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
                memory.count <= DiskQueue.window - DiskQueue.page
            else {
                return false
            }
            state.isRefilling = true
            return true
        }
        if isNeeded { log.refill(self) }
    }

    /// What is to be read from disk next.
    var wanted: (after: Int64, number: Int) {
        (state.withLock(\.last), DiskQueue.page)
    }

    /// Takes messages that were read from disk; none where they could not be read or there are none.
    ///
    /// - Parameter last: The last number that was read, also where its message was unreadable.
    func refilled(with messages: [QueuedMessage], count: Int, last: Int64?) {
        state.withLock { state in
            state.isRefilling = false
            state.spilled = count == 0 ? 0 : max(0, state.spilled - count)
            state.last = last ?? state.last
        }
        for queued in messages { _ = memory.push(queued) }
        refillIfLow()
    }

    /// Notes that reading failed; it is tried again when more messages are finished.
    func refillFailed() {
        state.withLock { $0.isRefilling = false }
    }

    func waiting(ofSession id: String) async -> [Message] {
        let held = await memory.waiting(ofSession: id)
        let (after, spilled) = state.withLock { ($0.last, $0.spilled) }
        return spilled == 0 ? held : held + (await log.messages(ofSession: id, for: consumer, after: after))
    }

    func waiting(where passes: @Sendable (Message) -> Bool) -> [Message] { memory.waiting(where: passes) }

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
        wakeProducers()
    }

    func giveUp() -> [Message] { [] }
}
