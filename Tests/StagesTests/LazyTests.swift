import Dispatch
import Foundation
import Synchronization
import Testing

@testable import Stages

@Suite("What is made by who needs it first", .timeLimit(.minutes(1)))
struct LazyTests {
    private final class Made: Sendable {
        private let gone: DispatchSemaphore
        init(_ gone: DispatchSemaphore) { self.gone = gone }
        deinit { gone.signal() }
    }

    @Test("is one for all, though two make it at the same time, and goes with its owner")
    func once() {
        let gone = DispatchSemaphore(value: 0)
        let seen = Mutex<[ObjectIdentifier]>([])
        do {
            let lazy = Lazy<Made>()
            let (making, ended) = (DispatchGroup(), DispatchGroup())
            for group in [making, making, ended, ended] { group.enter() }
            for _ in 0..<2 {
                Thread {
                    let made = lazy.value {
                        // Both are at it before either is done.
                        making.leave()
                        making.wait()
                        return Made(gone)
                    }
                    seen.withLock { $0.append(ObjectIdentifier(made)) }
                    ended.leave()
                }.start()
            }
            ended.wait()
            let lent = lazy.lend({ Made(gone) }, to: ObjectIdentifier.init)
            #expect(seen.withLock(\.self) == [lent, lent])
            // The second is not kept, the first is.
            gone.wait()
            #expect(gone.wait(timeout: .now()) == .timedOut)
            withExtendedLifetime(lazy) {}
        }
        gone.wait()
    }
}
