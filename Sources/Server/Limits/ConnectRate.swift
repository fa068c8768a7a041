import NIOCore
import Synchronization

/// How many connections a second the host takes, whichever event loop accepts them.
final class ConnectRate: Sendable {
    private struct State {
        var rate: Int
        /// `nil` where there is no limit.
        var bucket: RateBucket?

        init(rate: Int) {
            self.rate = rate
            bucket = rate > 0 ? RateBucket(rate: rate, capacity: rate, now: .now()) : nil
        }
    }

    private let state: Mutex<State>

    /// - Parameter rate: 0 is no limit.
    init(perSecond rate: Int) {
        state = Mutex(State(rate: rate))
    }

    /// Whether one more may be served now.
    func take() -> Bool {
        state.withLock { $0.bucket?.take(at: .now()) ?? true }
    }

    /// Takes another rate from now on.
    func change(perSecond rate: Int) {
        state.withLock { if $0.rate != rate { $0 = State(rate: rate) } }
    }
}
