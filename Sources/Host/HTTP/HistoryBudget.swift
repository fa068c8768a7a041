import DequeModule
import Synchronization

/// What stored sessions may take that clients ask for: how many are read at once, and how many bytes of them may wait for
/// clients, whoever asked for them.
final class HistoryBudget: Sendable {
    private struct State {
        var bytes = 0
        var readers = 0
        /// Those whose turn has not come: one a connection at most.
        var waiting = Deque<CheckedContinuation<Void, Never>>()
    }

    /// Most of what a host may hold for clients who ask and do not read.
    private static let mostBytes = 32 << 20
    /// While rows are read they are there several times: as the database gives them, as rows and as text.
    private static let mostReaders = 2

    private let state = Mutex(State())

    /// Reads in turn.
    func read<Result>(_ body: () async -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            let mayRead = state.withLock { state in
                guard state.readers == HistoryBudget.mostReaders else {
                    state.readers += 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if mayRead { continuation.resume() }
        }
        let result = await body()
        let next = state.withLock { state in
            let next = state.waiting.popFirst()
            if next == nil { state.readers -= 1 }
            return next
        }
        next?.resume()
        return result
    }

    /// Takes so many bytes.
    ///
    /// - Returns: What gives them back with its last reference; `nil` where too many wait.
    func take(_ bytes: Int) -> Reservation? {
        let isTaken = state.withLock { state in
            guard bytes <= HistoryBudget.mostBytes - state.bytes else { return false }
            state.bytes += bytes
            return true
        }
        return isTaken ? Reservation(self, bytes) : nil
    }

    /// Bytes of one answer, for as long as the host holds it.
    final class Reservation: Sendable {
        private let budget: HistoryBudget
        private let bytes: Int

        fileprivate init(_ budget: HistoryBudget, _ bytes: Int) {
            (self.budget, self.bytes) = (budget, bytes)
        }

        deinit { budget.state.withLock { $0.bytes -= bytes } }
    }
}
