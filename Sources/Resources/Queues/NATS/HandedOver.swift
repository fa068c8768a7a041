import DequeModule
import Pipeline

/// A message in one reference: who keeps it copies that alone.
final class KeptMessage: Sendable {
    let message: Message

    init(_ message: Message) { self.message = message }
}

/// Messages that were put into a stream from here and have not been worked on here, for who asks for those of a session. Bounded:
/// the oldest go first.
struct HandedOver {
    private struct Entry {
        let kept: KeptMessage
        let size: Int
    }

    private static let limit = 2_000

    private let maxBytes: Int
    private var bytes = 0
    private var entries: [Int64: Entry] = [:]
    private var order = Deque<Int64>()
    /// The numbers of each session's; `nil` until somebody asks, as in most pipelines nobody does.
    private var sessions: [String: [Int64]]?

    /// - Parameter maxBytes: What the messages may take together, as the stream has them.
    init(maxBytes: Int = 16 << 20) { self.maxBytes = maxBytes }

    mutating func insert(_ kept: KeptMessage, as ticket: Int64, size: Int) {
        remove(ticket)
        entries[ticket] = Entry(kept: kept, size: size)
        order.append(ticket)
        bytes += size
        sessions?[kept.message.session.id, default: []].append(ticket)
        while let oldest = order.first, isToGo(oldest) {
            order.removeFirst()
            remove(oldest)
        }
    }

    /// Whether the oldest is there no longer, or no more have room.
    private func isToGo(_ oldest: Int64) -> Bool {
        entries.count > HandedOver.limit || order.count > 2 * HandedOver.limit || bytes > maxBytes
            || entries[oldest] == nil
    }

    mutating func remove(_ ticket: Int64) {
        guard let entry = entries.removeValue(forKey: ticket) else { return }
        bytes -= entry.size
        guard let place = sessions?.index(forKey: entry.kept.message.session.id) else { return }
        sessions?.values[place].removeAll { $0 == ticket }
        if sessions?.values[place].isEmpty ?? false { sessions?.remove(at: place) }
    }

    mutating func messages(of session: String) -> [(ticket: Int64, message: Message)] {
        if sessions == nil {
            sessions = Dictionary(grouping: entries.keys) { entries[$0]?.kept.message.session.id ?? "" }
        }
        let tickets = sessions?[session] ?? []
        return tickets.sorted().compactMap { ticket in entries[ticket].map { (ticket, $0.kept.message) } }
    }
}
