import NATS
import Pipeline
import Synchronization
import Threads

/// Who works on what.
extension PartitionedQueue {
    /// How long the others have to answer before the first partitions are taken.
    private static let greeting = Duration.milliseconds(150)
    /// How long a partition that another worker has is left alone.
    private static let retry = Duration.seconds(2)

    /// Where the workers of the step hear of each other; not in the stream.
    var groupSubject: String { "\(stream)-workers.\(subject.dropFirst(stream.utf8.count + 1))" }

    /// Says that this worker is there; at first the others say so, too.
    func greet() async {
        let now = ContinuousClock.now
        let (isFirst, isDue) = state.withLock { state in
            state.group.forget(at: now)
            let isFirst = state.lastHello == nil
            let isDue = isFirst || now >= (state.lastHello ?? now) + WorkerGroup.pace
            if isDue { state.lastHello = now }
            return (isFirst, isDue)
        }
        if isDue { say(isFirst ? .hello : .here) }
        if isFirst { try? await Task.sleep(for: PartitionedQueue.greeting) }
    }

    /// Says that this worker is there once it has said so before: the manager may wait for answers of the server for long.
    func sayIfHere() {
        let now = ContinuousClock.now
        let isDue = state.withLock { state in
            guard !state.isClosed, let last = state.lastHello, now >= last + WorkerGroup.pace else { return false }
            state.lastHello = now
            return true
        }
        if isDue { say(.here) }
    }

    private func say(_ word: WorkerGroup.Word, of partition: Int? = nil) {
        var text = JSONText()
        text.add("worker", worker)
        text.add("word", word.rawValue)
        if let partition { text.add("partition", .int(partition)) }
        connection.publish(text.finishedBytes, to: groupSubject)
    }

    func heard(_ message: NATSMessage) {
        let value = message.withPayload { try? JSONReader.value(of: $0, deepest: JSONReader.deepest) }
        guard case .object(let members) = value, case .string(let other) = members["worker"], other != worker,
            case .string(let text) = members["word"], let word = WorkerGroup.Word(rawValue: text)
        else { return }
        let isClosed = state.withLock { state in
            state.group.hear(word, from: other, of: members["partition"]?.whole, at: .now)
            if let partition = members["partition"]?.whole, state.partitions.indices.contains(partition) {
                state.partitions[partition].notBefore = .now
            }
            if word != .here { state.kick() }
            return state.isClosed
        }
        if word == .hello, !isClosed { say(.here) }
    }

    /// Gives partitions away that are more than this worker's share, or that others can work on better, once nothing of them is
    /// being worked on. Where that takes long, as while the database is down, they stay for the time being: others would wait.
    func giveAway() async {
        let now = ContinuousClock.now
        let leaving: [(Int, String)] = state.withLock { state in
            if !state.isClosed {
                for partition in state.partitions.indices where state.partitions[partition].isOverdue(at: now) {
                    guard state.partitions[partition].here > 0 else { continue }
                    loseLocked(partition, &state)
                    state.partitions[partition].keptUntil = now + Partition.stay
                }
                let mine = state.partitions.indices.filter { state.partitions[$0].consumer != nil }
                let staying = mine.filter { !state.partitions[$0].isLeaving && state.partitions[$0].keptUntil <= now }
                let surplus = staying.count - state.group.share(of: worker).count
                let offered = staying.filter { state.group.offer(of: $0) != nil }
                let least = staying.sorted { state.partitions[$0].here < state.partitions[$1].here }
                for partition in offered + least.prefix(max(0, surplus - offered.count)) {
                    state.partitions[partition].leave(at: now)
                    if let consumer = state.partitions[partition].consumer { withdrawLocked(of: consumer, &state) }
                }
                // What was left out for want of memory begins anew.
                for partition in mine where state.partitions[partition].isFull {
                    if memory.bytes < PartitionedQueue.memoryLimit / 2 { loseLocked(partition, &state) }
                }
            }
            return state.partitions.indices.compactMap { index in
                let partition = state.partitions[index]
                guard partition.isLeaving, partition.here <= 0, let consumer = partition.consumer else { return nil }
                return (index, consumer)
            }
        }
        if leaving.isEmpty { return }
        let failed = await remove(leaving.map(\.1))
        for (partition, consumer) in leaving where !failed.contains(consumer) {
            state.withLock { state in
                let until = state.group.offer(of: partition) ?? .now + Partition.lease
                if state.partitions[partition].consumer == consumer { loseLocked(partition, &state) }
                state.leftovers.removeAll { $0 == consumer }
                state.partitions[partition].notBefore = until
            }
            say(.released, of: partition)
        }
    }

