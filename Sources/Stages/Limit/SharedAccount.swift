import Pipeline
import Synchronization

/// A user's budget of a period that several hosts keep together: what all of them know is one value, which is compared before
/// it is changed. What happens here while it is being written is written together.
final class SharedAccount: Sendable {
    private struct Waiter {
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
        /// Too many wait.
        case full
        /// Other hosts can't be asked.
        case away
    }

    private struct State {
        var known: (budget: SharedBudget, revision: UInt64)?
        /// What has happened here and is not written yet.
        var changes: [@Sendable (inout SharedBudget) -> Void] = []
        var waiting: [Waiter] = []
        var isAsking = false
        var next: UInt64 = 0
        var spentUntil: ContinuousClock.Instant?
    }

    private let name: String
    private let values: any SharedValues
    private let hosts: SharedHosts
    private let state = Mutex(State())

    /// How many messages of a user may wait here.
    private static let room = TokenAccount.room
    /// How long a budget that is used up counts as that.
    private static let spentTime: Duration = .seconds(1)
    /// How long a message may wait for other hosts to be faster.
    private static let patience: Duration = .milliseconds(1_500)

    init(_ name: String, in values: any SharedValues, hosts: SharedHosts) {
        (self.name, self.values, self.hosts) = (name, values, hosts)
    }

    /// Whether something is on its way.
    var isActive: Bool { state.withLock { $0.isAsking || !$0.changes.isEmpty || !$0.waiting.isEmpty } }

    /// Whether the user has just been told that nothing is left.
    var isSpent: Bool { state.withLock { $0.spentUntil.map { .now < $0 } ?? false } }

    /// Whether nothing is known of the period yet.
    var isNew: Bool { state.withLock { $0.known?.budget.base == nil } }

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
                if isFull { continuation.resume(returning: .full) } else { ask() }
            }
        } onCancel: {
            let waiter: Waiter? = state.withLock { state in
                state.waiting.firstIndex { $0.ticket == ticket }.map { state.waiting.remove(at: $0) }
            }
            waiter?.continuation.resume(returning: .full)
        }
    }

    /// Notes what has happened here.
    func change(_ change: @escaping @Sendable (inout SharedBudget) -> Void) {
        state.withLock { $0.changes.append(change) }
        ask()
    }

    var host: String { hosts.host }

    private func ask() {
        let begins = state.withLock { state in
            defer { state.isAsking = true }
            return !state.isAsking
        }
        if begins { Task { await self.run() } }
    }

    private func run() async {
        var (begun, pause) = (ContinuousClock.now, Duration.milliseconds(10))
        var looked = ContinuousClock.now
        while true {
            let isOver = state.withLock { state in
                state.isAsking = !state.changes.isEmpty || !state.waiting.isEmpty
                return !state.isAsking
            }
            if isOver { return }
            do throws(SharedFailure) {
                switch try await step() {
                case .done: (begun, pause, looked) = (.now, .milliseconds(10), .now)
                case .conflict: guard .now - begun < Self.patience || hasNoWaiters else { throw .away }
                case .wait:
                    begun = .now
                    try? await Task.sleep(for: pause)
                    pause = min(pause * 2, .milliseconds(100))
                    state.withLock { $0.known = nil }
                    if .now - looked > .seconds(1) {
                        looked = .now
                        await lookForDeadHosts()
                    }
                }
            } catch {
                // What has happened stays to be written.
                let waiting = state.withLock { state in
                    defer { (state.waiting, state.known) = ([], nil) }
                    return state.waiting
                }
                for waiter in waiting { waiter.continuation.resume(returning: .away) }
                try? await Task.sleep(for: .milliseconds(500))
                begun = .now
            }
        }
    }

    private var hasNoWaiters: Bool { state.withLock(\.waiting.isEmpty) }

    private enum Step {
        case done, conflict, wait
    }

    /// Writes what has happened, and lets as many through as may come.
    private func step() async throws(SharedFailure) -> Step {
        let (known, changes, waiting) = state.withLock { ($0.known, $0.changes, $0.waiting) }
        var (budget, revision): (SharedBudget, UInt64)
        if let known {
            (budget, revision) = known
        } else {
            let found = try await values.get(name)
            (budget, revision) = (SharedBudget(found?.bytes), found?.revision ?? 0)
        }
        let before = budget
        for change in changes { change(&budget) }
        var decided: [(Waiter, Outcome)] = []
        deciding: for waiter in waiting {
            switch budget.admit(
                at: host, to: waiter.budget, stored: waiter.stored, waiting: waiter.waiting, typical: waiter.typical)
            {
            case .admitted(let estimate): decided.append((waiter, .admitted(estimate: estimate)))
            case .spent: decided.append((waiter, .spent))
            case .wait: break deciding
            }
        }
        if budget != before {
            guard let new = try await values.set(name, budget.bytes, ifRevision: revision) else {
                state.withLock { $0.known = nil }
                return .conflict
            }
            revision = new
        }
        settle(decided, SharedValueOf(budget, revision), written: changes.count)
        return decided.isEmpty && changes.isEmpty ? .wait : .done
    }

    private func settle(_ decided: [(Waiter, Outcome)], _ known: SharedValueOf, written: Int) {
        let tickets = Set(decided.map(\.0.ticket))
        let left = state.withLock { state in
            state.known = (known.budget, known.revision)
            state.changes.removeFirst(written)
            let left = Set(state.waiting.map(\.ticket))
            state.waiting.removeAll { tickets.contains($0.ticket) }
            if decided.contains(where: { if case .spent = $0.1 { true } else { false } }), known.budget.shares.isEmpty {
                state.spentUntil = .now + Self.spentTime
            }
            return left
        }
        for (waiter, outcome) in decided {
            if left.contains(waiter.ticket) {
                waiter.continuation.resume(returning: outcome)
            } else if case .admitted(let estimate) = outcome {
                // It was cancelled meanwhile.
                let host = host
                change { $0.end(at: host, estimate: estimate) }
            }
        }
    }

    /// A host that has died gives nothing back by itself.
    private func lookForDeadHosts() async {
        guard let found = try? await values.get(name) else { return }
        for other in SharedBudget(found.bytes).shares.keys where other != host {
            if await hosts.isDead(other) { change { $0.remove(other) } }
        }
    }
}

/// A budget as it was found.
private struct SharedValueOf {
    let budget: SharedBudget
    let revision: UInt64

    init(_ budget: SharedBudget, _ revision: UInt64) { (self.budget, self.revision) = (budget, revision) }
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
        let (host, estimate) = (account.host, estimate)
        account.change { budget in
            budget.add(new, before: before ?? 0)
            if before == nil { budget.end(at: host, estimate: estimate) }
        }
    }

    deinit {
        guard cost.withLock({ $0 == nil }) else { return }
        let (host, estimate) = (account.host, estimate)
        account.change { $0.end(at: host, estimate: estimate) }
    }
}
