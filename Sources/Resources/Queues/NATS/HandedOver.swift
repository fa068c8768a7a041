import DequeModule
import Pipeline

/// A message in one reference: who keeps it copies that alone.
final class KeptMessage: Sendable {
    let message: Message

    init(_ message: Message) { self.message = message }
}

/// Messages that were put into a stream from here and have not been worked on here, by session. Bounded: the oldest go first.
struct HandedOver {
    private struct Entry {
        let ticket: Int64
        let kept: KeptMessage
        let size: Int
    }

    private static let limit = 2_000

    private let maxBytes: Int
    private var bytes = 0
    private var sessions: [String: [Entry]] = [:]
    private var order = Deque<(ticket: Int64, session: String)>()

    /// - Parameter maxBytes: What the messages may take together, as the stream has them.
    init(maxBytes: Int = 16 << 20) { self.maxBytes = maxBytes }

    mutating func insert(_ kept: KeptMessage, as ticket: Int64, size: Int) {
        let session = kept.message.session.id
        sessions[session, default: []].append(Entry(ticket: ticket, kept: kept, size: size))
        order.append((ticket, session))
        bytes += size
        while order.count > HandedOver.limit || bytes > maxBytes, let oldest = order.popFirst() {
            remove(oldest.ticket, of: oldest.session)
        }
    }

    mutating func remove(_ ticket: Int64, of session: String) {
        guard let place = sessions.index(forKey: session) else { return }
        for entry in sessions.values[place] where entry.ticket == ticket { bytes -= entry.size }
        sessions.values[place].removeAll { $0.ticket == ticket }
        if sessions.values[place].isEmpty { sessions.remove(at: place) }
    }

    func messages(of session: String) -> [(ticket: Int64, message: Message)] {
        (sessions[session] ?? []).map { ($0.ticket, $0.kept.message) }
    }
}
