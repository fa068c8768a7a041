import DequeModule
import Pipeline

/// The messages that were finished last, by number and id: the numbers of a stream that was made anew, or has lost its end, come
/// again.
struct RecentlyFinished {
    private struct Entry: Hashable {
        let ticket: Int64
        let id: UniqueID
    }

    private let limit: Int
    private var known: Set<Entry> = []
    private var order = Deque<Entry>()

    init(limit: Int) { self.limit = limit }

    func contains(_ ticket: Int64, _ id: UniqueID) -> Bool { known.contains(Entry(ticket: ticket, id: id)) }

    mutating func insert(_ ticket: Int64, _ id: UniqueID) {
        let entry = Entry(ticket: ticket, id: id)
        guard known.insert(entry).inserted else { return }
        order.append(entry)
        if order.count > limit, let oldest = order.popFirst() { known.remove(oldest) }
    }
}
