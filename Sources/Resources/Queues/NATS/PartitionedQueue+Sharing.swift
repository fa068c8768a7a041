import NATS
import Pipeline
import Synchronization

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
    /// being worked on.
    func giveAway() async {
        let now = ContinuousClock.now
        let leaving: [(Int, String)] = state.withLock { state in
            if !state.isClosed {
                let mine = state.partitions.indices.filter { state.partitions[$0].consumer != nil }
                let staying = mine.filter { !state.partitions[$0].isLeaving && state.partitions[$0].keptUntil <= now }
                let surplus = staying.count - state.group.share(of: worker).count
                let offered = staying.filter { state.group.offer(of: $0) != nil }
                let least = staying.sorted { state.partitions[$0].here < state.partitions[$1].here }
                for partition in offered + least.prefix(max(0, surplus - offered.count)) {
                    state.partitions[partition].isLeaving = true
                    state.partitions[partition].takes = false
                    withdrawLocked(partition, &state)
                }
                // What was left out for want of memory begins anew.
                for partition in mine where !state.partitions[partition].isLeaving && !state.partitions[partition].takes
                {
                    if memory.bytes < PartitionedQueue.memoryLimit / 2 { loseLocked(partition, &state) }
                }
            }
            return state.partitions.indices.compactMap { index in
                let partition = state.partitions[index]
                guard partition.isLeaving, partition.here <= 0, let consumer = partition.consumer else { return nil }
                return (index, consumer)
            }
        }
        for (partition, consumer) in leaving {
            do {
                try await jetStream.delete(consumer: consumer, of: stream)
            } catch { continue }
            state.withLock { state in
                let until = state.group.offer(of: partition) ?? .now + Partition.lease
                loseLocked(partition, &state)
                state.leftovers.removeAll { $0 == consumer }
                state.partitions[partition].notBefore = until
            }
            say(.released, of: partition)
        }
    }

    /// Takes free partitions up to this worker's share, and those beyond it that nobody else takes.
    func takeShare() async {
        let now = ContinuousClock.now
        let (candidates, wanted, left): ([Int], Int, [Int]) = state.withLock { state in
            let share = state.group.share(of: worker)
            let owned = state.partitions.count { $0.consumer != nil && !$0.isLeaving }
            let order = (0..<Partition.count).map { ($0 + share.first) % Partition.count }
            let free = order.filter { state.partitions[$0].consumer == nil && state.partitions[$0].notBefore <= now }
            let left = free.filter { partition in
                state.group.released[partition].map { $0 + .seconds(1) <= now } ?? false
            }
            return (free, max(0, share.count - owned), left)
        }
        var taken = 0
        for partition in candidates where taken < wanted {
            if await take(partition, until: nil) { taken += 1 }
        }
        if wanted == 0 {
            for partition in left { _ = await take(partition, until: now + PartitionedQueue.offer) }
        }
        let waits = state.withLock { state in
            guard !state.hasShare else { return [CheckedContinuation<Void, Never>]() }
            state.hasShare = true
            defer { state.workingWaits = [:] }
            return Array(state.workingWaits.values)
        }
        for wait in waits { wait.resume() }
    }

    /// Makes a consumer for a partition: where another worker has one, the server refuses it.
    ///
    /// - Parameter until: Until when it is kept though it is more than the share.
    private func take(_ partition: Int, until: ContinuousClock.Instant?) async -> Bool {
        let number = state.withLock { state in
            state.partitions[partition].number += 1
            return state.partitions[partition].number
        }
        let tokens = subject.dropFirst(stream.utf8.count + 1).replacing(".", with: "_").prefix(160)
        let name = "\(tokens)_\(partition)_\(worker)_\(number)"
        let configuration = ConsumerConfiguration(
            name: name, filter: "\(subject).\(partition)", ackWait: Partition.patience,
            maxAckPending: 2 * Partition.window, inactiveThreshold: Partition.lease)
        do {
            try await jetStream.create(configuration, of: stream)
        } catch {
            state.withLock { state in
                let isAnothers = if case .api(JetStream.Code.notUnique, _, _) = error { true } else { false }
                // It may have been made all the same.
                if !isAnothers { state.leftovers.append(name) }
                state.partitions[partition].notBefore = .now + PartitionedQueue.retry * Double.random(in: 0.75...1)
            }
            return false
        }
        let pulls = state.withLock { state in
            guard !state.isClosed, connection.isConnected else {
                state.leftovers.append(name)
                return [(consumer: String, count: Int, partition: Int)]()
            }
            state.partitions[partition].consumer = name
            state.partitions[partition].takes = true
            state.partitions[partition].isLeaving = false
            state.partitions[partition].requested = 0
            state.partitions[partition].keptUntil = until ?? .now
            state.group.take(partition)
            return state.pulls(of: CollectionOfOne(partition))
        }
        pull(pulls)
        return !pulls.isEmpty
    }

    /// Lets go of everything, so that other workers have it at once. Called when nothing is worked on any more.
    func leave() async {
        close()
        let (consumers, manager) = state.withLock { state in
            let consumers = state.partitions.compactMap(\.consumer) + state.leftovers
            for partition in state.partitions.indices { state.partitions[partition].consumer = nil }
            state.leftovers = []
            return (consumers, state.manager)
        }
        manager?.cancel()
        state.withLock { $0.kick() }
        if connection.isConnected {
            await withTaskGroup(of: Void.self) { group in
                for consumer in consumers {
                    group.addTask {
                        try? await self.jetStream.delete(consumer: consumer, of: self.stream, timeout: .seconds(1))
                    }
                }
            }
            if isWorkedOn { say(.gone) }
        }
        await manager?.value
        for observation in state.withLock({ state in
            defer { state.observations = [] }
            return state.observations
        }) { observation.cancel() }
    }
}
