import NIOCore

/// Runs tasks on an event loop, so that a message never leaves its connection's thread unless a stage makes it.
///
/// The jobs of a turn are kept here and run together, as one task of the loop's: handed to the loop each would be queued,
/// copied and cast by itself, which is most of what a step costs that waits for nothing.
final class EventLoopTaskExecutor: TaskExecutor, @unchecked Sendable {
    // Unchecked: the jobs are touched on the event loop alone.
    let eventLoop: any EventLoop
    /// Whether a job knows by whom it is run.
    private let isKnown: Bool
    /// That of messages whose answers come in pieces.
    private(set) lazy var forStreams = EventLoopTaskExecutor(eventLoop, isKnown: true)
    @exclusivity(unchecked) private var jobs: [UnownedJob] = []
    /// Those that run now; two arrays, so that neither is made anew.
    @exclusivity(unchecked) private var running: [UnownedJob] = []

    convenience init(_ eventLoop: any EventLoop) { self.init(eventLoop, isKnown: false) }

    private init(_ eventLoop: any EventLoop, isKnown: Bool) {
        (self.eventLoop, self.isKnown) = (eventLoop, isKnown)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if eventLoop.inEventLoop { add(job) } else { eventLoop.execute { self.add(job) } }
    }

    private func add(_ job: UnownedJob) {
        jobs.append(job)
        if jobs.count == 1 { eventLoop.execute { self.run() } }
    }

    private func run() {
        swap(&jobs, &running)
        if isKnown {
            // A task goes on at once with all that came in one read, which leaves in one write then.
            let executor = asUnownedTaskExecutor()
            for job in running { job.runSynchronously(on: executor) }
        } else {
            // To the loop's executor a call that may run on any thread is a job of its own, so that many messages take each
            // step together: its code is in the processor's cache then.
            let executor = eventLoop.executor.asUnownedSerialExecutor()
            for job in running { job.runSynchronously(on: executor) }
        }
        running.removeAll(keepingCapacity: true)
    }
}
