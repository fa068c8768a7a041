import Glibc

/// A value behind a lock that a thread can wait on until it changes.
package final class ConditionLock<State>: @unchecked Sendable {
    // The value is only reached under the lock.
    private var state: State
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let change = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    package init(_ state: sending State) {
        self.state = state
        pthread_mutex_init(lock, nil)
        // Deadlines are no matter of the wall clock.
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(change, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(change)
        pthread_mutex_destroy(lock)
        change.deallocate()
        lock.deallocate()
    }

    /// Reads or changes the value; whoever waits looks again, or one of them.
    package func withLock<Result>(
        wakingAll: Bool = true, _ body: (inout State) throws -> sending Result
    ) rethrows -> sending Result {
        pthread_mutex_lock(lock)
        defer {
            if wakingAll { pthread_cond_broadcast(change) } else { pthread_cond_signal(change) }
            pthread_mutex_unlock(lock)
        }
        return try body(&state)
    }

    /// Waits until `body` finds something, at most for a time.
    package func wait<Result>(
        _ patience: Duration? = nil, for body: (inout State) -> sending Result?
    ) -> sending Result? {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        let deadline = patience.map(monotonicTime)
        while true {
            if let found = body(&state) { return found }
            if var deadline {
                if pthread_cond_timedwait(change, lock, &deadline) == ETIMEDOUT { return body(&state) }
            } else {
                pthread_cond_wait(change, lock)
            }
        }
    }
}

private func monotonicTime(after patience: Duration) -> timespec {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    let (seconds, attoseconds) = patience.components
    let nanoseconds = time.tv_nsec + Int(attoseconds / 1_000_000_000)
    return timespec(
        tv_sec: time.tv_sec + Int(seconds) + nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
}
