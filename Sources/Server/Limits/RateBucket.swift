import NIOCore
import Pipeline

/// Lets so many things happen a second, and so many at once: a pure value that is told the time.
struct RateBucket {
    private let rate: Double
    private let capacity: Int
    private var tokens: TokenBucket
    private var last: NIODeadline

    /// - Parameters:
    ///   - rate: How many a second in the long run.
    ///   - capacity: How many at once.
    init(rate: Int, capacity: Int, now: NIODeadline) {
        self.rate = Double(rate)
        self.capacity = capacity
        tokens = TokenBucket(capacity: capacity)
        last = now
    }

    /// Whether one more may happen.
    mutating func take(at now: NIODeadline) -> Bool {
        let refilled = Double((now - last).nanoseconds) / 1e9 * rate
        last = now
        return tokens.take(refilled: refilled, capacity: capacity) == nil
    }
}
