import Pipeline
import Synchronization

/// A token bucket for each client: full at first, refilled evenly.
///
/// As the field knows them from "Token bucket" in Turner, "New directions in communications", IEEE 1986.
final class TokenBuckets: Sendable {
    private struct Bucket {
        var level: Double
        var at: ContinuousClock.Instant
    }

    /// From how many on those that are full again are forgotten.
    private static let many = 10_000

    private let buckets = Mutex<[String: Bucket]>([:])

    /// Takes one from a client's bucket.
    ///
    /// - Returns: How long until there is one; `nil` where there was.
    func take(_ key: String, capacity: Int, every time: Duration, now: ContinuousClock.Instant = EngineTime.now)
        -> Duration?
    {
        let pause = time / capacity
        return buckets.withLock { buckets in
            func level(_ bucket: Bucket) -> Double { min(Double(capacity), bucket.level + (now - bucket.at) / pause) }
            if buckets.count >= TokenBuckets.many { buckets = buckets.filter { level($0.value) < Double(capacity) } }
            let level = buckets[key].map(level) ?? Double(capacity)
            guard level >= 1 else { return pause * (1 - level) }
            buckets[key] = Bucket(level: level - 1, at: now)
            return nil
        }
    }
}
