import NIOCore

/// What the host keeps of clients beyond their connections, of all of them together.
final class Kept: Sendable {
    let budget: KeptBudget
    let answers: RememberedAnswers
    let sessions: RetainedSessions
    let unattended: UnattendedConversations
    /// Those of the sessions that other hosts share.
    let shared = SharedPipelines()

    /// - Parameter limit: How many bytes may be kept; past them what is oldest goes first.
    init(limit: Int = 32 << 20) {
        budget = KeptBudget(limit: limit)
        answers = RememberedAnswers(budget)
        sessions = RetainedSessions(budget)
        unattended = UnattendedConversations(budget)
        budget.watch([answers, sessions, unattended])
    }

    /// What those have shown of whom something is kept.
    var credentials: [ClientCredential] { answers.credentials + sessions.credentials }

    /// Lets go of what is kept of those who may not be here any more.
    func forget(unless review: AccessReview) {
        answers.forget(unless: review)
        sessions.forget(unless: review)
    }

    /// Lets go of what nobody may come back to any more.
    func sweep(at now: NIODeadline = .now()) {
        answers.sweep(at: now)
        sessions.sweep(at: now)
    }
}
