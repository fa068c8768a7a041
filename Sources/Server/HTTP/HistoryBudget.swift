import DequeModule
import Pipeline
import Synchronization

/// What stored sessions may take that clients ask for: how many are read at once, and how many bytes of them may wait for
/// clients, whoever asked for them.
final class HistoryBudget: Sendable {
    private struct State {
        var bytes = 0
        var readers = 0
        var waiting = Deque<FirstOutcome<Void>>()
    }

    /// Most of what a host may hold for clients who ask and do not read.
    private static let maxBytes = 32 << 20
    /// While rows are read they are there several times: as the database gives them, as rows and as text.
    private static let maxReaders = 2
    /// How many may wait for their turn: far more than are read in the time for which a client waits.
    static let maxWaiting = 1_000

    private let state = Mutex(State())

    /// Reads once it is the caller's turn.
    ///
    /// - Parameter isWanted: Asked when the turn has come: clients may have left by then.
    /// - Returns: `nil` where too many wait, and where it is not wanted any more.
    /// - Throws: What `body` throws; `CancellationError` where the task is cancelled before its turn: nothing is read then.
    func read<Result>(
        while isWanted: () -> Bool, _ body: () async throws -> Result
    ) async throws -> Result? {
        guard try await enter() else { return nil }
        defer { leave() }
        return isWanted() ? try await body() : nil
    }

    /// - Returns: Whether its turn has come; `false` where too many wait.
    private func enter() async throws -> Bool {
        let turn = FirstOutcome<Void>()
        let (mayWait, mayRead) = state.withLock { state in
            guard state.readers == HistoryBudget.maxReaders else {
                state.readers += 1
                return (true, true)
            }
            guard state.waiting.count < HistoryBudget.maxWaiting else { return (false, false) }
            state.waiting.append(turn)
            return (true, false)
        }
        if mayRead || !mayWait { return mayRead }
        do {
            try await turn.value()
            return true
        } catch {
            let wasWaiting = state.withLock { state in
                guard let index = state.waiting.firstIndex(where: { $0 === turn }) else { return false }
                state.waiting.remove(at: index)
                return true
            }
            // It had come a moment ago.
            if !wasWaiting { leave() }
            throw error
        }
    }

    private func leave() {
        let next = state.withLock { state in
            let next = state.waiting.popFirst()
            if next == nil { state.readers -= 1 }
            return next
        }
        next?.finish(.success(()))
    }

    /// Takes so many bytes.
    ///
    /// - Returns: What gives them back with its last reference; `nil` where too many wait.
    func take(_ bytes: Int) -> Reservation? {
        let isTaken = state.withLock { state in
            guard bytes <= HistoryBudget.maxBytes - state.bytes else { return false }
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
