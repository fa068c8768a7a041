import Synchronization
import Testing
import Threads

@Suite("Who waits for something to change", .timeLimit(.minutes(1)))
struct TimedWaitsTests {
    private final class Change: Sendable { let isThere = Atomic(false) }

    private let waits = TimedWaits()

    @Test("waits no longer than is said, also where the processor comes only after that")
    func late() async {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<16 { group.addTask { for _ in 0..<2_000 { await waits.wait(within: .zero) } } }
        }
        #expect(waits.count == 0)
    }

    @Test("is woken with all others who wait")
    func woken() async throws {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { await waits.wait(within: .seconds(1_000)) } }
            while waits.count < 8 { await Task.yield() }
            waits.wakeAll()
        }
        #expect(waits.count == 0)
    }

    @Test("does not wait where it is there already, and misses no change in between")
    func there() async {
        await waits.wait(within: .seconds(1_000)) { true }
        await waits.wait(within: .seconds(1_000)) {
            waits.wakeAll()
            return false
        }
        #expect(waits.count == 0)
    }

    @Test("is woken by a change whenever that comes")
    func changes() async {
        for _ in 0..<2_000 {
            let change = Change()
            Task {
                change.isThere.store(true, ordering: .sequentiallyConsistent)
                waits.wakeAll()
            }
            await waits.wait(within: .seconds(1_000)) { change.isThere.load(ordering: .sequentiallyConsistent) }
        }
        #expect(waits.count == 0)
    }
}
