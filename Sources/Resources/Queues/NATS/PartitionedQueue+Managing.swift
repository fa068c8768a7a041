import NATS
import Pipeline
import Synchronization

/// What goes on beside the messages: partitions come and go, leases are renewed, and the stream is asked how full it is.
extension PartitionedQueue {
    private static let tick = Duration.milliseconds(500)

    /// - Parameter isReady: Whether the stream is there; else ``streamIsReady()`` follows.
    func start(isReady: Bool) {
        var observations: [NATSObservation] = []
        if isWorkedOn {
            observations.append(connection.subscribe(to: "\(inbox).>") { [weak self] in self?.delivered($0) })
            observations.append(connection.subscribe(to: groupSubject) { [weak self] in self?.heard($0) })
        }
        observations.append(connection.observe { [weak self] in self?.connectionChanged($0) })
        let manager = Task { [weak self] in
            while !Task.isCancelled { if await self?.manage() == nil { return } }
        }
        state.withLock { state in
            (state.observations, state.manager, state.isReady) = (observations, manager, isReady)
        }
    }

    func streamIsReady() {
        state.withLock { state in
            state.isReady = true
            state.kick()
        }
    }

    func waitUntilWorking(within limit: Duration) async -> Bool {
        let ticket = tickets.add(1, ordering: .relaxed).newValue
        let timer = Task {
            try? await Task.sleep(for: limit)
            state.withLock { $0.workingWaits.removeValue(forKey: ticket) }?.resume()
        }
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.hasShare || state.isClosed { return true }
                state.workingWaits[ticket] = continuation
                return false
            }
            if isOver { continuation.resume() }
        }
        timer.cancel()
        return state.withLock(\.hasShare)
    }

    private func manage() async {
        await rest()
        let (isReady, isClosed) = state.withLock { ($0.isReady, $0.isClosed) }
        guard isReady, connection.isConnected, !Task.isCancelled else { return }
        if isWorkedOn {
            sayWhatIsBeingWorkedOn()
            await removeLeftovers()
            if !isClosed { await greet() }
            let pulls = state.withLock { $0.pulls(of: $0.partitions.indices) }
            pull(pulls)
            await giveAway()
            if !isClosed { await takeShare() }
        }
        await poll()
        wakeProducers()
    }

    /// Waits for the next tick, or for something to do.
    private func rest() async {
        let timer = Task { [weak self] in
            try? await Task.sleep(for: PartitionedQueue.tick)
            self?.state.withLock { $0.sleeper.take() }?.resume()
        }
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state in
                if state.isKicked || Task.isCancelled { return true }
                state.sleeper = continuation
                return false
            }
            if goesOn { continuation.resume() }
        }
        timer.cancel()
        state.withLock { $0.isKicked = false }
    }

    /// Signs of life for what takes long, so that it isn't delivered again meanwhile.
    private func sayWhatIsBeingWorkedOn() {
        let now = ContinuousClock.now
        let subjects = state.withLock { state in
            let due = state.taken.filter { $0.value.nextSign <= now }
            for ticket in due.keys { state.taken[ticket]?.nextSign = now + Partition.sign }
            return due.values.map(\.acknowledgement)
        }
        connection.acknowledge(subjects, .inProgress)
    }

    /// Removes consumers of this worker's that it doesn't use any more, so that nobody has to wait for the server to do it.
    private func removeLeftovers() async {
        let leftovers = state.withLock { state in
            defer { state.leftovers = [] }
            return state.leftovers
        }
        for consumer in leftovers {
            do {
                try await jetStream.delete(consumer: consumer, of: stream)
            } catch {
                state.withLock { $0.leftovers.append(consumer) }
            }
        }
    }
}
