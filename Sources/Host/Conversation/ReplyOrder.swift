import DequeModule
import Pipeline

/// The messages of a connection that have no answer yet, in the order in which answers must leave.
///
/// A pure value: it says which frames may leave now.
struct ReplyOrder {
    private struct Place {
        let id: UniqueID
        /// Pieces of the answer that wait for the answers before it.
        var deltas: [ServerFrame] = []
        var outcome: Outcome
    }

    private enum Outcome {
        case waiting
        case frame(ServerFrame)
        case nothing
    }

    private var places = Deque<Place>()

    /// How many messages have no answer yet or one that waits for those before it.
    var count: Int { places.count }

    /// How many messages have no answer yet.
    var waiting: Int {
        places.count { place in
            if case .waiting = place.outcome { true } else { false }
        }
    }

    /// Notes a message that will be answered.
    mutating func expect(_ id: UniqueID) {
        places.append(Place(id: id, outcome: .waiting))
    }

    /// Whether the message still has its one answer to come.
    func isWaiting(_ id: UniqueID) -> Bool {
        places.contains { place in
            if case .waiting = place.outcome { place.id == id } else { false }
        }
    }

    /// Takes a piece of a message's answer; one after the answer is dropped.
    ///
    /// - Returns: The piece, where it may leave now.
    mutating func add(_ delta: ServerFrame, to id: UniqueID) -> ServerFrame? {
        guard let index = places.firstIndex(where: { $0.id == id }), case .waiting = places[index].outcome else {
            return nil
        }
        if index == places.startIndex { return delta }
        places[index].deltas.append(delta)
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
        guard let index = places.firstIndex(where: { $0.id == id }), case .waiting = places[index].outcome else {
            return .never
        }
        if index == places.startIndex, places[index].deltas.isEmpty {
            places.removeFirst()
            return .now
        }
        places[index].outcome = frame.map(Outcome.frame) ?? .nothing
        return .later
    }

    /// Takes out the next frame that may leave now.
    mutating func next() -> ServerFrame? {
        while let first = places.first {
            if !first.deltas.isEmpty { return places[places.startIndex].deltas.removeFirst() }
            if case .waiting = first.outcome { return nil }
            places.removeFirst()
            if case .frame(let frame) = first.outcome { return frame }
        }
        return nil
    }
}
