import DequeModule
import Synchronization

/// Messages that wait for workers, in memory and bounded. Each worker has a lane of its own, and all messages of a
/// session go to the same one, so that they stay in order.
final class MemoryQueue: Sendable {
    enum Outcome {
        case accepted, full, closed
    }

    private struct Lane {
        var waiting = Deque<Message>()
        var worker: CheckedContinuation<Void, Never>?
        /// How many messages the worker waits for.
        var wanted = 1
        /// Counts the worker's waits, so that a timer knows whether its wait is over.
        var wait: UInt64 = 0
    }

    private struct State {
        var lanes: [Lane]
        /// Messages that wait or are being worked on.
        var count = 0
        var isClosed = false
        var producers = Deque<Producer>()
    }

    private struct Producer {
        let ticket: UInt64
        let continuation: CheckedContinuation<Void, Never>
    }

    private let capacity: Int
    private let state: Mutex<State>
    private let tickets = Atomic<UInt64>(0)

    init(capacity: Int, lanes: Int) {
        self.capacity = capacity
        state = Mutex(State(lanes: Array(repeating: Lane(), count: lanes)))
    }

    /// Messages that wait or are being worked on.
    var count: Int { state.withLock(\.count) }

    /// Takes the message if there is room.
    func push(_ message: Message) -> Outcome {
        let (outcome, worker): (Outcome, CheckedContinuation<Void, Never>?) = state.withLock { state in
            guard !state.isClosed else { return (.closed, nil) }
            guard state.count < capacity else { return (.full, nil) }
            let lane =
                state.lanes.count == 1 ? 0 : Int(message.session.id.hashValue.magnitude % UInt(state.lanes.count))
            state.lanes[lane].waiting.append(message)
            state.count += 1
            guard state.lanes[lane].waiting.count >= state.lanes[lane].wanted else { return (.accepted, nil) }
            return (.accepted, state.lanes[lane].worker.take())
        }
        worker?.resume()
        return outcome
    }

    /// Waits until there may be room, the queue is closed or the task is cancelled.
    func waitForRoom() async {
        let ticket = tickets.add(1, ordering: .relaxed).newValue
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustWait = state.withLock { state in
                    guard !state.isClosed, state.count >= capacity, !Task.isCancelled else { return false }
                    state.producers.append(Producer(ticket: ticket, continuation: continuation))
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            let producer: Producer? = state.withLock { state in
                state.producers.firstIndex { $0.ticket == ticket }.map { state.producers.remove(at: $0) }
            }
            producer?.continuation.resume()
        }
    }

    /// The next messages of a lane, up to a limit; none once the queue is closed and the lane empty.
    ///
    /// - Parameter linger: How long the first of them may wait for the others, so that they go together.
    func next(lane: Int, upTo limit: Int, lingering linger: Duration = .zero) async -> [Message] {
        await waitForMessages(1, lane: lane)
        if limit > 1, linger > .zero {
            await waitForMessages(min(limit, capacity), lane: lane, noLongerThan: linger)
        }
        return state.withLock { state in
            let batch = Array(state.lanes[lane].waiting.prefix(limit))
            state.lanes[lane].waiting.removeFirst(batch.count)
            return batch
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

    /// Makes room for as many messages as were worked on.
    func finish(_ number: Int) {
        let producers: [Producer] = state.withLock { state in
            state.count -= number
            let room = max(0, capacity - state.count)
            let producers = Array(state.producers.prefix(room))
            state.producers.removeFirst(producers.count)
            return producers
        }
        for producer in producers { producer.continuation.resume() }
    }

    /// Takes no message any more; workers end when their lanes are empty.
    func close() {
        let (workers, producers): ([CheckedContinuation<Void, Never>], Deque<Producer>) = state.withLock { state in
            state.isClosed = true
            let workers = state.lanes.compactMap(\.worker)
            for lane in state.lanes.indices { state.lanes[lane].worker = nil }
            defer { state.producers = [] }
            return (workers, state.producers)
        }
        for worker in workers { worker.resume() }
        for producer in producers { producer.continuation.resume() }
    }
}
