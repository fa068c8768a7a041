import Synchronization
import Testing

@testable import Server

@Suite("What is kept of clients")
struct KeptBudgetTests {
    /// Something that is kept, which a test counts.
    private final class Things: KeptKind {
        static var kind: KeptBudget.Kind { .sessions }
        private let things = Mutex<[(stamp: Int, bytes: Int)]>([])
        private let budget: KeptBudget

        init(_ budget: KeptBudget) {
            self.budget = budget
        }

        var sizes: [Int] { things.withLock { $0.map(\.bytes) } }

        func add(_ bytes: Int) {
            things.withLock { $0.append((budget.stamp(), bytes)) }
            budget.add(bytes, of: .sessions)
        }

        var oldest: Int? { things.withLock { $0.first?.stamp } }

        func dropOldest() {
            let bytes = things.withLock { $0.removeFirst().bytes }
            budget.add(-bytes, of: .sessions)
        }
    }

    @Test("is bounded in all, and the oldest goes first whatever it is")
    func acrossKinds() {
        let budget = KeptBudget(limit: 1_000)
        let (one, two) = (Things(budget), Things(budget))
        budget.watch([one, two])
        one.add(300)
        two.add(300)
        one.add(400)
        #expect(budget.state(of: .sessions).dropped == 0)
        two.add(1)
        #expect(one.sizes == [400])
        #expect(two.sizes == [300, 1])
        two.add(599)
        #expect(one.sizes == [400])
        #expect(two.sizes == [1, 599])
        #expect(budget.state(of: .sessions).bytes == 1_000)
        #expect(budget.state(of: .sessions).dropped == 2)
    }
}
