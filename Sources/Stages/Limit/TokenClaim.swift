import Pipeline
import Synchronization

/// What a message has reserved of a budget: what its answer may cost, and then what it has cost. Given back with the last
/// copy of the message.
final class TokenClaim: MessageClaim {
    let account: TokenAccount
    private let ledger: TokenLedger
    let window: Window
    /// `nil` where no answer has come yet that says what one costs.
    let estimate: Int?
    private let cost = Mutex<Int?>(nil)

    init(on account: TokenAccount, of ledger: TokenLedger, window: Window, estimate: Int?) {
        self.account = account
        self.ledger = ledger
        self.window = window
        self.estimate = estimate
    }

    /// The most that an answer may be said to cost, as many as a row may have: what is more counts as this, so that sums
    /// fit a number.
    static let maxTokens = Int(Int32.max)

    /// A model that says nothing of tokens uses none, as its rows have none.
    func settle(tokens: Int?) {
        let new = min(max(0, tokens ?? 0), TokenClaim.maxTokens)
        let before = cost.withLock { cost in
            defer { cost = new }
            return cost
        }
        guard before != new else { return }
        ledger.learn(new)
        account.settle(self, cost: new, before: before)
    }

    deinit {
        account.close(self, isSettled: cost.withLock { $0 != nil })
    }
}
