import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Server

@Suite("A task on an event loop")
struct EventLoopTaskExecutorTests {
    @Test("keeps its thread until it waits for something, however many asynchronous functions it calls")
    func keepsThread() async {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let others = Mutex(0)
        let executor = EventLoopTaskExecutor(loop)
        let (isOnLoop, before, after) = await Task(executorPreference: executor) {
            loop.execute { others.withLock { $0 += 1 } }
            for _ in 0..<10 { await self.nothing() }
            let before = others.withLock(\.self)
            try? await Task.sleep(for: .milliseconds(1))
            return (loop.inEventLoop, before, others.withLock(\.self))
        }.value
        // Put into the loop's queue again it would be behind what was there.
        #expect(isOnLoop && before == 0 && after == 1)
    }

    private func nothing() async {}
}
