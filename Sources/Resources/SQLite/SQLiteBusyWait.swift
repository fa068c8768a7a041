import GRDB
import Glibc
import Synchronization

/// How a connection waits while another program holds the database's lock: as SQLite itself does, but no longer than until
/// the host stops, and a write no longer than the limit from when it was asked for.
///
/// Writes come to the connection one after the other. If each began to wait only when those before it have given up, the
/// tenth would wait ten times as long.
final class SQLiteBusyWait: Sendable {
    private struct State {
        /// When the wait began.
        var begin = ContinuousClock.now
        /// When the write under way was asked for; `nil` for one that is not known to be late because of the lock.
        var asked: ContinuousClock.Instant?
        /// Whether the last write gave up because of the lock. Behind others that are merely slow a write has all of its time.
        var isHeld = false
    }

    private let limit: Duration
    private let state = Mutex(State())
    private let isOver = Atomic<Bool>(false)

    /// SQLite's own pauses, in milliseconds.
    private static let pauses: [Int64] = [1, 2, 5, 10, 15, 20, 25, 25, 25]

    init(_ limit: Duration) {
        self.limit = limit
    }

    /// Does something in a transaction.
    ///
    /// - Parameter asked: When it was asked for.
    func write(
        _ database: Database, since asked: ContinuousClock.Instant, _ body: () throws -> Database.TransactionCompletion
    ) throws {
        state.withLock { $0.asked = $0.isHeld ? asked : nil }
        defer { state.withLock { $0.asked = nil } }
        do {
            try database.inTransaction(.immediate, body)
            state.withLock { $0.isHeld = false }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
            state.withLock { $0.isHeld = true }
            throw error
        }
    }

    /// Waits a little, and says whether SQLite is to try again.
    ///
    /// - Parameter tries: How often it was called for the same lock.
    func pause(after tries: Int) -> Bool {
        let left = state.withLock { state in
            if tries == 0 { state.begin = state.asked ?? .now }
            return limit - (ContinuousClock.now - state.begin)
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
