import Synchronization
import Threads

/// What is asked of those who run calls.
enum CurlCommand {
    case start(Call)
    case resume(Call)
    case cancel(Call)
    /// A host has said more than it was asked for.
    case distrust
}

/// Runs calls, on a thread of its own or on an event loop.
protocol CallRunner: AnyObject, Sendable {
    /// Takes a command, from any thread.
    func submit(_ command: CurlCommand)

    /// Ends the running calls, and calls back when that is done. Those that come later fail.
    func stop(_ done: @escaping @Sendable () -> Void)
}

/// Those who run a client's calls: each event loop the calls that are made on its thread, and a thread of the client's own
/// all others.
final class CallRunners: Sendable {
    private struct State {
        var loops: [CurlLoop] = []
        var isStopped = false
    }

    /// Tells the log, once where several of them see it, and the other runners.
    private final class Excess: Sendable {
        private struct State {
            weak var runners: CallRunners?
            var lastReport: ContinuousClock.Instant?
        }

        private let report: @Sendable (String) -> Void
        private let state = Mutex(State())

        init(_ report: @escaping @Sendable (String) -> Void) {
            self.report = report
        }

        func tell(_ runners: CallRunners) { state.withLock { $0.runners = runners } }

        func note(_ text: String) {
            let now = ContinuousClock.now
            let isNews: Bool = state.withLock { state in
                if let last = state.lastReport, now < last + KeptTrust.distrust { return false }
                state.lastReport = now
                return true
            }
            if isNews { report(text) }
            state.withLock { $0.runners }?.distrust()
        }
    }

    private let configuration: HTTPClientConfiguration
    private let excess: Excess
    private let worker: CurlWorker
    private let state = Mutex(State())

    init(_ configuration: HTTPClientConfiguration, report: @escaping @Sendable (String) -> Void) {
        self.configuration = configuration
        excess = Excess(report)
        worker = CurlWorker(configuration, report: excess.note)
        excess.tell(self)
    }

    /// Who runs a call that is made now.
    func runner() -> any CallRunner {
        guard let thread = LoopThread.current else { return worker }
        if let runner = runner(on: thread) { return runner }
        guard let runner = makeRunner(on: thread) else { return worker }
        // So that what a client holds does not depend on which loops its calls happen to be made on.
        for peer in thread.loop.peers {
            peer.execute {
                guard let thread = LoopThread.current, self.runner(on: thread) == nil else { return }
                _ = self.makeRunner(on: thread)
            }
        }
        return runner
    }

    private func runner(on thread: LoopThread) -> CurlLoop? { thread.parts[ObjectIdentifier(self)] as? CurlLoop }

    private func makeRunner(on thread: LoopThread) -> CurlLoop? {
        guard let runner = CurlLoop(on: thread.loop, configuration, report: excess.note) else { return nil }
        let isStopped: Bool = state.withLock { state in
            if !state.isStopped { state.loops.append(runner) }
            return state.isStopped
        }
        if isStopped {
            runner.end()
            return nil
        }
        thread.parts[ObjectIdentifier(self)] = runner
        return runner
    }

    func stop(_ done: @escaping @Sendable () -> Void) {
        let loops: [CurlLoop] = state.withLock { state in
            state.isStopped = true
            defer { state.loops = [] }
            return state.loops
        }
        // Loops know their runner by this object: until the last has ended, no other may have its place in memory.
        CallRunners.stop(loops + [worker]) { withExtendedLifetime(self) { done() } }
    }

    /// One after the other.
    private static func stop(_ runners: [any CallRunner], _ done: @escaping @Sendable () -> Void) {
        guard let last = runners.last else { return done() }
        last.stop { stop(runners.dropLast(), done) }
    }

    /// What one of them has seen counts for all.
    private func distrust() {
        for loop in state.withLock({ $0.loops }) { loop.submit(.distrust) }
        worker.submit(.distrust)
    }
}
