import NIOCore

/// Lets so many things happen a second, and so many at once: a pure value that is told the time.
struct TokenBucket {
    private let rate, capacity: Double
    private var tokens: Double
    private var last: NIODeadline

    /// - Parameters:
    ///   - rate: How many a second in the long run.
    ///   - capacity: How many at once.
    init(rate: Int, capacity: Int, now: NIODeadline) {
        self.rate = Double(rate)
        self.capacity = Double(capacity)
        tokens = self.capacity
        last = now
    }

    /// Whether one more may happen.
    mutating func take(at now: NIODeadline) -> Bool {
        tokens = min(capacity, tokens + Double((now - last).nanoseconds) / 1e9 * rate)
        last = now
        // Fractions add up to a little less than what they make.
        guard tokens >= 1 - 1e-6 else { return false }
        tokens -= 1
        return true
    }
}
