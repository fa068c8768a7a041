import Logging

/// Messages of which a process may have died.
extension BackgroundWorker {
    /// How often a process may die while it works on a message alone, or the first time together with others, before the
    /// message is given up. The very first death is none of them: only what was there when a process came is counted.
    static let deaths = 3

    /// Works on messages that wait together, and finishes them: those of which a process has died one by one, and one at a time
    /// in the whole step, so that no other counts as the cause.
    ///
    /// - Returns: How many have ended, from the first on.
    func workCautiously(on batch: [QueuedMessage], from queue: any AttemptKeeping, lane: Int) async -> Int {
        var ended = 0
        let deaths = queue.deaths(of: batch)
        while ended < batch.count {
            let rest = zip(batch[ended...], deaths[ended...])
            let part: [QueuedMessage]
            let count: Int
            if let died = deaths[ended], died > 0 {
                part = [batch[ended]]
                count = await workAlone(on: batch[ended], died: died, from: queue, lane: lane)
            } else {
                part = rest.prefix { ($0.1 ?? 0) == 0 }.map(\.0)
                let suspects = zip(part, deaths[ended...]).filter { $0.1 != nil }.map(\.0)
                if !suspects.isEmpty { await queue.attemptsBegin(suspects) }
                let result = await work(on: part, from: queue, lane: lane, suspects: suspects.isEmpty ? nil : queue)
                queue.finish(result.done, lane: lane)
                let done = Set(result.done.map(\.ticket))
                // What is done needs nothing: if it comes again all the same, it was there once, and the next time it is alone.
                let left = suspects.filter { !done.contains($0.ticket) }
                if !left.isEmpty { await queue.attemptsEnd(left) }
                count = result.ended
            }
            ended += count
            if count < part.count { break }
        }
        return ended
    }

    private func workAlone(
        on queued: QueuedMessage, died: Int, from queue: any AttemptKeeping, lane: Int
    ) async -> Int {
        await background.suspects.lock()
        defer { background.suspects.unlock() }
        let result: Result
        if died >= BackgroundWorker.deaths {
            result = giveUp(queued, after: died, origin: DeadLetterWriter.Origin(queue: queue, lane: lane))
        } else {
            await queue.attemptsBegin([queued])
            result = await work(on: [queued], from: queue, lane: lane, suspects: queue)
        }
        queue.finish(result.done, lane: lane)
        await queue.attemptsEnd([queued])
        return result.ended
    }

    private func giveUp(_ queued: QueuedMessage, after deaths: Int, origin: DeadLetterWriter.Origin) -> Result {
        let error = PipelineError(
            .stageFailed, "The message could not be processed",
            detail: "the process ended \(deaths) times while it worked on this message")
        return fail(queued, with: PipelineError(error, stage: step.label), from: origin)
    }
}
