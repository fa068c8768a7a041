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

/// What users have used, as the database said at most a second ago: one that sends many messages costs one query a
/// second.
final class TokenUsage: Sendable {
    private struct Known {
        let window: Window
        let tokens: Int
        let at: ContinuousClock.Instant
    }

    private static let age: Duration = .seconds(1)
    private static let many = 10_000

    private let known = Mutex<[StoredUser: Known]>([:])

    func tokens(of user: StoredUser, in window: Window, _ ask: () async throws -> Int) async throws -> Int {
        if let known = known.withLock({ $0[user] }), known.window == window, .now - known.at < TokenUsage.age {
            return known.tokens
        }
        let tokens = try await ask()
        known.withLock { known in
            if known.count >= TokenUsage.many { known = [:] }
            known[user] = Known(window: window, tokens: tokens, at: .now)
        }
        return tokens
    }
}
