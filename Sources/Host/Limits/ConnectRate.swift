import NIOCore
import Synchronization

/// How many connections a second the host takes, whichever event loop accepts them.
final class ConnectRate: Sendable {
    private let bucket: Mutex<TokenBucket>

    /// `nil` where there is no limit.
    init?(perSecond rate: Int) {
        guard rate > 0 else { return nil }
        bucket = Mutex(TokenBucket(rate: rate, capacity: rate, now: .now()))
    }

    /// Whether one more may be served now.
    func take() -> Bool {
        bucket.withLock { $0.take(at: .now()) }
    }
}
