/// A queue that several processes work on, on other machines too.
package protocol SharedMessageQueue: MessageQueue {
    /// Gives messages back that were handed out and that this process can't work on, for one that can: they were made by
    /// another version of the file.
    func giveBack(_ messages: [QueuedMessage], lane: Int)

    /// Takes a message that was worked on before and failed: it is not mistaken for the one that was there.
    ///
    /// - Throws: As ``MessageQueue/push(_:)``.
    func pushAgain(_ message: Message) async throws(PipelineError) -> Queue.PushOutcome

    /// Waits until this process has its part of the messages, but no longer than `limit`.
    ///
    /// - Returns: Whether it has.
    func waitUntilWorking(within limit: Duration) async -> Bool

    /// What happened since it was opened.
    var sharing: QueueSharing { get }
}

/// What a queue that several processes work on counts.
package struct QueueSharing: Sendable, Equatable {
    /// Deliveries of messages that had been delivered before.
    package var redeliveries = 0
    /// Messages that were given back for another version of the file.
    package var givenBack = 0
    /// How many messages were acknowledged as kept.
    package var acknowledgements = 0
    /// How long that took, of each.
    package var acknowledging = DurationHistogram.Snapshot()
    /// Messages that this process has taken and not ended yet.
    package var here = 0
    /// The parts of the queue that this process works on.
    package var partitions = 0

    package init() {}
}
