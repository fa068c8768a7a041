import NIOCore

/// Runs tasks on an event loop, so that a message never leaves its connection's thread unless a stage makes it.
final class EventLoopTaskExecutor: TaskExecutor {
    let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Not by the loop's own executor: a task that it runs is not where it prefers to be, and each function that it calls
    /// with `await` would put it into the loop's queue again.
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
