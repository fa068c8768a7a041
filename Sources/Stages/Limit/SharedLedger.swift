import Pipeline
import Synchronization

/// The accounts of a budget that several hosts keep together.
final class SharedLedger: Sendable {
    private struct ID: Hashable {
        let user: ClientKey
        let window: Window
    }

    /// How many accounts are kept besides those in use.
    private static let share = 5_000

    private let cells: SharedCells
    private let hosts: SharedHosts
    /// The accounts of this host alone, for when the others can't be reached.
    private let own: TokenLedger
    private let accounts = Mutex<[ID: SharedAccount]>([:])
    private let typical = Mutex<Int?>(nil)

    /// - Parameters:
    ///   - link: The way to the other hosts.
    ///   - name: What the budget is called, the same on each host.
    ///   - own: What is known without the others.
    init(_ link: any SharedLink, hosts: SharedHosts, name: String, period: Duration, own: TokenLedger) {
        (self.hosts, self.own) = (hosts, own)
        let values = link.values("budget-\(name)", keptFor: period * 2 + .seconds(60))
        cells = SharedCells(values, outage: SharedOutage())
    }

    /// Lets a message go on once its answer may fit, or says that nothing is left.
    ///
    /// - Parameters:
    ///   - window: The period of now.
    ///   - ask: How many tokens the table has of the user.
    /// - Returns: What is reserved for it; `nil` where the budget is used up.
    /// - Throws: What `ask` throws; `busy` where too many wait; cancellation.
    func admit(
        _ message: Message, _ user: Row.User, to budget: Int, in window: () -> Window,
        _ ask: (Window) async throws -> Int
    ) async throws -> (any MessageClaim)? {
        let now = window()
        let account = account(of: user, in: now)
        if let claim = message.claims.lazy.compactMap({ $0 as? SharedClaim }).first(where: { $0.account === account }) {
            return claim
        }
        if !cells.outage.isLong {
            if account.isSpent { return nil }
            let waiting = account.isNew ? own.tokensLeft(of: ClientKey(user), since: now.start) : 0
            let stored = min(max(0, try await ask(now)), 1 << 60)
            let outcome = await account.admit(
                to: budget, stored: stored, waiting: waiting, typical: typical.withLock(\.self))
            switch outcome {
            case .admitted(let estimate):
                return SharedClaim(on: account, estimate: estimate) { [weak self] in self?.learn($0) }
            case .spent: return nil
            case .full:
                try Task.checkCancellation()
                throw PipelineError(.busy, "Too many messages are waiting for earlier answers", isRetryable: true)
            case .contended:
                throw PipelineError(.busy, "Other hosts are busy with messages of this user", isRetryable: true)
            case .away: break
            }
        }
        return try await own.admit(message, user, to: budget, in: window, ask)
    }

    private func learn(_ cost: Int) { typical.withLock { $0 = TokenAccount.largest($0, cost) } }

    private func account(of user: Row.User, in window: Window) -> SharedAccount {
        let id = ID(user: ClientKey(user), window: window)
        return accounts.withLock { accounts in
            if let account = accounts[id] { return account }
            if accounts.count >= Self.share { accounts = accounts.filter { $0.value.isActive } }
            let name = user.userID.map { "id \($0)" } ?? "row \(user.username)"
            let account = SharedAccount(
                "\(SharedBuckets.digest(name)).\(window.start.microseconds)", in: cells, hosts: hosts)
            accounts[id] = account
            return account
        }
    }
}
