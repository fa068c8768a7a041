/// Messages that were given back for another version of the file and have not ended, by session. Those that follow one of them
/// in its session wait for it.
struct GivenBack {
    /// Their numbers, in order.
    private var sessions: [String: [Int64]] = [:]

    var isEmpty: Bool { sessions.isEmpty }

    mutating func insert(_ ticket: Int64, of session: String) {
        var tickets = sessions[session] ?? []
        let index = tickets.lastIndex { $0 <= ticket }.map { $0 + 1 } ?? 0
        if index > 0, tickets[index - 1] == ticket { return }
        sessions[session] = nil
        tickets.insert(ticket, at: index)
        sessions[session] = tickets
    }

    /// A message has ended.
    mutating func remove(_ ticket: Int64, of session: String) {
        guard let tickets = sessions[session], tickets.contains(ticket) else { return }
        sessions[session] = tickets.count == 1 ? nil : tickets.filter { $0 != ticket }
    }

    /// Whether an earlier message of the session was given back.
    func blocks(_ ticket: Int64, of session: String) -> Bool {
        guard let first = sessions[session]?.first else { return false }
        return first < ticket
    }

    /// The first of each session that has some.
    var first: [(session: String, ticket: Int64)] {
        sessions.compactMap { name, tickets in tickets.first.map { (name, $0) } }
    }

    /// All messages of a partition come anew, in their order.
    mutating func forget(partition: Int) {
        sessions = sessions.filter { Partition.index(of: $0.key) != partition }
    }
}
