import DequeModule
import Pipeline

/// The messages of a connection that have no answer yet, in the order in which answers must leave.
///
/// A pure value: it says which frames may leave now.
struct ReplyOrder {
    private struct Slot {
        var id: UniqueID
        /// What the client's message takes while it waits.
        let bytes: Int
        /// Pieces of the answer that wait for the answers before it.
        var deltas: [ServerFrame] = []
        var outcome: Outcome
    }

    private enum Outcome {
        case waiting
        case frame(ServerFrame)
        case nothing
    }

    private var slots = Deque<Slot>()
    /// The only message, which waits: most are answered before the next one comes, and need no slot. Then there is none.
    private var only: UniqueID?

    /// What the messages take whose answers have not left.
    private(set) var bytes = 0

    /// How many messages have no answer yet or one that waits for those before it.
    var count: Int { only == nil ? slots.count : 1 }

    /// How many messages have no answer yet.
    var waiting: Int { waitingIDs.count }

    /// Notes a message that will be answered.
    ///
    /// - Parameter size: How many bytes the client sent.
    mutating func expect(_ id: UniqueID, size: Int) {
        if only == nil, slots.isEmpty {
            (only, bytes) = (id, size)
            return
        }
        giveSlot()
        slots.append(Slot(id: id, bytes: size, outcome: .waiting))
        bytes += size
    }

    /// Gives the only message a slot, as there is more to know of it.
    private mutating func giveSlot() {
        guard let id = only else { return }
        only = nil
        slots.append(Slot(id: id, bytes: bytes, outcome: .waiting))
    }

    /// Gives a message that will be answered another id.
    mutating func rename(_ id: UniqueID, to other: UniqueID) {
        giveSlot()
        guard id != other, let index = indexOfWaiting(id) else { return }
        slots[index].id = other
    }

    /// The messages that have no answer yet.
    var waitingIDs: [UniqueID] {
        if let only { return [only] }
        return slots.compactMap { slot in
            if case .waiting = slot.outcome { slot.id } else { nil }
        }
    }

    /// Whether the message still has its one answer to come.
    func isWaiting(_ id: UniqueID) -> Bool { only == nil ? indexOfWaiting(id) != nil : only == id }

    /// A message that is tried again may have the id of one whose error has not left yet.
    private func indexOfWaiting(_ id: UniqueID) -> Int? {
        slots.firstIndex { slot in
            if case .waiting = slot.outcome { slot.id == id } else { false }
        }
    }

    private mutating func leave() { bytes -= slots.removeFirst().bytes }

    /// Takes a piece of a message's answer; one after the answer is dropped.
    ///
    /// - Returns: The piece, where it may leave now.
    mutating func add(_ delta: ServerFrame, to id: UniqueID) -> ServerFrame? {
        if let only { return only == id ? delta : nil }
        guard let index = indexOfWaiting(id) else { return nil }
        if index == slots.startIndex { return delta }
        slots[index].deltas.append(delta)
        return nil
    }

    /// When an answer leaves.
    enum Leaving {
        /// Now, by whoever brought it; ``next()`` has what waited for it.
        case now
        /// After those before it.
        case later
        /// Another has left, or will: this one is dropped.
        case never
    }

    /// Takes a message's answer, `nil` for none. A second answer is dropped.
    mutating func settle(_ id: UniqueID, _ frame: ServerFrame?) -> Leaving {
        if let only {
            guard only == id else { return .never }
            (self.only, bytes) = (nil, 0)
            return .now
        }
        guard let index = indexOfWaiting(id) else { return .never }
        if index == slots.startIndex, slots[index].deltas.isEmpty {
            leave()
            return .now
        }
        slots[index].outcome = frame.map(Outcome.frame) ?? .nothing
        return .later
    }

    /// Takes out the next frame that may leave now.
    mutating func next() -> ServerFrame? {
        while let first = slots.first {
            if !first.deltas.isEmpty { return slots[slots.startIndex].deltas.removeFirst() }
            if case .waiting = first.outcome { return nil }
            leave()
            if case .frame(let frame) = first.outcome { return frame }
        }
        return nil
    }
}
