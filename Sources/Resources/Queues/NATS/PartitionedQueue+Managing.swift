import NATS
import Pipeline
import Synchronization
import Threads

/// What goes on beside the messages: partitions come and go, leases are renewed, and the stream is asked how full it is.
extension PartitionedQueue {
    private static let tick = Duration.milliseconds(500)

    /// - Parameter isReady: Whether the stream is there; else ``streamIsReady()`` follows.
    func start(isReady: Bool) {
        var observations: [NATSObservation] = []
        if isWorkedOn {
            observations.append(
                connection.takeDeliveries(of: worker, to: inbox) { [weak self] in self?.delivered($0, $1) })
            observations.append(connection.subscribe(to: groupSubject) { [weak self] in self?.heard($0) })
        }
        observations.append(connection.observe { [weak self] in self?.connectionChanged($0) })
        let manager = Task { [weak self] in
            while !Task.isCancelled { if await self?.manage() == nil { return } }
        }
        // The manager asks the server, which may take seconds for an answer; leases don't wait for that.
        let renewal = Task { [weak self] in
            while true {
                do { try await Task.sleep(for: PartitionedQueue.tick) } catch { return }
                guard let self else { return }
                renew()
            }
        }
        state.withLock { state in
            (state.observations, state.manager, state.renewal) = (observations, manager, renewal)
            // The stream may have been found meanwhile.
            if isReady { state.isReady = true }
        }
    }

    func streamIsReady() {
        state.withLock { state in
            (state.isReady, state.isFull) = (true, false)
            state.nextPoll = .now
            state.kick()
        }
    }

    /// The stream was removed, and its consumers with it. What is being worked on ends all the same.
    func streamIsGone() {
        state.withLock { state in
            state.isReady = false
            state.handedOver = HandedOver()
            state.givenBack = GivenBack()
            for partition in state.partitions.indices { loseLocked(partition, &state) }
            state.leftovers = []
        }
    }

    func waitUntilWorking(within limit: Duration) async -> Bool {
        await workingWaits.wait(within: limit) { state.withLock { $0.hasShare || $0.isClosed } }
        return state.withLock(\.hasShare)
    }

    private func manage() async {
        await rest()
        let (isReady, isClosed) = state.withLock { ($0.isReady, $0.isClosed) }
        guard isReady, connection.isConnected, !Task.isCancelled else { return }
        if isWorkedOn {
            if !isClosed { await greet() }
            await giveAway()
            await removeLeftovers()
            if !isClosed { await takeShare() }
        }
        await poll()
        wakeProducers()
    }

    /// Says that this worker is there, for its partitions and for what it is working on.
    private func renew() {
        guard isWorkedOn, connection.isConnected else { return }
        sayIfHere()
        sayWhatIsBeingWorkedOn()
        pull(state.withLock { $0.pulls(of: $0.partitions.indices) })
    }

    /// Waits for the next tick, or for something to do.
    private func rest() async {
        let timer = Task { [weak self] in
            do { try await Task.sleep(for: PartitionedQueue.tick) } catch { return }
            // It may be over before the wait begins, where the machine is busy.
            self?.state.withLock { $0.kick() }
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
        if leftovers.isEmpty { return }
        let failed = await remove(leftovers)
        state.withLock { $0.leftovers += leftovers.filter(failed.contains) }
    }

    /// Removes consumers, side by side. The server works on acknowledgements and on the removal independently of each other, so
    /// each is asked for its last acknowledgement first: what came before that has been counted then.
    ///
    /// - Returns: Those that may be there yet.
    func remove(_ consumers: [String], timeout: Duration = .seconds(5)) async -> Set<String> {
        await withTaskGroup(of: String?.self) { group in
            for consumer in consumers {
                let last = state.withLock { $0.lastDone.first { $0?.consumer == consumer } ?? nil }
                group.addTask {
                    do {
                        if let last { try? await self.connection.confirm(last.acknowledgement, within: .seconds(1)) }
                        try await self.jetStream.delete(consumer: consumer, of: self.stream, timeout: timeout)
                        return nil
                    } catch {
                        return consumer
                    }
                }
            }
            return await group.reduce(into: []) { failed, consumer in consumer.map { _ = failed.insert($0) } }
        }
    }
}
