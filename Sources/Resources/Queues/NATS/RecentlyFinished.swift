import DequeModule
import Pipeline

/// The messages that were finished last, by number and id: the numbers of a stream that was made anew, or has lost its end, come
/// again.
struct RecentlyFinished {
    private let limit: Int
    private var known: [Int64: UniqueID] = [:]
    private var order = Deque<(ticket: Int64, id: UniqueID)>()

    init(limit: Int) { self.limit = limit }

    func contains(_ ticket: Int64, _ id: UniqueID) -> Bool { known[ticket] == id }

    /// Of two with one number the later is known.
    mutating func insert(_ ticket: Int64, _ id: UniqueID) {
        guard known.updateValue(id, forKey: ticket) != id else { return }
        order.append((ticket, id))
        if order.count > limit, let oldest = order.popFirst(), known[oldest.ticket] == oldest.id {
            known[oldest.ticket] = nil
        }
    }
}
