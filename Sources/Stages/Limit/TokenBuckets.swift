import Pipeline
import Synchronization

/// A token bucket for each client.
///
/// Buckets are in two generations. Who comes is put into the young one; when that is as old as an empty bucket takes to be
/// full, or has its share of clients, it becomes the old one and the old one is forgotten whole. So a message costs the
/// same however many clients there are, and what is forgotten is full again, but where more than 50,000 clients come in
/// the time: then those that have not come for longest get a full bucket, never more.
final class TokenBuckets: Sendable {
    private struct Bucket {
        var tokens: TokenBucket
        var at: ContinuousClock.Instant
    }

    private struct Generations {
        var young: [ClientKey: Bucket] = [:]
        var old: [ClientKey: Bucket] = [:]
        var began: ContinuousClock.Instant?
    }

    /// How many clients a generation has at most: 32 bytes each.
    static let share = 50_000

    private let generations = Mutex(Generations())

    /// How many are kept.
    var count: Int { generations.withLock { $0.young.count + $0.old.count } }

    /// Takes one from a client's bucket.
    ///
    /// - Returns: How long until there is one; `nil` where there was.
    func take(_ key: ClientKey, capacity: Int, every time: Duration, now: ContinuousClock.Instant = EngineTime.now)
        -> Duration?
    {
        let pause = time / capacity
        // More than a clock can tell apart, and no time to divide by.
        guard pause > .zero else { return nil }
        var forgotten: [ClientKey: Bucket] = [:]
        defer { withExtendedLifetime(forgotten) {} }
        return generations.withLock { generations in
            let began = generations.began ?? now
            if now - began >= time || generations.young.count >= TokenBuckets.share {
                // Let go of outside of the lock.
                forgotten = generations.old
                generations.old = generations.young
                generations.young = [:]
                generations.began = now
            } else if generations.began == nil {
                generations.began = now
            }
            let known = generations.young[key] ?? generations.old[key]
            var bucket = known ?? Bucket(tokens: TokenBucket(capacity: capacity), at: now)
            let missing = bucket.tokens.take(refilled: (now - bucket.at) / pause, capacity: capacity)
            bucket.at = now
            // Who is refused comes again, too: it is the last to be forgotten.
            generations.young[key] = bucket
            return missing.map { pause * $0 }
        }
    }
}
