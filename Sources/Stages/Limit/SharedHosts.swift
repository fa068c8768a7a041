import Pipeline
import Synchronization

/// The hosts that keep budgets together: each says which of its accounts there are, while it lives.
final class SharedHosts: Sendable {
    private struct Accounts {
        var all: [String: Known] = [:]
        var last = 0
    }

    private struct Known {
        weak var account: SharedAccount?
    }

    /// What this process is called among them.
    private let host: String
    private let link: any SharedLink
    /// For how long a host may be silent.
    private let patience: Duration
    private let accounts: Mutex<Accounts>
    private let listening = Mutex<(any SharedListening)?>(nil)

    /// - Parameter host: Tests have several in one process.
    init(
        _ link: any SharedLink, host: String = UniqueID.random().description, patience: Duration = .seconds(2)
    ) throws(SharedFailure) {
        (self.link, self.host, self.patience) = (link, host, patience)
        accounts = Mutex(Accounts())
        let listening = try link.listen(on: subject(of: host)) { [link, weak self] bytes, reply in
            guard let reply, let self, bytes.isEmpty || self.knows(String(decoding: bytes, as: UTF8.self)) else {
                return
            }
            link.send([], to: reply)
        }
        self.listening.withLock { $0 = listening }
    }

    deinit { listening.withLock(\.self)?.cancel() }

    /// What an account is called: its host, and a number that none of its accounts had before.
    func newName() -> String {
        accounts.withLock { accounts in
            accounts.last += 1
            return "\(host).\(accounts.last)"
        }
    }

    func enter(_ account: SharedAccount) { accounts.withLock { $0.all[account.name] = Known(account: account) } }

    func leave(_ name: String) { accounts.withLock { $0.all[name] = nil } }

    /// Whether an account has gone with its host, or its host knows nothing of it.
    func isDead(_ name: String) async -> Bool {
        let other = name.prefix { $0 != "." }
        return await link.isThere(
            subject(of: String(other)), besides: subject(of: host), saying: Array(name.utf8), within: patience) == false
            && link.connectedFor > .seconds(6)
    }

    private func knows(_ name: String) -> Bool {
        let account = accounts.withLock { $0.all[name]?.account }
        account?.check()
        return account != nil
    }

    private func subject(of host: String) -> String { "\(link.prefix)-shared-limits.\(host)" }
}
