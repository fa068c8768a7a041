import DequeModule
import Synchronization

/// Lets one task go on at a time, in the order in which they came. It may be held across suspensions.
final class AsyncMutex: Sendable {
    private struct State {
        var isTaken = false
        var waiting = Deque<CheckedContinuation<Void, Never>>()
    }

    private let state = Mutex(State())

    /// Waits until nobody has it.
    func lock() async {
        await withCheckedContinuation { continuation in
            let isMine = state.withLock { state in
                if state.isTaken { state.waiting.append(continuation) }
                defer { state.isTaken = true }
                return !state.isTaken
            }
            if isMine { continuation.resume() }
        }
    }

    /// Lets the next have it.
    func unlock() {
        let next = state.withLock { state in
            let next = state.waiting.popFirst()
            state.isTaken = next != nil
            return next
        }
        next?.resume()
    }
}
