import Synchronization

/// Those who wait for something to change, each for so long at most. What changes is somebody else's, who wakes them all once it
/// has.
package final class TimedWaits: Sendable {
    private struct State {
        var last: UInt64 = 0
        var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// How many wait.
    package var count: Int { state.withLock(\.waiting.count) }

    /// Waits until all are woken, but no longer than `limit`.
    ///
    /// - Parameter isOver: Whether there is nothing to wait for. Asked once whoever wakes all wakes this one, too.
    package func wait(within limit: Duration, unless isOver: () -> Bool = { false }) async {
        var timer: Task<Void, Never>?
        await withCheckedContinuation { continuation in
            let number = state.withLock { state in
                state.last += 1
                state.waiting[state.last] = continuation
                return state.last
            }
            if isOver() { return wake(number) }
            // Not before somebody waits: one that is over by then, where the machine is busy, wakes nobody.
            timer = Task {
                try? await Task.sleep(for: limit)
                self.wake(number)
            }
        }
        timer?.cancel()
    }

    private func wake(_ number: UInt64) {
        state.withLock { $0.waiting.removeValue(forKey: number) }?.resume()
    }

    /// Wakes all who wait.
    package func wakeAll() {
        let waiting = state.withLock { state in
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for continuation in waiting { continuation.resume() }
    }
}
