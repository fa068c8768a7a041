import DequeModule
import Pipeline

/// The messages of a connection that have no answer yet, in the order in which answers must leave.
///
/// A pure value: it says which frames may leave now.
struct ReplyOrder {
    private struct Place {
        let id: UniqueID
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

    /// Takes a message's answer, `nil` for none, and returns the frames that may leave now. A second answer is dropped.
    mutating func settle(_ id: UniqueID, _ frame: ServerFrame?) -> [ServerFrame] {
        guard let index = places.firstIndex(where: { $0.id == id }), case .waiting = places[index].outcome else {
            return []
        }
        if index == 0 && places.count == 1 {
            places.removeFirst()
            return frame.map { [$0] } ?? []
        }
        places[index].outcome = frame.map(Outcome.frame) ?? .nothing
        var leaving: [ServerFrame] = []
        while let first = places.first {
            switch first.outcome {
            case .waiting: return leaving
            case .frame(let frame): leaving.append(frame)
            case .nothing: break
            }
            places.removeFirst()
        }
        return leaving
    }
}
