import DequeModule
import Pipeline

/// The messages that were finished last, by id, each with its number: the numbers of a stream that was made anew, or has lost its
/// end, come again.
struct RecentlyFinished {
    private let limit: Int
    private var known: [UniqueID: Int64] = [:]
    private var order = Deque<(id: UniqueID, ticket: Int64)>()

    init(limit: Int) { self.limit = limit }

    func contains(_ ticket: Int64, _ id: UniqueID) -> Bool { known[id] == ticket }

    func ticket(of id: UniqueID) -> Int64? { known[id] }

    /// Of two numbers of one message the later is known.
    mutating func insert(_ ticket: Int64, _ id: UniqueID) {
        guard known.updateValue(ticket, forKey: id) != ticket else { return }
        order.append((id, ticket))
        if order.count > limit, let oldest = order.popFirst(), known[oldest.id] == oldest.ticket {
            known[oldest.id] = nil
        }
    }
}
