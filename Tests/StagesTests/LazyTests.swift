import Dispatch
import Synchronization
import Testing

@testable import Stages

@Suite("What is made once")
struct LazyTests {
    private final class Made: Sendable {
        let count: Counter
        init(_ count: Counter) {
            self.count = count
            count.alive.add(1, ordering: .relaxed)
        }
        deinit { count.alive.subtract(1, ordering: .relaxed) }
    }

    private final class Counter: Sendable {
        let alive = Atomic<Int>(0)
    }

    @Test("is the same for all threads that need it at the same time, and goes with its owner")
    func once() {
        let counter = Counter()
        for _ in 0..<100 {
            let lazy = Lazy<Made>()
            let seen = Mutex<Set<ObjectIdentifier>>([])
            DispatchQueue.concurrentPerform(iterations: 8) { _ in
                let made = ObjectIdentifier(lazy.value { Made(counter) })
                let lent = lazy.lend({ Made(counter) }, to: ObjectIdentifier.init)
                seen.withLock { _ = $0.insert(made) }
                seen.withLock { _ = $0.insert(lent) }
            }
            #expect(seen.withLock(\.count) == 1)
            withExtendedLifetime(lazy) { #expect(counter.alive.load(ordering: .relaxed) == 1) }
        }
        #expect(counter.alive.load(ordering: .relaxed) == 0)
    }
}
