import Foundation
import Synchronization
import Threads

/// An event loop that does nothing but what it is given, on a thread of its own that ends with ``stop()``.
package final class TestLoop: WorkingLoop, TaskExecutor {
    private struct Timer {
        let id: Int
        let time: ContinuousClock.Instant
        let work: @Sendable () -> Void
    }

    private struct State {
        var work: [@Sendable () -> Void] = []
        var timers: [Timer] = []
        var bells: [Int32: @Sendable () -> Void] = [:]
        var numbers = 0
        var isStopped = false
        var hasEnded = false
    }

    private let state = Mutex(State())
    private let ends: (reading: Int32, writing: Int32)

    private let takesBells: Bool
    private let looks = Atomic(0)

    /// How often it has looked at its descriptors.
    package var turns: Int { looks.load(ordering: .relaxed) }

    /// - Parameter takesBells: Whether descriptors can be watched.
    package init(takesBells: Bool = true) {
        self.takesBells = takesBells
        var ends: [Int32] = [-1, -1]
        pipe(&ends)
        self.ends = (ends[0], ends[1])
        Thread.detachNewThread { self.run() }
        execute { self.adopt() }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    package func execute(_ work: @escaping @Sendable () -> Void) {
        state.withLock { $0.work.append(work) }
        wake()
    }

    package func execute(after delay: Duration, _ work: @escaping @Sendable () -> Void) -> () -> Void {
        let id = state.withLock { state in
            state.numbers += 1
            state.timers.append(Timer(id: state.numbers, time: .now + delay, work: work))
            return state.numbers
        }
        return { self.state.withLock { $0.timers.removeAll { $0.id == id } } }
    }

    package func watch(_ bell: Int32, _ work: @escaping @Sendable () -> Void) -> (() -> Void)? {
        guard takesBells else { return nil }
        state.withLock { $0.bells[bell] = work }
        return {
            self.state.withLock { $0.bells[bell] = nil }
            close(bell)
        }
    }

    package func stop() {
        state.withLock { $0.isStopped = true }
        wake()
    }

    private func wake() {
        var byte: UInt8 = 0
        // What comes when the loop has ended is left.
        state.withLock { if !$0.hasEnded { write(ends.writing, &byte, 1) } }
    }

    private func run() {
        while true {
            let (work, bells, wait, isStopped) = state.withLock { state in
                let now = ContinuousClock.now
                let due = state.timers.filter { $0.time <= now }
                state.timers.removeAll { $0.time <= now }
                defer { state.work = [] }
                let next = state.timers.map(\.time).min().map { Int32(now.duration(to: $0) / .milliseconds(1)) + 1 }
                return (state.work + due.map(\.work), Array(state.bells), next ?? -1, state.isStopped)
            }
            if isStopped && work.isEmpty { break }
            for each in work { each() }
            if !work.isEmpty { continue }
            looks.add(1, ordering: .relaxed)
            var watched = ([ends.reading] + bells.map(\.key)).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            poll(&watched, nfds_t(watched.count), wait)
            for (index, one) in watched.enumerated() where one.revents != 0 {
                var bytes: UInt64 = 0
                read(one.fd, &bytes, 8)
                if index > 0 { bells[index - 1].value() }
            }
        }
        state.withLock { state in
            state.hasEnded = true
            // With it ends what it was to do.
            for bell in state.bells.keys { close(bell) }
            (state.bells, state.timers, state.work) = ([:], [], [])
            close(ends.reading)
            close(ends.writing)
        }
    }
}
