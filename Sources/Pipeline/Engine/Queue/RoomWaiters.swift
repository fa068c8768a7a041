import DequeModule

/// Producers that wait for room in a queue, the longest waiting first. Belongs behind the queue's lock.
package struct RoomWaiters {
    private struct Producer {
        let ticket: UInt64
        let continuation: CheckedContinuation<Void, Never>
    }

    private var producers = Deque<Producer>()

    package init() {}

    package mutating func add(_ ticket: UInt64, _ continuation: CheckedContinuation<Void, Never>) {
        producers.append(Producer(ticket: ticket, continuation: continuation))
    }

    /// Takes out the one that gave up.
    package mutating func remove(_ ticket: UInt64) -> CheckedContinuation<Void, Never>? {
        producers.firstIndex { $0.ticket == ticket }.map { producers.remove(at: $0).continuation }
    }

    /// Takes out the first ones, to be resumed outside the lock.
    package mutating func take(_ number: Int = .max) -> [CheckedContinuation<Void, Never>] {
        let taken = producers.prefix(number).map(\.continuation)
        producers.removeFirst(taken.count)
        return taken
    }
}
