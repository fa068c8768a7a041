import DequeModule
import Pipeline

/// The messages that were finished last, by id, each with its number: the numbers of a stream that was made anew, or has lost its
/// end, come again.
struct RecentlyFinished {
    private let limit: Int
    private var known: [UniqueID: Int64] = [:]
    private var order = Deque<(id: UniqueID, ticket: Int64)>()
    /// The highest number of all. What has just come most often has a higher one, and need not be looked for.
    private var highest = Int64.min

    init(limit: Int) { self.limit = limit }

    func contains(_ ticket: Int64, _ id: UniqueID) -> Bool {
        ticket <= highest && known[id] == ticket
    }

    func ticket(of id: UniqueID) -> Int64? { known[id] }

    /// Of two numbers of one message the later is known.
    mutating func insert(_ ticket: Int64, _ id: UniqueID) {
        guard known.updateValue(ticket, forKey: id) != ticket else { return }
        order.append((id, ticket))
        highest = max(highest, ticket)
        if order.count > limit, let oldest = order.popFirst(), let place = known.index(forKey: oldest.id),
            known.values[place] == oldest.ticket
        {
            known.remove(at: place)
        }
    }
}
