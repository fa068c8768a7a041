import NATS
import Pipeline
import Synchronization

/// How messages come into the stream.
extension PartitionedQueue {
    /// How long a message is tried for while NATS is there and doesn't take it, as while a new leader is elected.
    private static let patience = Duration.seconds(12)
    /// How long one waits for a connection that has just been lost.
    private static let reconnection = Duration.seconds(2)
    /// The pause before it is tried again.
    private static let pause = Duration.milliseconds(200)

    func push(_ message: Message) async throws(PipelineError) -> Queue.PushOutcome {
        try await push(message, copy: "")
    }

    func pushAgain(_ message: Message) async throws(PipelineError) -> Queue.PushOutcome {
        let number = String(UInt64.random(in: .min ... .max), radix: 36)
        return try await push(message, copy: ":\(number)")
    }

    /// - Parameter copy: What makes its id another than that of the same message before.
    private func push(_ message: Message, copy: String) async throws(PipelineError) -> Queue.PushOutcome {
        if isAtCapacity { return .full }
        var (isClosed, isReady, isUnanswered) = state.withLock {
            ($0.isClosed, $0.isReady, $0.unanswered.contains(message.id))
        }
        if isClosed { return .closed }
        guard isReady, connection.isConnected else { return .full }
        let record = Message.Record(message)
        let (payload, id) = (record.jsonBytes, record.id + idSuffix + copy)
        let target = targets[Partition.index(of: message.session.id)]
        let detached = message.detached
        let kept = KeptMessage(detached ?? message)
        // It may come back before it is said to be there.
        if isWorkedOn, detached != nil { own.withLock { $0.insert(kept, as: payload) } }
        let start = ContinuousClock.now
        while true {
            do {
                let acknowledgement = try await jetStream.publishUncancelled(
                    payload, to: target, id: isUnanswered ? PartitionedQueue.again(id) : id)
                accepted(kept, of: payload.count, as: acknowledgement, after: .now - start)
                return .accepted
            } catch {
                if isReplicated, error.leavesOpen { isUnanswered = true }
                if let outcome = try await outcome(of: error, since: start) {
                    if isUnanswered { state.withLock { $0.keepUnanswered(message.id) } }
                    return outcome
                }
            }
        }
    }

    /// What a failure to publish means; `nil` where it is to be tried again, here or by who waits for room. The message may be in
    /// the stream.
    private func outcome(
        of error: NATSError, since start: ContinuousClock.Instant
    ) async throws(PipelineError) -> Queue.PushOutcome? {
        switch error {
        case .tooLarge(let bytes, let limit):
            throw PipelineError(
                .tooLong, "The message is too large for the queue",
                detail: "\(bytes) bytes; NATS takes \(limit) (max_payload)")
        case .closed: return .closed
        case .notConnected where !connection.isConnected:
            if await connection.waitUntilConnected(within: PartitionedQueue.reconnection) { return nil }
            return .full
        case .api(JetStream.Code.streamStoreFailed, _, _):
            state.withLock { $0.isFull = true }
            return .full
        case .notConnected, .timeout, .noResponders, .api, .library:
            // More may wait for the server than the connection keeps. Or the stream was removed: that is looked at soon.
            let isReady = state.withLock { state in
                state.nextPoll = .now
                return state.isReady
            }
            guard isReady, .now - start < PartitionedQueue.patience, !Task.isCancelled else {
                state.withLock { $0.isFull = true }
                return .full
            }
            try? await Task.sleep(for: PartitionedQueue.pause)
            return nil
        }
    }

    private func accepted(
        _ kept: KeptMessage, of size: Int, as answer: PublishAcknowledgement, after time: Duration
    ) {
        // Another host's, it may be, with the same id.
        let id = kept.message.id
        if answer.isDuplicate { own.withLock { $0.remove(id) } }
        let producers = state.withLock { state in
            let wasFull = state.isFull
            state.isFull = false
            if !state.unanswered.isEmpty { state.unanswered.remove(id) }
            if !answer.isDuplicate { state.pushed += 1 }
            state.lastChange = .now
            state.counts.acknowledgements += 1
            state.counts.acknowledging.record(time)
            // It may have been worked on before its acknowledgement was here.
            let ticket = Int64(clamping: answer.sequence)
            if !state.finished.contains(ticket, id) {
                state.handedOver.insert(kept, as: ticket, size: size)
            }
            return wasFull ? state.producers.take() : []
        }
        for producer in producers { producer.resume() }
    }

    func waitForRoom() async {
        let ticket = tickets.add(1, ordering: .relaxed).newValue
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = isAtCapacity
                let mustWait = state.withLock { state in
                    let mayTry = state.isReady && !state.isFull && connection.isConnected && !isOver
                    guard !mayTry, !state.isClosed, !Task.isCancelled else { return false }
                    state.producers.add(ticket, continuation)
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.producers.remove(ticket) }?.resume()
        }
    }
}

/// What waits.
extension PartitionedQueue {
    func waiting(ofSession id: String) async throws(PipelineError) -> [Message] {
        var found = memory.waiting(ofSession: id)
        let here = Set(found.map(\.id))
        let handedOver = state.withLock { $0.handedOver.messages(of: id) }
        // What another worker has finished is in the stream no longer.
        for (ticket, message) in handedOver where !here.contains(message.id) {
            if await isInStream(ticket, of: id) {
                found.append(message)
            } else {
                state.withLock { $0.handedOver.remove(ticket, of: id) }
            }
        }
        return found.sorted { ($0.receivedAt, $0.id) < ($1.receivedAt, $1.id) }
    }

    func waiting(where passes: @Sendable (Message) -> Bool) -> [Message] { memory.waiting(where: passes) }

    /// Where that can't be asked it is taken to be there: a turn that is there twice is found out by its id.
    func isInStream(_ ticket: Int64, of session: String) async -> Bool {
        let target = "\(subject).\(Partition.index(of: session))"
        guard let number = UInt64(exactly: ticket) else { return false }
        do throws(NATSError) {
            return try await jetStream.next(of: target, from: number, in: stream)?.sequence == number
        } catch {
            return true
        }
    }
}
