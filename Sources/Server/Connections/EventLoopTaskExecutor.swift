import NIOCore

/// Runs tasks on an event loop, so that a message never leaves its connection's thread unless a stage makes it.
final class EventLoopTaskExecutor: TaskExecutor {
    let eventLoop: any EventLoop
    private let executor: any SerialExecutor

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        executor = eventLoop.executor
    }

    func enqueue(_ job: consuming ExecutorJob) {
        executor.enqueue(job)
    }
}
