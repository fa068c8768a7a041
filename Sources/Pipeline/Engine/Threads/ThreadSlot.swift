import Glibc
import Synchronization

/// A thread's own row in what many threads write to: nobody else writes there, so that it needs no lock; who reads the rows
/// of others needs atomics.
///
/// Threads beyond the number of rows share the first one, which whoever keeps such rows must guard.
struct ThreadSlot: Sendable {
    /// The row; 0 is the shared one.
    let number: Int

    /// Whether other threads may write there, too.
    var isShared: Bool { number == 0 }

    /// The calling thread's. Not to be kept across a suspension, after which the thread may be another.
    static var current: ThreadSlot {
        // The thread's value is one more than its row, as a thread that has none yet has 0 there.
        let known = Int(bitPattern: pthread_getspecific(SlotRegistry.shared.key))
        return ThreadSlot(number: known == 0 ? SlotRegistry.shared.join() : known - 1)
    }

    /// How many rows there are.
    static var count: Int { SlotRegistry.shared.count }
}

/// Which rows are free.
private struct SlotRegistry: ~Copyable, Sendable {
    static let shared = SlotRegistry()

    let key: pthread_key_t
    let count: Int
    private let free: Mutex<[Int]>

    private init() {
        // The event loops, the tasks' threads, and a few threads of their own.
        count = 1 + min(64, 2 * max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) + 4)
        free = Mutex(Array((1..<count).reversed()))
        var key = pthread_key_t()
        // Called when a thread ends that has a row: the next thread goes on with it.
        pthread_key_create(&key) { value in SlotRegistry.shared.leave(Int(bitPattern: value) - 1) }
        self.key = key
    }

    /// Gives the calling thread a row.
    func join() -> Int {
        let number = free.withLock { $0.popLast() } ?? 0
        pthread_setspecific(key, UnsafeRawPointer(bitPattern: number + 1))
        return number
    }

    private func leave(_ number: Int) {
        if number > 0 { free.withLock { $0.append(number) } }
    }
}
