import Pipeline
import Synchronization

/// A user's budget of a period that several hosts keep together: what all of them know is one value, in which each has a share
/// of its own. What happens here while that is being written is written together, and takes no room however long it waits.
final class SharedAccount: Sendable {
    struct Waiter {
        let ticket: UInt64
        let budget: Int
        let stored: Int
        let waiting: Int
        let typical: Int?
        let continuation: CheckedContinuation<Outcome, Never>
    }

    enum Outcome: Sendable {
        case admitted(estimate: Int?)
        case spent
        /// Too many wait, or the message was cancelled.
        case full
        /// Other hosts have been faster all the time.
        case contended
        /// Other hosts can't be asked.
        case away
    }

    struct State {
        var cell: SharedCell<SharedBudget>
        /// What is under way here, and what answers here have cost.
        var own = SharedBudget.Share()
        /// What of it all hosts know.
        var written = SharedBudget.Share()
        /// Whether that has to be looked at.
        var isUnsure = false
        /// The largest cost that is not written yet.
        var largest: Int?
        /// Hosts that have died.
        var dead: Set<String> = []
        var waiting: [Waiter] = []
        var isRunning = false
        var isNew = true
        var next: UInt64 = 0
        var spentUntil: ContinuousClock.Instant?

        var hasWork: Bool { own != written || isUnsure || !dead.isEmpty || !waiting.isEmpty }
    }

    /// What this account is called among those of all hosts.
    let name: String
    let hosts: SharedHosts
    let state: Mutex<State>

    /// How many messages of a user may wait here.
    private static let room = TokenAccount.room

    init(_ key: String, in cells: SharedCells, hosts: SharedHosts) {
        self.hosts = hosts
        name = hosts.newName()
        state = Mutex(State(cell: SharedCell(key, in: cells)))
        hosts.enter(self)
    }

    deinit { hosts.leave(name) }

    /// Whether something is under way.
    var isActive: Bool { state.withLock { $0.isRunning || $0.hasWork || $0.own.calls > 0 } }

    /// Whether the user has just been told that nothing is left.
    var isSpent: Bool { state.withLock { $0.spentUntil.map { .now < $0 } ?? false } }

    /// Whether nothing is known of the period yet.
    var isNew: Bool { state.withLock(\.isNew) }

    /// Lets a message through once its answer may fit.
    func admit(to budget: Int, stored: Int, waiting: Int, typical: Int?) async -> Outcome {
        let ticket = state.withLock { state in
            state.next += 1
            return state.next
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waiter = Waiter(
                    ticket: ticket, budget: budget, stored: stored, waiting: waiting, typical: typical,
                    continuation: continuation)
                let isFull = state.withLock { state in
                    guard state.waiting.count < Self.room, !Task.isCancelled else { return true }
                    state.waiting.append(waiter)
                    return false
                }
                if isFull { continuation.resume(returning: .full) } else { begin() }
            }
        } onCancel: {
            let waiter: Waiter? = state.withLock { state in
                state.waiting.firstIndex { $0.ticket == ticket }.map { state.waiting.remove(at: $0) }
            }
            waiter?.continuation.resume(returning: .full)
        }
    }

    /// A message has ended without an answer.
    func end(estimate: Int?) {
        state.withLock { $0.own.end(estimate: estimate) }
        begin()
    }

    /// A message has cost so much.
    ///
    /// - Parameters:
    ///   - before: What it was said to cost before; `nil` for the first time.
    ///   - estimate: What was reserved for it.
    func settle(_ cost: Int, before: Int?, estimate: Int?) {
        state.withLock { state in
            state.own.answered += cost - (before ?? 0)
            state.largest = max(cost, state.largest ?? 0)
            if before == nil { state.own.end(estimate: estimate) }
        }
        begin()
    }

    /// Another host asks for it: perhaps all know something of it that is not so.
    func check() {
        state.withLock { $0.isUnsure = true }
        begin()
    }

    private func begin() {
        let begins = state.withLock { state in
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if begins { Task { await self.run() } }
    }
}

/// What a message has reserved of a budget that hosts keep together.
final class SharedClaim: MessageClaim {
    let account: SharedAccount
    private let learn: @Sendable (Int) -> Void
    private let estimate: Int?
    private let cost = Mutex<Int?>(nil)

    init(on account: SharedAccount, estimate: Int?, learn: @escaping @Sendable (Int) -> Void) {
        (self.account, self.estimate, self.learn) = (account, estimate, learn)
    }

    func settle(tokens: Int?) {
        let new = min(max(0, tokens ?? 0), TokenClaim.maxTokens)
        let before = cost.withLock { cost in
            defer { cost = new }
            return cost
        }
        guard before != new else { return }
        learn(new)
        account.settle(new, before: before, estimate: estimate)
    }

    deinit {
        if cost.withLock({ $0 == nil }) { account.end(estimate: estimate) }
    }
}
