import Synchronization

/// The last messages that failed in a step, for who looks for one of them in the log.
package final class RecentFailures: Sendable {
    /// A message that failed: which one, when and why.
    package struct Failure: Sendable {
        package let time: Timestamp
        package let messageID: UniqueID
        package let sessionID: String
        package let code: PipelineError.Code
        /// What the client was told.
        package let text: String
    }

    /// How many are kept of each step.
    package static let limit = 10

    private let failures = Mutex<[Failure]>([])

    /// The failures, the oldest first.
    package var all: [Failure] { failures.withLock(\.self) }

    func note(_ error: PipelineError, of message: borrowing Message) {
        let failure = Failure(
            time: .now, messageID: message.id, sessionID: message.session.id, code: error.code, text: error.message)
        failures.withLock { failures in
            if failures.count == RecentFailures.limit { failures.removeFirst() }
            failures.append(failure)
        }
    }
}
