import Foundation
import TestPatience

/// Lets its threads go on once all of them have come.
final class Barrier: Sendable {
    private let condition = NSCondition()
    private nonisolated(unsafe) var missing: Int  // behind the condition's lock

    init(count: Int) {
        missing = count
    }

    /// Waits for the others; `false` if they don't come within some seconds.
    func wait() -> Bool {
        condition.lock()
        defer { condition.unlock() }
        missing -= 1
        if missing <= 0 { condition.broadcast() }
        let limit = Date(timeIntervalSinceNow: .patience(.seconds(10)) / .seconds(1))
        while missing > 0 {
            guard condition.wait(until: limit) else { return false }
        }
        return true
    }
}
