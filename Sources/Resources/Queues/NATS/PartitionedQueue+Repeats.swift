import NATS
import Pipeline

/// A message that was published without an answer is published again, and may be in the stream twice then.
///
/// One server knows it again by its id. Several servers must not have to: up to NATS 2.9 each counts what it left out, a server
/// that is started again counts anew, and from then on its copy of the stream has other numbers than the others' — until they reset
/// it, and lose what was acknowledged. NATS 2.10 and later can take the second for stored before the first is. So each attempt has
/// an id of its own there, and the worker leaves out what it knows already.
extension PartitionedQueue {
    /// What stands between a message's id and the number of a further attempt.
    private static let mark = "~"
    /// How many messages without an answer are remembered.
    static let unansweredLimit = 10_000

    /// The id of a further attempt.
    static func again(_ id: String) -> String {
        id + mark + String(UInt64.random(in: .min ... .max), radix: 36)
    }

    /// Whether it was published as a further attempt: not by `replay`, whose messages are worked on once more.
    func isAgain(_ message: NATSMessage, _ id: UniqueID) -> Bool {
        message.header("Nats-Msg-Id")?.hasPrefix("\(id)\(idSuffix)\(PartitionedQueue.mark)") ?? false
    }
}

extension PartitionedQueue.State {
    /// A message may be in the stream, or not.
    mutating func keepUnanswered(_ id: UniqueID) {
        if unanswered.count == PartitionedQueue.unansweredLimit { unanswered.removeAll() }
        unanswered.insert(id)
    }

    /// Whether a message is here, or was finished here lately, under another number.
    func knows(_ id: UniqueID, besides ticket: Int64) -> Bool {
        (ticketsHere[id] ?? finished.ticket(of: id)).map { $0 != ticket } ?? false
    }
}
