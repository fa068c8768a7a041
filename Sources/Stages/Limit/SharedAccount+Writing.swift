import Pipeline
import Synchronization

/// How what all hosts know of a budget is changed: by one task, while there is something to change.
extension SharedAccount {
    /// What a change of the value means here, if it is made.
    private struct Change {
        var decided: [(waiter: Waiter, outcome: Outcome)] = []
        /// What of the host's answers the value has elsewhere than in its share.
        let gathered: Int
        let largest: Int?
        let dead: Set<String>
        var share = SharedBudget.Share()
        var isQuiet = false
        /// Whether a message waits for others to end.
        var isStuck = false
    }

    /// How long a budget that is used up counts as that.
    private static let spentTime: Duration = .seconds(1)
    /// How often other hosts are looked for while a message waits, and how long nothing is tried in a long outage.
    private static let (look, outagePause): (Duration, Duration) = (.seconds(1), .milliseconds(500))

    func run() async {
        var (cell, looked) = (state.withLock(\.cell), ContinuousClock.now)
        var backoff = SharedAccount.backoff
        while hasWork(cell) {
            if state.withLock(\.isUnsure) { cell.forget() }
            do throws(SharedCellFailure) {
                let change = try await cell.change { self.change(&$0) }
                settle(change)
                guard change.isStuck else {
                    (backoff, looked) = (SharedAccount.backoff, .now)
                    continue
                }
                await backoff.wait()
                cell.forget()
                if .now - looked > Self.look {
                    looked = .now
                    await lookForDeadHosts(&cell)
                }
            } catch {
                // What has happened stays to be written.
                let waiting = state.withLock { state in
                    defer { (state.waiting, state.isUnsure) = ([], true) }
                    return state.waiting
                }
                for waiter in waiting { waiter.continuation.resume(returning: error == .away ? .away : .contended) }
                if error == .away { try? await Task.sleep(for: Self.outagePause) }
            }
        }
    }

    private static var backoff: SharedBackoff { SharedBackoff(from: .milliseconds(10), to: .milliseconds(100)) }

    private func hasWork(_ cell: SharedCell<SharedBudget>) -> Bool {
        state.withLock { state in
            state.isRunning = state.hasWork
            if !state.isRunning { state.cell = cell }
            return state.isRunning
        }
    }

    /// Says what has happened here, and lets as many through as may come.
    private func change(_ budget: inout SharedBudget) -> Change {
        let (own, waiting, start) = state.withLock { state in
            // A share that is gone was counted together with others.
            let gathered = budget[name] == SharedBudget.Share() ? state.written.answered : 0
            return (state.own, state.waiting, Change(gathered: gathered, largest: state.largest, dead: state.dead))
        }
        var change = start
        for host in change.dead { budget.release(host) }
        budget[name] = own
        budget[name].answered -= change.gathered
        if let largest = change.largest { budget.learn(largest) }
        deciding: for waiter in waiting {
            switch budget.admit(
                at: name, to: waiter.budget, stored: waiter.stored, waiting: waiter.waiting, typical: waiter.typical)
            {
            case .admitted(let estimate): change.decided.append((waiter, .admitted(estimate: estimate)))
            case .spent: change.decided.append((waiter, .spent))
            case .wait: break deciding
            }
        }
        budget.gather(besides: name)
        (change.share, change.isQuiet) = (budget[name], budget.isQuiet)
        change.isStuck = change.decided.isEmpty && !waiting.isEmpty
        return change
    }

    private func settle(_ change: Change) {
        let tickets = Set(change.decided.map(\.waiter.ticket))
        let left = state.withLock { state in
            state.own.answered -= change.gathered
            (state.written, state.isUnsure) = (change.share, false)
            state.dead.subtract(change.dead)
            if state.largest == change.largest { state.largest = nil }
            let left = state.waiting.filter { tickets.contains($0.ticket) }.map(\.ticket)
            state.waiting.removeAll { tickets.contains($0.ticket) }
            for (waiter, outcome) in change.decided {
                state.isNew = false
                // One that was cancelled meanwhile has nothing under way: the next write says so.
                if case .admitted(let estimate) = outcome, left.contains(waiter.ticket) {
                    state.own.begin(estimate: estimate)
                }
                if case .spent = outcome, change.isQuiet { state.spentUntil = .now + Self.spentTime }
            }
            return Set(left)
        }
        for (waiter, outcome) in change.decided where left.contains(waiter.ticket) {
            waiter.continuation.resume(returning: outcome)
        }
    }

    /// A host that has died, or knows nothing of it any more, gives nothing back by itself.
    private func lookForDeadHosts(_ cell: inout SharedCell<SharedBudget>) async {
        guard let others = try? await cell.change({ $0.shares.filter { $0.value.calls > 0 }.keys }) else { return }
        for other in others where other != name {
            if await hosts.isDead(other) { state.withLock { _ = $0.dead.insert(other) } }
        }
    }
}
