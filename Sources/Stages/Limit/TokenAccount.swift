import Pipeline
import Synchronization

/// What a user has used of a budget in a period, and what of it is reserved for messages on their way.
///
/// The table alone can't say it: an answer is in no row while the model works on it, while its row waits in a queue, and
/// for a moment longer. So the table's sum of a moment when nothing was on its way is kept, and what answers have cost
/// since is added.
final class TokenAccount: Sendable {
    fileprivate struct Waiter {
        let ticket: UInt64
        let continuation: CheckedContinuation<Void, Never>
    }

    fileprivate struct State {
        var window: Window?
        /// The table's sum when nothing was on its way.
        var base: Int?
        /// What answers have cost since.
        var answered = 0
        /// Messages that have no answer yet, and what is reserved for them.
        var calls = 0
        var reserved = 0
        /// Of these, the ones that nobody knows what to reserve for.
        var unknown = 0
        /// Messages of which a copy is left.
        var open = 0
        /// The largest cost of late; `nil` before the first.
        var largest: Int?
        /// When the budget was found used up.
        var spentAt: ContinuousClock.Instant?
        /// Counts changes, so that nobody decides by what was.
        var version: UInt64 = 0
        var waiters: [Waiter] = []

        mutating func enter(_ window: Window) -> [Waiter] {
            guard self.window != window else { return [] }
            let woken = waiters
            self = State(window: window, open: open, largest: largest, version: version + 1)
            return woken
        }

        mutating func next() -> Waiter? { waiters.isEmpty ? nil : waiters.removeFirst() }
    }

    /// What was known before the table was asked.
    struct Snapshot {
        /// Whether the user has just been told that nothing is left.
        let isSpent: Bool
        fileprivate let version: UInt64
        fileprivate let isQuiet: Bool
        /// Whether the account has no beginning yet.
        let isNew: Bool
    }

    /// What becomes of a message.
    enum Decision {
        case admitted(TokenClaim)
        case spent
        /// There is an answer to wait for first.
        case wait(version: UInt64)
    }

    /// How long a budget that is used up counts as that: who keeps asking costs one query in the time.
    private static let age: Duration = .seconds(1)
    /// How many messages of one user may wait for answers to others.
    static let room = 128

    private let state = Mutex(State())

    /// Whether something is on its way.
    var isActive: Bool { state.withLock { $0.open > 0 || !$0.waiters.isEmpty } }

    /// How many messages wait for answers to others.
    var waiting: Int { state.withLock(\.waiters.count) }

    /// Looks at it before the table is asked.
    ///
    /// - Parameter rowsWait: Whether rows wait in a queue, perhaps the user's.
    func look(at window: Window, rowsWait: Bool) -> Snapshot {
        let (snapshot, woken) = state.withLock { state in
            let woken = state.enter(window)
            let isSpent = state.spentAt.map { .now - $0 < TokenAccount.age } ?? false
            let snapshot = Snapshot(
                isSpent: isSpent && state.calls == 0, version: state.version, isQuiet: state.open == 0 && !rowsWait,
                isNew: state.base == nil)
            return (snapshot, woken)
        }
        for waiter in woken { waiter.continuation.resume() }
        return snapshot
    }

    /// Decides about a message.
    ///
    /// - Parameters:
    ///   - stored: The table's sum, asked after ``look(at:rowsWait:)``.
    ///   - waiting: What rows have cost that an earlier process left in a queue.
    ///   - typical: What answers to others have cost of late; `nil` before the first.
    ///   - own: What the message has reserved here already, at another limit.
    ///   - hasWaited: Whether it is its turn.
    func decide(
        _ budget: Int, in window: Window, stored: Int, waiting: Int, snapshot: Snapshot, typical: Int?,
        own: TokenClaim?,
        hasWaited: Bool, ledger: TokenLedger
    ) -> Decision {
        state.withLock { state in
            guard state.window == window else { return .wait(version: state.version &- 1) }
            if snapshot.isQuiet, snapshot.version == state.version {
                (state.base, state.answered) = (stored, 0)
            } else if state.base == nil {
                state.base = stored + waiting
            }
            let used = max(stored, (state.base ?? 0) + state.answered)
            guard used < budget else {
                state.spentAt = .now
                return .spent
            }
            if let own {
                // It has its share: only what others have counts, and nothing is reserved twice.
                return .admitted(own)
            }
            let estimate = [state.largest, typical].compactMap(\.self).max()
            let others = state.reserved
            let fits = state.unknown == 0 && estimate != nil && used + others < budget
            if state.calls > 0, !fits || !state.waiters.isEmpty && !hasWaited { return .wait(version: state.version) }
            state.calls += 1
            state.open += 1
            state.reserved += estimate ?? 0
            state.unknown += estimate == nil ? 1 : 0
            state.version += 1
            return .admitted(TokenClaim(on: self, of: ledger, window: window, estimate: estimate))
        }
    }

    /// Waits until an answer has come or a message has ended, unless that has been the case since.
    ///
    /// - Parameter ticket: The order in which messages came.
    /// - Returns: Whether there was room to wait.
    func wait(since version: UInt64, ticket: UInt64) async -> Bool {
        let hasRoom = Mutex(true)
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustWait = state.withLock { state in
                    guard state.version == version, state.calls > 0, !Task.isCancelled else { return false }
                    guard state.waiters.count < TokenAccount.room else {
                        hasRoom.withLock { $0 = false }
                        return false
                    }
                    let index = state.waiters.firstIndex { $0.ticket > ticket } ?? state.waiters.endIndex
                    state.waiters.insert(Waiter(ticket: ticket, continuation: continuation), at: index)
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            let waiter: Waiter? = state.withLock { state in
                state.waiters.firstIndex { $0.ticket == ticket }.map { state.waiters.remove(at: $0) }
            }
            waiter?.continuation.resume()
        }
        return hasRoom.withLock(\.self)
    }

    /// Lets the next one that waits look again.
    func wakeNext() {
        state.withLock { $0.next() }?.continuation.resume()
    }

    /// An answer has cost so much.
    ///
    /// - Parameter before: What it was said to cost before; `nil` for the first time.
    func settle(_ claim: TokenClaim, cost: Int, before: Int?) {
        let waiter: Waiter? = state.withLock { state in
            state.largest = TokenAccount.largest(state.largest, cost)
            guard state.window == claim.window else { return nil }
            state.version += 1
            state.answered += cost - (before ?? 0)
            guard before == nil else { return nil }
            return state.end(claim)
        }
        waiter?.continuation.resume()
    }

    /// Nothing is left of a message.
    func close(_ claim: TokenClaim, isSettled: Bool) {
        let waiter: Waiter? = state.withLock { state in
            state.open -= 1
            state.version += 1
            if isSettled || state.window != claim.window { return nil }
            return state.end(claim)
        }
        waiter?.continuation.resume()
    }

    /// The larger one, and of old ones less each time, so that one answer out of the ordinary is not counted with for
    /// ever.
    static func largest(_ before: Int?, _ cost: Int) -> Int {
        max(cost, before.map { $0 - ($0 + 63) / 64 } ?? 0)
    }
}

extension TokenAccount.State {
    /// A call ends, with its answer or without.
    fileprivate mutating func end(_ claim: TokenClaim) -> TokenAccount.Waiter? {
        calls -= 1
        reserved -= claim.estimate ?? 0
        unknown -= claim.estimate == nil ? 1 : 0
        return next()
    }
}
