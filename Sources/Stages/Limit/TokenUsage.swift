import Pipeline
import Synchronization

/// A period of a token budget.
struct Window: Hashable {
    /// When it began.
    let start: Timestamp
    private let end: Timestamp

    /// The one that a time is in.
    init(of time: Timestamp, period: Duration) {
        let length = max(1, Int64(period / .microseconds(1)))
        let start = time.microseconds / length * length
        self.start = Timestamp(microseconds: start)
        end = Timestamp(microseconds: start + length)
    }

    /// How long it lasts.
    var left: Duration { .microseconds(max(0, end.microseconds - Timestamp.now.microseconds)) }
}

/// Who has used up a budget. The database is asked for each message that may go on, as one answer can be all that is
/// left; who has nothing left and keeps asking costs one query a second.
final class TokenUsage: Sendable {
    private struct Spent {
        let window: Window
        let at: ContinuousClock.Instant
    }

    private static let age: Duration = .seconds(1)
    private static let many = 10_000

    private let spent = Mutex<[StoredUser: Spent]>([:])

    /// - Parameter ask: How many tokens the user has used.
    func hasUsed(
        _ budget: Int, by user: StoredUser, in window: Window, _ ask: () async throws -> Int
    ) async throws -> Bool {
        if let spent = spent.withLock({ $0[user] }), spent.window == window, .now - spent.at < TokenUsage.age {
            return true
        }
        guard try await ask() >= budget else { return false }
        spent.withLock { spent in
            if spent.count >= TokenUsage.many { spent = [:] }
            spent[user] = Spent(window: window, at: .now)
        }
        return true
    }
}
