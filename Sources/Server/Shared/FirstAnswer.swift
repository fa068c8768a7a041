import Synchronization
import Threads

/// The first answer of several.
final class FirstAnswer<Answer: Sendable>: Sendable {
    private let first = Mutex<Answer?>(nil)
    private let waits = TimedWaits()

    func finish(_ answer: Answer) {
        first.withLock { if case .none = $0 { $0 = .some(answer) } }
        waits.wakeAll()
    }

    /// Waits for it.
    ///
    /// - Returns: `nil` where it has not come yet.
    func answer(within limit: Duration) async -> Answer? {
        await waits.wait(within: limit) { first.withLock { if case .some = $0 { true } else { false } } }
        return first.withLock(\.self)
    }
}
