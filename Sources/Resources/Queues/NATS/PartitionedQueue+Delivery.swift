import Logging
import NATS
import Pipeline
import Synchronization

/// What comes from the stream. Called on the connection's thread, one message after the other.
extension PartitionedQueue {
    private enum Verdict {
        case taken
        /// It is done already, or can't be read.
        case acknowledge(Delivery.Acknowledgement)
        /// Of an earlier consumer, or to be delivered again later.
        case ignored
    }

    func delivered(_ message: NATSMessage, _ delivery: Delivery?) {
        if message.status != nil { return told(message) }
        guard let delivery, let partition = message.lastNumber, (0..<Partition.count).contains(partition)
        else { return }
        let ticket = Int64(clamping: delivery.sequence)
        let kept =
            message.withPayload { payload in own.withLock { $0.take(payload) } }
            ?? PartitionedQueue.record(of: message).map(KeptMessage.init)
        let id = kept?.message.id
        let (verdict, isFirstUnreadable): (Verdict, Bool) = state.withLock { state in
            guard case .held(let consumer) = state.partitions[partition].phase, delivery.isOf(consumer) else {
                return (.ignored, false)
            }
            state.partitions[partition].requested = max(0, state.partitions[partition].requested - 1)
            if delivery.deliveries > 1 { state.counts.redeliveries += 1 }
            if let id, state.finished.contains(ticket, id) { return (.acknowledge(.done), false) }
            if let id, state.knows(id, besides: ticket), isAgain(message, id) {
                return (.acknowledge(.done), false)
            }
            if let known = state.taken[ticket] {
                // It is being worked on, and what was to acknowledge it is of no use any more. Another message under its number,
                // of a stream that was made anew, waits until it has ended, and so does what follows.
                guard known.id == id else {
                    state.partitions[partition].leaveOut()
                    return (.ignored, false)
                }
                state.taken[ticket]?.acknowledgement = delivery.acknowledgementSubject
                state.taken[ticket]?.consumer = consumer
                return (.ignored, false)
            }
            guard memory.bytes < PartitionedQueue.memoryLimit else {
                // Those that follow must not overtake it: the partition begins anew when there is room.
                state.partitions[partition].leaveOut()
                return (.ignored, false)
            }
            guard let kept, let id else {
                let isFirst = state.unreadable.isEmpty
                state.unreadable.insert(ticket)
                return (.acknowledge(.again(after: Partition.patience)), isFirst)
            }
            let queued = QueuedMessage(kept.message, ticket: ticket, size: message.withPayload(\.count))
            guard memory.push(queued) == .accepted else { return (.ignored, false) }
            let taken = Taken(
                id: id, partition: partition, acknowledgement: delivery.acknowledgementSubject,
                consumer: consumer, nextSign: .now + Partition.sign)
            state.add(taken, as: ticket)
            if !state.attempts.isEmpty, delivery.deliveries == 1 {
                state.attempts.came(ticket, id, of: partition)
            }
            return (.taken, false)
        }
        if case .acknowledge(let word) = verdict {
            connection.acknowledge([delivery.acknowledgementSubject], word)
        }
        if isFirstUnreadable {
            logger.warning(
                "A message in the stream can't be read; it stays there for a worker of another version",
                metadata: ["stream": "\(stream)", "sequence": "\(ticket)"])
        }
    }

    private static func record(of message: NATSMessage) -> Message? {
        message.withPayload { Message.Record(reading: $0) }?.message
    }

    /// What the server says instead of a message, to the inbox of a pull.
    private func told(_ message: NATSMessage) {
        let tokens = message.subject.dropFirst(inbox.utf8.count).split(separator: ".")
        guard tokens.count == 2, let partition = Int(tokens[0]), let number = Int(tokens[1]),
            (0..<Partition.count).contains(partition)
        else { return }
        let text = message.header("Description")?.lowercased() ?? ""
        let isLost = message.status == 503 || message.status == 409 && text.contains("consumer deleted")
        state.withLock { state in
            guard state.partitions[partition].number == number, state.partitions[partition].consumer != nil else {
                return
            }
            if isLost {
                loseLocked(partition, &state)
                state.kick()
            } else if message.status == 409 {
                state.partitions[partition].requested = 0
            }
        }
    }

    /// Lets go of a partition that is another worker's, or whose consumer is to be made anew: what waits of it comes again, here
    /// or there, and what is being worked on ends here.
    func loseLocked(_ partition: Int, _ state: inout State) {
        guard let consumer = state.partitions[partition].end() else { return }
        state.leftovers.append(consumer)
        state.attempts.end(partition)
        withdrawLocked(of: consumer, &state)
    }

    /// Takes what a consumer has delivered and waits out of memory.
    func withdrawLocked(of consumer: String, _ state: inout State) {
        let withdrawn = memory.withdraw { queued in state.taken[queued.ticket]?.consumer == consumer }
        for queued in withdrawn { _ = state.remove(queued.ticket) }
    }

    /// The connection came or went.
    func connectionChanged(_ isConnected: Bool) {
        state.withLock { state in
            if !isConnected {
                // Another worker may have what was this one's before there is a connection again.
                for partition in state.partitions.indices where state.partitions[partition].consumer != nil {
                    loseLocked(partition, &state)
                }
                state.lastHello = nil
            }
            state.kick()
        }
    }

    func pull(_ pulls: [(consumer: String, count: Int, partition: Int)]) {
        for pull in pulls {
            let number = state.withLock { $0.partitions[pull.partition].number }
            jetStream.pull(
                pull.count, of: pull.consumer, in: stream, within: Partition.pull,
                to: "\(inbox).\(pull.partition).\(number)")
        }
    }
}
