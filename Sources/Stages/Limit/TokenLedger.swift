import Pipeline
import Synchronization

/// The accounts of a budget: of all users of a table, in one kind of period. Every `limit` that counts in the same table
/// has the same one, in whichever pipeline it stands and however often the file is read again.
final class TokenLedger: Sendable {
    private struct Accounts {
        var young: [ClientKey: TokenAccount] = [:]
        var old: [ClientKey: TokenAccount] = [:]
        /// How many of the young ones were old and in use when these became the young ones.
        var carried = 0
    }

    private final class Watched: Sendable {
        weak let messages: StageContext.PendingMessages?
        init(_ messages: StageContext.PendingMessages) { self.messages = messages }
    }

    /// How many accounts a generation has; those that something is on its way for stay in any case.
    static let share = 5_000

    private let accounts = Mutex(Accounts())
    private let watched = Mutex<[Watched]>([])
    private let typical = Mutex<Int?>(nil)
    private let left = Mutex<[ClientKey: [(at: Timestamp, tokens: Int)]]?>(nil)
    private let tickets = Atomic<UInt64>(0)

    /// How many are kept.
    var count: Int { accounts.withLock { $0.young.count + $0.old.count } }

    /// Counts the rows that wait in the queues of a chain, too.
    func watch(_ messages: StageContext.PendingMessages) {
        watched.withLock { watched in
            watched.removeAll { $0.messages == nil }
            if !watched.contains(where: { $0.messages === messages }) { watched.append(Watched(messages)) }
        }
    }

    /// Lets a message go on once its answer may fit, or says that nothing is left.
    ///
    /// - Parameters:
    ///   - ask: How many tokens the table has of the user.
    ///   - window: The period of now.
    /// - Returns: What is reserved for it; `nil` where the budget is used up.
    /// - Throws: What `ask` throws; `busy` where too many wait; cancellation.
    func admit(
        _ message: Message, _ user: Row.User, to budget: Int, in window: () -> Window,
        _ ask: (Window) async throws -> Int
    ) async throws -> TokenClaim? {
        let key = ClientKey(user)
        let account = account(of: key)
        let own = message.claims.lazy.compactMap { $0 as? TokenClaim }.first { $0.account === account }
        let ticket = tickets.add(1, ordering: .relaxed).newValue
        var hasWaited = false
        // Whoever was woken wakes the next, whatever becomes of it.
        defer { if hasWaited { account.wakeNext() } }
        while true {
            let now = window()
            let rowsWait = rowsWait
            let snapshot = account.look(at: now, rowsWait: rowsWait)
            if snapshot.isSpent { return nil }
            let waiting = snapshot.isNew ? tokensLeft(of: key, since: now.start) : 0
            // A table may hold anything: far more than any budget is as good, and can be added to.
            let stored = min(max(0, try await ask(now)), 1 << 60)
            let decision = account.decide(
                budget, in: now, stored: stored, waiting: waiting, snapshot: snapshot,
                typical: typical.withLock(\.self),
                own: own, hasWaited: hasWaited, ledger: self)
            switch decision {
            case .admitted(let claim): return claim
            case .spent: return nil
            case .wait(let version):
                guard await account.wait(since: version, ticket: ticket) else {
                    throw PipelineError(.busy, "Too many messages are waiting for earlier answers", isRetryable: true)
                }
                hasWaited = true
                try Task.checkCancellation()
            }
        }
    }

    /// An answer has cost so much.
    func learn(_ cost: Int) {
        typical.withLock { $0 = TokenAccount.largest($0, cost) }
    }

    private func account(of key: ClientKey) -> TokenAccount {
        accounts.withLock { accounts in
            if let account = accounts.young[key] { return account }
            // Of new ones: where many are in use each further name would otherwise look through all of them.
            if accounts.young.count - accounts.carried >= TokenLedger.share {
                let active = accounts.old.filter { $0.value.isActive }
                accounts = Accounts(young: active, old: accounts.young, carried: active.count)
            }
            let account = accounts.old.removeValue(forKey: key) ?? TokenAccount()
            accounts.young[key] = account
            return account
        }
    }

    private var pending: [StageContext.PendingMessages] { watched.withLock { $0.compactMap(\.messages) } }

    private var rowsWait: Bool { pending.contains { !$0.isEmpty } }

    /// What rows have cost that an earlier process has left in a queue: looked at once.
    func tokensLeft(of key: ClientKey, since time: Timestamp) -> Int {
        let found = left.withLock { left in
            if let left { return left[key] ?? [] }
            var all: [ClientKey: [(at: Timestamp, tokens: Int)]] = [:]
            for message in pending.flatMap({ $0.messages { $0.claims.isEmpty } }) {
                guard let tokens = message.completion?.tokensUsed else { continue }
                all[ClientKey(Row.User(message.session)), default: []].append(
                    (message.receivedAt, min(max(0, tokens), TokenClaim.maxTokens)))
            }
            left = all
            return all[key] ?? []
        }
        return found.reduce(0) { $0 + ($1.at < time ? 0 : $1.tokens) }
    }
}

extension TokenLedger {
    private final class Known: Sendable {
        weak let ledger: TokenLedger?
        init(_ ledger: TokenLedger) { self.ledger = ledger }
    }

    private static let known = Mutex<[String: Known]>([:])

    /// That of a table: the one there is, where others count in it, too.
    static func shared(for database: any RowStore, table: String, period: Duration) -> TokenLedger {
        guard let location = (database as? any LocatedStore)?.location else { return TokenLedger() }
        let key = "\(location) \(table) \(period)"
        return known.withLock { known in
            if let ledger = known[key]?.ledger { return ledger }
            known = known.filter { $0.value.ledger != nil }
            let ledger = TokenLedger()
            known[key] = Known(ledger)
            return ledger
        }
    }
}
