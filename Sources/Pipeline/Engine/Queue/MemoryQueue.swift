import DequeModule
import Synchronization

/// Messages that wait for workers, in memory and bounded. Each worker has a lane of its own. A message goes to the lane
/// where others of its session are, so that they stay in order, and otherwise to the one with the fewest messages.
package final class MemoryQueue: MessageQueue {
    private struct Lane {
        var waiting = Deque<QueuedMessage>()
        /// What was handed out and is not finished, the oldest first.
        var working: [QueuedMessage] = []
        var worker: CheckedContinuation<Void, Never>?
        /// How many messages the worker waits for.
        var wanted = 1
        /// Counts the worker's waits, so that a timer knows whether its wait is over.
        var wait: UInt64 = 0

        var count: Int { waiting.count + working.count }

        /// Takes out what a worker is done with, which most often is all that it had.
        mutating func release(_ messages: [QueuedMessage]) {
            guard messages.count < working.count else { return working = [] }
            let tickets = Set(messages.lazy.map(\.ticket))
            working.removeAll { tickets.contains($0.ticket) }
        }
    }

    private struct State {
        var lanes: [Lane]
        /// Messages that wait or are being worked on.
        var count = 0
        /// What they take, about.
        var bytes = 0
        var lastTicket: Int64 = 0
        var isClosed = false
        /// How often all workers were woken.
        var wakes = 0
        var producers = RoomWaiters()
        /// In which lane a session's messages are, and how many; empty where there is but one lane.
        var sessions: [String: (lane: Int, messages: Int)] = [:]

        mutating func lane(for session: Session) -> Int {
            guard lanes.count > 1 else { return 0 }
            let lane = sessions[session.id]?.lane ?? shortestLane
            sessions[session.id, default: (lane, 0)].messages += 1
            return lane
        }

        private var shortestLane: Int {
            // Where there are many lanes, most often one near the front is empty.
            if let empty = lanes.firstIndex(where: { $0.count == 0 }) { return empty }
            return lanes.indices.min { lanes[$0].count < lanes[$1].count } ?? 0
        }

        mutating func leave(_ session: Session) {
            guard lanes.count > 1, let place = sessions[session.id] else { return }
            sessions[session.id] = place.messages == 1 ? nil : (place.lane, place.messages - 1)
        }
    }

    /// How many messages have room where nothing is said.
    package static let defaultCapacity = 1_000

    private let capacity: Int
    /// How many bytes have room. The message that fills it may go beyond.
    private let room: Int
    private let state: Mutex<State>
    private let tickets = Atomic<UInt64>(0)

    package init(_ options: Queue.Options) {
        capacity = options.capacity ?? MemoryQueue.defaultCapacity
        room = MemoryQueue.room(forMessages: capacity)
        state = Mutex(State(lanes: Array(repeating: Lane(), count: options.lanes)))
    }

    /// How much memory so many messages may take: 16 KiB for each on average, and 16 MiB at least.
    package static func room(forMessages capacity: Int) -> Int {
        max(16 << 20, capacity.multipliedReportingOverflow(by: 16 << 10).overflow ? .max : capacity * 16 << 10)
    }

    /// Messages that wait or are being worked on.
    package var count: Int { state.withLock(\.count) }

    /// About how many bytes of memory they take.
    package var bytes: Int { state.withLock(\.bytes) }

    package var depth: Queue.Depth {
        state.withLock { state in
            let oldest = state.lanes.compactMap { ($0.working.first ?? $0.waiting.first)?.message.receivedAt }.min()
            return Queue.Depth(messages: state.count, oldest: oldest)
        }
    }

    package func pushWithoutWaiting(_ message: Message) -> Queue.PushOutcome? { pushNow(message) }

    package func push(_ message: Message) async throws(PipelineError) -> Queue.PushOutcome { pushNow(message) }

    /// Takes a message that has a number already if there is room.
    package func push(_ queued: QueuedMessage) -> Queue.PushOutcome {
        push(to: queued.message.session, queued.footprint) { _ in queued }
    }

    private func pushNow(_ message: Message) -> Queue.PushOutcome {
        let footprint = message.footprint
        return push(to: message.session, footprint) { QueuedMessage(message, ticket: $0, footprint: footprint) }
    }

    @inline(__always)
    private func push(to session: Session, _ footprint: Int, _ queued: (Int64) -> QueuedMessage) -> Queue.PushOutcome {
        let (outcome, worker): (Queue.PushOutcome, CheckedContinuation<Void, Never>?) = state.withLock { state in
            guard !state.isClosed else { return (.closed, nil) }
            guard state.count < capacity, state.bytes < room else { return (.full, nil) }
            let lane = state.lane(for: session)
            state.lastTicket += 1
            state.lanes[lane].waiting.append(queued(state.lastTicket))
            state.count += 1
            state.bytes += footprint
            guard state.lanes[lane].waiting.count >= state.lanes[lane].wanted else { return (.accepted, nil) }
            return (.accepted, state.lanes[lane].worker.take())
        }
        worker?.resume()
        return outcome
    }

    package func waitForRoom() async {
        let ticket = tickets.add(1, ordering: .relaxed).newValue
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustWait = state.withLock { state in
                    let isFull = state.count >= capacity || state.bytes >= room
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

    package func next(lane: Int, upTo limit: Int, lingering linger: Duration) async -> [QueuedMessage] {
        let wakes = state.withLock(\.wakes)
        while true {
            await waitForMessages(1, lane: lane)
            if limit > 1, linger > .zero {
                await waitForMessages(min(limit, capacity), lane: lane, noLongerThan: linger)
            }
            let batch: [QueuedMessage]? = state.withLock { state in
                let batch = Array(state.lanes[lane].waiting.prefix(limit))
                state.lanes[lane].waiting.removeFirst(batch.count)
                // What is still there was set aside by the worker, and is finished later.
                state.lanes[lane].working += batch
                // None is the end, also where all that the worker was woken for has been withdrawn meanwhile.
                return batch.isEmpty && !state.isClosed && state.wakes == wakes ? nil : batch
            }
            if let batch { return batch }
        }
    }

    /// Waits until a lane has so many messages, the queue is closed, or the time is over.
    private func waitForMessages(_ number: Int, lane: Int, noLongerThan limit: Duration? = nil) async {
        await withCheckedContinuation { continuation in
            let wait: UInt64? = state.withLock { state in
                guard state.lanes[lane].waiting.count < number, !state.isClosed else { return nil }
                state.lanes[lane].worker = continuation
                state.lanes[lane].wanted = number
                state.lanes[lane].wait += 1
                return state.lanes[lane].wait
            }
            guard let wait else { return continuation.resume() }
            guard let limit else { return }
            Task {
                try? await Task.sleep(for: limit)
                let worker: CheckedContinuation<Void, Never>? = state.withLock { state in
                    state.lanes[lane].wait == wait ? state.lanes[lane].worker.take() : nil
                }
                worker?.resume()
            }
        }
    }

    package func finish(_ messages: [QueuedMessage], lane: Int) {
        let producers = state.withLock { state in
            state.lanes[lane].release(messages)
            state.count -= messages.count
            let isSplit = state.lanes.count > 1
            // By index: a message that is not copied is not counted.
            for index in messages.indices {
                state.bytes -= messages[index].footprint
                if isSplit { state.leave(messages[index].message.session) }
            }
            return state.bytes < room ? state.producers.take(max(0, capacity - state.count)) : []
        }
        for producer in producers { producer.resume() }
    }

    package func putBack(_ messages: [QueuedMessage], lane: Int) {
        state.withLock { state in
            state.lanes[lane].release(messages)
            state.lanes[lane].waiting.prepend(contentsOf: messages)
        }
    }

    /// Takes out messages that wait and pass a test: somebody else works on them.
    package func withdraw(where passes: (QueuedMessage) -> Bool) -> [QueuedMessage] {
        state.withLock { state in
            var withdrawn: [QueuedMessage] = []
            for lane in state.lanes.indices {
                let taken = state.lanes[lane].waiting.filter(passes)
                if taken.isEmpty { continue }
                state.lanes[lane].waiting.removeAll(where: passes)
                for queued in taken {
                    state.bytes -= queued.footprint
                    state.leave(queued.message.session)
                }
                state.count -= taken.count
                withdrawn += taken
            }
            return withdrawn
        }
    }

    package func wakeWorkers() {
        let workers = state.withLock { state in
            state.wakes += 1
            return state.lanes.indices.compactMap { state.lanes[$0].worker.take() }
        }
        for worker in workers { worker.resume() }
    }

    package func waiting(ofSession id: String) -> [Message] {
        state.withLock { state in
            state.lanes.flatMap { lane in
                (lane.working + lane.waiting).lazy.map(\.message).filter { $0.session.id == id }
            }
        }
    }

    package func waiting(where passes: @Sendable (Message) -> Bool) -> [Message] {
        state.withLock { state in
            state.lanes.flatMap { ($0.working + $0.waiting).lazy.map(\.message).filter(passes) }
        }
    }

    package func close() {
        let (workers, producers) = state.withLock { state in
            state.isClosed = true
            let workers = state.lanes.indices.compactMap { state.lanes[$0].worker.take() }
            return (workers, state.producers.take())
        }
        for worker in workers { worker.resume() }
        for producer in producers { producer.resume() }
    }

    package func giveUp() -> [Message] {
        state.withLock { state in
            let messages = state.lanes.flatMap { ($0.working + $0.waiting).map(\.message) }
            state.lanes = Array(repeating: Lane(), count: state.lanes.count)
            (state.count, state.bytes) = (0, 0)
            return messages
        }
    }
}

extension Queue.Guarantee {
    /// A queue in memory that holds so many messages.
    public static func memory(capacity: Int) -> Queue.Guarantee {
        let room = MemoryQueue.room(forMessages: capacity)
        return Queue.Guarantee(
            survivesProcess: false,
            whenKilled:
                "what waits (at most \(capacity) messages) is lost when the process is killed, and flushed when the "
                + "host is stopped",
            whenDown:
                "what waits is kept while the database is down, up to \(capacity) messages and \(room >> 20) MiB of memory",
            whenMachineLost: "what waits is lost with the machine", room: room, capacity: capacity)
    }
}
