import Synchronization
import Testing

@testable import Server

@Suite("Readers of stored sessions", .timeLimit(.minutes(1)))
final class HistoryBudgetTests: Sendable {
    private let budget = HistoryBudget()
    private let isBusy = Mutex(true)
    private let reads = Mutex(0)
    private let refused = Mutex(0)

    private func read(isWanted: Bool = true) async -> Bool {
        let isRead = (try? await budget.read(while: { isWanted }) { reads.withLock { $0 += 1 } }) != nil
        if !isRead { refused.withLock { $0 += 1 } }
        return isRead
    }

    private func keepTurn() async {
        _ = try? await budget.read(while: { true }) {
            reads.withLock { $0 += 1 }
            while isBusy.withLock(\.self) { await Task.yield() }
        }
    }

    @Test("wait for their turn, but no more of them than may")
    func bounded() async {
        async let first: Void = keepTurn()
        async let second: Void = keepTurn()
        while reads.withLock({ $0 < 2 }) { await Task.yield() }
        let waiting = (0..<HistoryBudget.maxWaiting + 5).map { _ in Task { await self.read() } }
        while refused.withLock({ $0 < 5 }) { await Task.yield() }
        #expect(reads.withLock(\.self) == 2)
        isBusy.withLock { $0 = false }
        var read = 0
        for task in waiting { read += await task.value ? 1 : 0 }
        #expect(read == HistoryBudget.maxWaiting)
        _ = await (first, second)
        #expect(await self.read())
    }

    @Test("who has left when the turn comes is not read for, and the next has it")
    func left() async {
        for _ in 0..<5 { #expect(await !read(isWanted: false)) }
        #expect(reads.withLock(\.self) == 0)
        #expect(await read())
    }

    @Test("whose time is over before the turn comes is not read for, and holds up nobody")
    func late() async {
        async let first: Void = keepTurn()
        async let second: Void = keepTurn()
        while reads.withLock({ $0 < 2 }) { await Task.yield() }
        let late = (0..<20).map { _ in Task { await self.read() } }
        let last = Task { await self.read() }
        for task in late { task.cancel() }
        for task in late { #expect(await !task.value) }
        #expect(reads.withLock(\.self) == 2)
        isBusy.withLock { $0 = false }
        #expect(await last.value)
        _ = await (first, second)
        #expect(reads.withLock(\.self) == 3)
    }
}
