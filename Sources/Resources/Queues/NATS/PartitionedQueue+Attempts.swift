import Pipeline
import Synchronization

/// Messages of which a process may have died. A consumer's own count of deliveries begins anew with each worker, so that another
/// is kept beside the stream, and only for what waited when a worker came.
extension PartitionedQueue: AttemptKeeping {
    var hasSuspects: Bool { mayHaveSuspects.load(ordering: .relaxed) }

    func deaths(of messages: [QueuedMessage]) -> [Int?] {
        state.withLock { state in
            messages.map { queued in
                state.taken[queued.ticket].flatMap { state.attempts.deaths(of: queued.ticket, in: $0.partition) }
            }
        }
    }

    func attemptsBegin(_ messages: [QueuedMessage]) async { await note(messages, areBegun: true) }

    func attemptsEnd(_ messages: [QueuedMessage]) async { await note(messages, areBegun: false) }

    private func note(_ messages: [QueuedMessage], areBegun: Bool) async {
        let changed: Set<Int> = state.withLock { state in
            var partitions: Set<Int> = []
            for queued in messages {
                // One that is finished is here no longer, but what is kept of it is.
                let partition = Partition.index(of: queued.message.session.id)
                let isChanged = state.attempts.note(queued.ticket, of: partition, isBegun: areBegun)
                if isChanged || !areBegun && state.taken[queued.ticket] == nil { partitions.insert(partition) }
            }
            mayHaveSuspects.store(!state.attempts.isEmpty, ordering: .relaxed)
            return partitions
        }
        if !changed.isEmpty { await keep(changed) }
    }

    /// Keeps what there is to keep of some partitions: one after the other, as the later has what the earlier had.
    private func keep(_ partitions: Set<Int>) async {
        let task = state.withLock { state in
            let before = state.keeping
            let task = Task {
                await before?.value
                await withTaskGroup(of: Void.self) { group in
                    for partition in partitions { group.addTask { await self.keep(partition) } }
                }
            }
            state.keeping = task
            return task
        }
        await task.value
    }

    private func keep(_ partition: Int) async {
        guard let attempts = attemptValues else { return }
        // A value that was set without its answer coming back has another number.
        for _ in 0..<2 {
            // What another worker has by now is kept by that one.
            let value = state.withLock { state in
                state.partitions[partition].consumer == nil ? nil : state.attempts.value(of: partition)
            }
            guard let value else { return }
            do throws(SharedFailure) {
                let key = attemptKey(partition)
                if let revision = try await attempts.set(key, value.bytes, ifRevision: value.revision) {
                    return state.withLock { $0.attempts.isKept(partition, as: revision) }
                }
                let found = try await attempts.get(key)
                state.withLock { $0.attempts.isKept(partition, as: found?.revision ?? 0) }
            } catch {
                // Then it is not counted: no message is given up for what nobody knows.
                return
            }
        }
    }

    /// What the worker that had a partition before has kept; `nil` where that can't be asked, or nothing waits there.
    func keptAttempts(of partition: Int, waiting: Int) async -> (bytes: [UInt8], revision: UInt64)? {
        guard waiting > 0, let attempts = attemptValues else { return nil }
        do throws(SharedFailure) {
            guard let found = try await attempts.get(attemptKey(partition)) else { return ([], 0) }
            return (found.bytes, found.revision)
        } catch {
            return nil
        }
    }

    private func attemptKey(_ partition: Int) -> String { "\(subject.dropFirst(stream.utf8.count + 1)).\(partition)" }
}
