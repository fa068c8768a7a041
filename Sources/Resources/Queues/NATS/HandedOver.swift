import DequeModule
import Pipeline

/// Messages that were put into a stream from here and have not been worked on here, by session. Bounded: the oldest go first.
struct HandedOver {
    private struct Entry {
        let ticket: Int64
        let message: Message
    }

    private static let limit = 2_000

    private var sessions: [String: [Entry]] = [:]
    private var order = Deque<(ticket: Int64, session: String)>()

    mutating func insert(_ message: Message, as ticket: Int64) {
        let session = message.session.id
        sessions[session, default: []].append(Entry(ticket: ticket, message: message))
        order.append((ticket, session))
        if order.count > HandedOver.limit, let oldest = order.popFirst() { remove(oldest.ticket, of: oldest.session) }
    }

    mutating func remove(_ ticket: Int64, of session: String) {
        guard var entries = sessions[session] else { return }
        entries.removeAll { $0.ticket == ticket }
        sessions[session] = entries.isEmpty ? nil : entries
    }

    func messages(of session: String) -> [(ticket: Int64, message: Message)] {
        (sessions[session] ?? []).map { ($0.ticket, $0.message) }
    }
}
