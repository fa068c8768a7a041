import NATS
import Pipeline
import Synchronization

/// How full the stream is.
extension PartitionedQueue {
    private static let pace = Duration.seconds(2)

    func poll() async {
        let now = ContinuousClock.now
        let isDue = state.withLock { state in
            guard now >= state.nextPoll else { return false }
            state.nextPoll = now + PartitionedQueue.pace
            return true
        }
        guard isDue else { return }
        await compareConsumers()
        let (pushed, ended) = state.withLock { ($0.pushed, $0.ended) }
        let found: StreamInfo?
        do throws(NATSError) { found = try await jetStream.stream(stream, counting: "\(subject).*") } catch { return }
        guard isStillThere(found), let info = found else { return }
        let count = info.subjects.values.reduce(0, +)
        var oldest: Timestamp?
        if count > 0, let first = try? await jetStream.next(of: "\(subject).*", in: stream) {
            oldest = first.receivedAt
        }
        state.withLock { state in
            let now = ContinuousClock.now
            // What has just been acknowledged may be counted yet: while much happens, what was counted here is as good.
            guard now > state.lastChange + .milliseconds(200) || now > state.lastPolled + .seconds(6) else {
                state.nextPoll = now + .milliseconds(250)
                return
            }
            state.lastPolled = now
            state.polled = Queue.Depth(messages: count, oldest: oldest)
            state.pushed -= pushed
            state.ended -= ended
            if count == 0 { state.unreadable = [] }
        }
        beginAnewWhereLeft(info.subjects)
        await forgetWhatWasRemoved()
    }

    /// A message that was given back is waited for by what follows it, unless somebody has removed it from the stream.
    private func forgetWhatWasRemoved() async {
        guard hasGivenBack.load(ordering: .relaxed) else { return }
        for (session, ticket) in state.withLock({ $0.givenBack.first }).shuffled().prefix(10)
        where await !isInStream(ticket, of: session) {
            state.withLock { $0.givenBack.remove(ticket, of: session) }
        }
    }

    /// Compares the consumers that this worker has with those that the server has. A server removes one that asked for nothing
    /// for some seconds, as where requests were lost in an election or the process was stopped, and says so to nobody: who asks
    /// for messages of a consumer that is gone gets no answer. Another worker may have the partition by now.
    private func compareConsumers() async {
        let known = state.withLock { $0.partitions.map(\.consumer) }
        guard isWorkedOn, let names = try? await jetStream.consumers(of: stream) else { return }
        let now = ContinuousClock.now
        state.withLock { state in
            let (group, mine) = (state.group, Set(state.partitions.compactMap(\.consumer)))
            state.leftovers += state.abandoned.note(names, now) { name in
                guard let worker = self.worker(of: name) else { return false }
                return worker == self.worker ? !mine.contains(name) : !group.knows(worker)
            }
            for (partition, consumer) in known.enumerated() {
                guard let consumer, !names.contains(consumer), state.partitions[partition].consumer == consumer else {
                    continue
                }
                loseLocked(partition, &state)
                state.kick()
            }
        }
    }

    /// A stream has kept messages that were acknowledged, and its consumer doesn't deliver them again. Where a partition has had
    /// messages for some time and none of them comes, its consumer is made anew, and they do.
    private func beginAnewWhereLeft(_ counts: [String: Int]) {
        let now = ContinuousClock.now
        state.withLock { state in
            let patience = PartitionedQueue.leftFor * (state.unreadable.isEmpty ? 1 : 3)
            for partition in state.partitions.indices {
                let waiting = counts["\(subject).\(partition)"] ?? 0
                if state.partitions[partition].isLeft(waiting: waiting, for: patience, at: now) {
                    loseLocked(partition, &state)
                    state.kick()
                }
            }
        }
    }

    /// How long messages may wait of which none comes.
    private static let leftFor = Duration.seconds(8)

    func wakeProducers() {
        let isAtCapacity = isAtCapacity
        let producers = state.withLock { state in
            // One of them finds out whether there is room again.
            if isAtCapacity { return [CheckedContinuation<Void, Never>]() }
            return state.isFull ? state.producers.take(1) : state.producers.take()
        }
        for producer in producers { producer.resume() }
    }
}

extension StoredMessage {
    /// When the message was received, as it says itself.
    fileprivate var receivedAt: Timestamp? {
        let value = message.withPayload { try? JSONReader.value(of: $0, deepest: JSONReader.deepest + 8) }
        guard case .object(let members) = value else { return nil }
        return members["received_at"]?.whole.map { Timestamp(microseconds: Int64($0)) }
    }
}
