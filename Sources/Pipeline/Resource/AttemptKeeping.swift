/// A queue that outlives the process, whose messages come again where a process died that worked on them. It keeps how often
/// that was so: a message that ends each process that works on it would come for ever.
///
/// Only messages that were there when this process came can have ended one before; for all others nothing is kept, and nothing
/// costs anything.
package protocol AttemptKeeping: MessageQueue {
    /// Whether there are messages that may have ended a process.
    var hasSuspects: Bool { get }

    /// How often a process has died while it worked on each of some messages; `nil` for those that came since.
    func deaths(of messages: [QueuedMessage]) -> [Int?]

    /// Keeps, so that it outlives the process, that work on messages begins. Where that can't be kept it is not.
    func attemptsBegin(_ messages: [QueuedMessage]) async

    /// Keeps that work on messages has ended or waits for an outage to end, and that the process lives.
    func attemptsEnd(_ messages: [QueuedMessage]) async
}