    /// Takes free partitions up to this worker's share, and those beyond it that nobody else takes, or that are to stay here.
    func takeShare() async {
        let now = ContinuousClock.now
        let (candidates, wanted, left, staying) = state.withLock { state in
            let share = state.group.share(of: worker)
            let owned = state.partitions.count { $0.consumer != nil && !$0.isLeaving }
            let order = (0..<Partition.count).map { ($0 + share.first) % Partition.count }
            let free = order.filter { state.partitions[$0].consumer == nil && state.partitions[$0].notBefore <= now }
            let left = free.filter { partition in
                state.group.released[partition].map { $0 + .seconds(1) <= now } ?? false
            }
            let staying = free.compactMap { index in
                let partition = state.partitions[index]
                return partition.keptUntil > now && partition.here > 0 ? (index, partition.keptUntil) : nil
            }
            return (free, max(0, share.count - owned), left, staying)
        }
        await take(staying.map(\.0), until: staying.first?.1, upTo: .max)
        if wanted > 0 {
            await take(candidates, until: nil, upTo: wanted)
        } else {
            await take(left, until: now + PartitionedQueue.offer, upTo: .max)
        }
        state.withLock { $0.hasShare = true }
        workingWaits.wakeAll()
    }

    /// Takes free ones of some partitions. Where the server doesn't answer for one, it is not asked for the others.
    private func take(_ partitions: [Int], until: ContinuousClock.Instant?, upTo limit: Int) async {
        var taken = 0
        for partition in partitions where taken < limit {
            if state.withLock({ $0.partitions[partition].consumer != nil }) { continue }
            guard let isMine = await take(partition, until: until) else { return }
            if isMine { taken += 1 }
        }
    }

    /// Makes a consumer for a partition: where another worker has one, the server refuses it.
    ///
    /// - Parameter until: Until when it is kept though it is more than the share.
    /// - Returns: Whether it is this worker's now; `nil` where that is not known.
    private func take(_ partition: Int, until: ContinuousClock.Instant?) async -> Bool? {
        let number = state.withLock { state in
            state.partitions[partition].number += 1
            return state.partitions[partition].number
        }
        let name = "\(consumerPrefix)_\(partition)_\(worker)_\(number)"
        let configuration = ConsumerConfiguration(
            name: name, filter: "\(subject).\(partition)", ackWait: Partition.patience,
            maxAckPending: Partition.unacknowledged, inactiveThreshold: Partition.lease)
        let waiting: Int
        do {
            waiting = try await jetStream.create(configuration, of: stream)
        } catch {
            let isAnothers = if case .api(JetStream.Code.notUnique, _, _) = error { true } else { false }
            state.withLock { state in
                // It may have been made all the same.
                if !isAnothers { state.leftovers.append(name) }
                state.partitions[partition].notBefore = .now + PartitionedQueue.retry * Double.random(in: 0.75...1)
            }
            return isAnothers ? false : nil
        }
        let kept = await keptAttempts(of: partition, waiting: waiting)
        let pulls = state.withLock { state in
            guard !state.isClosed, connection.isConnected else {
                state.leftovers.append(name)
                return [(consumer: String, count: Int, partition: Int)]()
            }
            state.partitions[partition].begin(name, keptUntil: until ?? .now)
            state.givenBack.forget(partition: partition)
            state.attempts.begin(partition, kept, waiting: waiting)
            mayHaveSuspects.store(!state.attempts.isEmpty, ordering: .relaxed)
            state.group.take(partition)
            return state.pulls(of: CollectionOfOne(partition))
        }
        pull(pulls)
        return !pulls.isEmpty
    }

    private var consumerPrefix: Substring {
        subject.dropFirst(stream.utf8.count + 1).replacing(".", with: "_").prefix(160)
    }

    /// Whose a consumer is; `nil` where it is none of this step's.
    func worker(of consumer: String) -> String? {
        let parts = consumer.split(separator: "_")
        guard parts.count > 3, consumer.hasPrefix(consumerPrefix),
            consumer.dropFirst(consumerPrefix.count) == "_\(parts.suffix(3).joined(separator: "_"))"
        else { return nil }
        return String(parts[parts.count - 2])
    }

    /// Lets go of everything, so that other workers have it at once. Called when nothing is worked on any more.
    func leave() async {
        close()
        let (consumers, manager, renewal) = state.withLock { state in
            let consumers = state.partitions.indices.compactMap { state.partitions[$0].end() } + state.leftovers
            state.leftovers = []
            return (consumers, state.manager, state.renewal)
        }
        manager?.cancel()
        renewal?.cancel()
        state.withLock { $0.kick() }
        if connection.isConnected {
            _ = await remove(consumers, timeout: .seconds(1))
            if isWorkedOn { say(.gone) }
        }
        await manager?.value
        for observation in state.withLock({ state in
            defer { state.observations = [] }
            return state.observations
        }) { observation.cancel() }
    }
}
