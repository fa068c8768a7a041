import Glibc
import Synchronization

/// How a connection waits while another program holds the database's lock: as SQLite itself does, but no longer than until
/// the host stops.
final class SQLiteBusyWait: Sendable {
    private let limit: Duration
    private let begin = Mutex(ContinuousClock.now)
    private let isOver = Atomic<Bool>(false)

    /// SQLite's own pauses, in milliseconds.
    private static let pauses: [Int64] = [1, 2, 5, 10, 15, 20, 25, 25, 25]

    init(_ limit: Duration) {
        self.limit = limit
    }

    /// Waits a little, and says whether SQLite is to try again.
    ///
    /// - Parameter tries: How often it was called for the same lock.
    func pause(after tries: Int) -> Bool {
        let left = begin.withLock { begin in
            if tries == 0 { begin = .now }
            return limit - (ContinuousClock.now - begin)
        }
        guard left > .zero, !isOver.load(ordering: .relaxed) else { return false }
        let pause = tries < SQLiteBusyWait.pauses.count ? SQLiteBusyWait.pauses[max(0, tries)] : 50
        usleep(UInt32(min(.milliseconds(pause), left) / .microseconds(1)) + 1)
        return !isOver.load(ordering: .relaxed)
    }

    /// Lets nobody wait any more.
    func end() {
        isOver.store(true, ordering: .relaxed)
    }
}
