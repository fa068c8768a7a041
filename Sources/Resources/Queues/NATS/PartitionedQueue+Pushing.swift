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

    /// What is published of a message. The message itself stays out of what waits for the stream's answer: each copy of it there
    /// is room that the task has to ask the heap for.
    private struct Entry {
        let kept: KeptMessage
        let payload: [UInt8]
        let target: String
        let id: String
        var isUnanswered: Bool
        let start = ContinuousClock.now
    }

    func push(_ message: Message) async throws(PipelineError) -> Queue.PushOutcome {
        let (refusal, entry) = entry(for: message)
        guard let entry else { return refusal }
        // Here, and not in a function that tries again: its memory would be part of each message that waits.
        switch await publish(entry) {
        case .success(let answer):
            accepted(entry, as: answer)
            return .accepted
        case .failure(let error): return try await publish(entry, after: error)
        }
    }

    func pushAgain(_ message: Message) async throws(PipelineError) -> Queue.PushOutcome {
        let number = String(UInt64.random(in: .min ... .max), radix: 36)
        let (refusal, entry) = entry(for: message, copy: ":\(number)")
        guard let entry else { return refusal }
        return try await publish(entry, after: nil)
    }

    /// - Parameter copy: What makes its id another than that of the same message before.
    private func entry(for message: borrowing Message, copy: String = "") -> (refusal: Queue.PushOutcome, entry: Entry?)
    {
        if isAtCapacity { return (.full, nil) }
        let id = message.id
        let (isClosed, isReady, isUnanswered) = state.withLock {
            ($0.isClosed, $0.isReady, !$0.unanswered.isEmpty && $0.unanswered.contains(id))
        }
        if isClosed { return (.closed, nil) }
        guard isReady, connection.isConnected else { return (.full, nil) }
        let message = copy message
        let record = Message.Record(message)
        let payload = record.jsonBytes
        let detached = message.detached
        let kept = KeptMessage(detached ?? message)
        // It may come back before it is said to be there.
        if isWorkedOn, detached != nil { own.withLock { $0.insert(kept, as: payload) } }
        let entry = Entry(
            kept: kept, payload: payload, target: targets[Partition.index(of: message.session.id)],
            id: record.id + idSuffix + copy, isUnanswered: isUnanswered)
        return (.accepted, entry)
    }

    private func publish(_ entry: Entry) async -> Result<PublishAcknowledgement, NATSError> {
        await jetStream.publishUncancelled(
            entry.payload, to: entry.target, id: entry.isUnanswered ? PartitionedQueue.again(entry.id) : entry.id)
    }

    /// Publishes it until the stream has it, or cannot take it.
    ///
    /// - Parameter failure: Why it was not published before; `nil` where that was not tried.
    private func publish(_ entry: Entry, after failure: NATSError?) async throws(PipelineError) -> Queue.PushOutcome {
        var (entry, error) = (entry, failure)
        while true {
            if let error {
                if isReplicated, error.leavesOpen { entry.isUnanswered = true }
                if let outcome = try await outcome(of: error, since: entry.start) {
                    if entry.isUnanswered { state.withLock { $0.keepUnanswered(entry.kept.message.id) } }
                    return outcome
                }
            }
            switch await publish(entry) {
            case .success(let answer):
                accepted(entry, as: answer)
                return .accepted
            case .failure(let failure): error = failure
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

    private func accepted(_ entry: Entry, as answer: PublishAcknowledgement) {
        let (now, id) = (ContinuousClock.now, entry.kept.message.id)
        // Another host's, it may be, with the same id.
        if answer.isDuplicate { own.withLock { $0.remove(id) } }
        let producers = state.withLock { state in
            let wasFull = state.isFull
            state.isFull = false
            if !state.unanswered.isEmpty { state.unanswered.remove(id) }
            if !answer.isDuplicate { state.pushed += 1 }
            state.lastChange = now
            state.counts.acknowledgements += 1
            state.counts.acknowledging.record(now - entry.start)
            // It may have been worked on before its acknowledgement was here.
            let ticket = Int64(clamping: answer.sequence)
            if !state.finished.contains(ticket, id) {
                state.handedOver.insert(entry.kept, as: ticket, size: entry.payload.count)
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
                state.withLock { $0.handedOver.remove(ticket) }
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
